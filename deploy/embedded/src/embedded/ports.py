"""Ports of the loopback address: free when chosen, and the same ones again at the next start where they are still free."""

import json
import random
import socket
from collections.abc import Iterable
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections, so that a port does not get lost to one of those between two runs.
_RANGE = range(20_000, 32_000)
_ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As the servers themselves do: connections of an earlier run that linger in TIME_WAIT are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port that nobody listens on; somebody may be quicker than us, so a start that fails is tried again with another."""
    for _ in range(_ATTEMPTS):
        port = random.choice(_RANGE)  # noqa: S311 - a port is no secret
        if is_free(port):
            return port
    raise OSError("no free port of the loopback address was found")


def kept_ports(file: Path, names: Iterable[str]) -> dict[str, int]:
    """The ports written in the file where they are free, fresh ones otherwise; the file then holds what was chosen."""
    try:
        known = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        # A file cut short by a full disk or a kill says no more than one that is not there.
        known = {}
    ports = {name: known[name] if is_free(known.get(name, 0)) and name in known else free_port() for name in names}
    file.write_text(json.dumps(ports))
    return ports
