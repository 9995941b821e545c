"""The protocol packs that this product carries; the real NTS criteria are licensed, so this is a sample of our own."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydantic import TypeAdapter

from triage.domain.protocol import Protocol

_READER = TypeAdapter(Protocol)


@cache
def carried_packs() -> Mapping[tuple[str, str], Protocol]:
    """Every pack by name and version; a broken one ends the process before it judges anybody.

    Raises:
        pydantic.ValidationError: when a pack is not what a pack must be.
    """
    folder = files("triage.adapters.protocols")
    packs = [_READER.validate_json(file.read_bytes()) for file in sorted(folder.iterdir(), key=str) if file.name.endswith(".json")]
    return MappingProxyType({(pack.name, pack.version): pack for pack in packs})
