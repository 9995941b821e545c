"""Where care is: municipality (gemeente), veiligheidsregio (VR, also GHOR region) and ROAZ region.

Everything keys on the municipality, because three VRs straddle ROAZ regions. Where only such a VR is known the ROAZ is
`ONBEKEND`: counted in its VR and nationally, never guessed. Municipalities merge, so a membership holds for a day: the local
calendar day (Europe/Amsterdam) on which the figure was true. Keep the code as it was given and ask for the day: a location
registered in Weesp lies in VR14 on its old days and in VR13 since 24-3-2022.

The data and its sources lie in `data/`; it is read once, at first use.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType

UNKNOWN_ROAZ = "ONBEKEND"
COUNTRY = "NL"


class UnknownPlace(ValueError):  # noqa: N818 - it names what happened in the field's words, as `PlaceGone` does
    """No such municipality or region, or none on that day. The text never repeats what was asked for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a figure counts: its municipality (None when only the VR is known), VR and ROAZ region."""

    municipality: str | None
    vr: str
    roaz: str


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality with the days on which it exists."""

    code: str
    name: str
    vr: str
    roaz: str
    valid_from: date | None = None
    """Its first day; None for those of the list of 21-12-2020."""
    ended_on: date | None = None
    """The first day on which it no longer exists."""
    successor: str | None = None
    """Which municipality it went into; None when it exists, or was divided."""
    population: int | None = None
    """Known for the municipalities of VR03, VR06 and VR07, which no ROAZ region contains whole."""

    def exists_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and not self.has_ended_by(day)

    def has_ended_by(self, day: date) -> bool:
        return self.ended_on is not None and self.ended_on <= day


@dataclass(frozen=True, slots=True)
class SafetyRegion:
    """A veiligheidsregio, which is also a GHOR region."""

    code: str
    name: str
    roaz: str
    """The ROAZ region in which it lies whole, `ONBEKEND` for the three that straddle several."""
    listed_under: str
    """The ROAZ region under which people look for it, and in whose block its tile is drawn; never used to count."""
    tile: str
    """Three letters for the tile map."""
    column: int
    row: int
    population: int
    """On 1-1-2021."""
    nursing_home_locations: int


@dataclass(frozen=True, slots=True)
class RoazRegion:
    """A region of acute care with one zorgcoördinatiecentrum."""

    code: str
    name: str
    neighbours: tuple[str, ...]
    population: int
    """Its whole VRs and its municipalities of the VRs that straddle."""


def place_of_municipality(code: str, on: date) -> Place:
    """Where this municipality (`GM0119`) counts on a day; one that has merged stands for its successor.

    A code that did not exist yet on that day stands for the municipalities it was made of, which all lay in one VR and ROAZ.

    Raises:
        UnknownPlace: no such municipality, or it was divided before that day.
    """
    municipality = _current(code, on)
    return Place(municipality=municipality.code, vr=municipality.vr, roaz=municipality.roaz)


def place_of_vr(vr: str) -> Place:
    """Where a figure counts of which only the VR (`VR03`) is known.

    Raises:
        UnknownPlace: no such VR.
    """
    region = safety_regions().get(vr)
    if region is None:
        raise UnknownPlace("no such veiligheidsregio")
    return Place(municipality=None, vr=region.code, roaz=region.roaz)


def current_municipality(code: str, on: date) -> str:
    """The code under which this municipality goes on that day, which is its own unless it has merged.

    Raises:
        UnknownPlace: no such municipality, or it was divided before that day.
    """
    return _current(code, on).code


def municipalities(on: date) -> tuple[Municipality, ...]:
    """The municipalities that exist on a day, by code; before 2021 those of 21-12-2020."""
    return tuple(municipality for municipality in all_municipalities().values() if municipality.exists_on(on))


@cache
def all_municipalities() -> Mapping[str, Municipality]:
    """Every municipality since 21-12-2020 by its code, also those that have merged since."""
    # Amsterdam stands twice in the list, under two older ROAZ names that are one region today.
    by_code = {
        row["Municipality_code"]: Municipality(
            code=row["Municipality_code"], name=row["Municipality_name"], vr=row["Security_region_code"], roaz=row["roaz10_code"]
        )
        for row in _rows("municipalities")
    }
    for change in _rows("municipality-changes"):
        day, old, new = date.fromisoformat(change["valid_from"]), by_code[change["old_code"]], change["new_code"]
        if new and new not in by_code:
            # A new municipality takes its ROAZ from those it was made of: its VR alone would not tell where VRs straddle.
            by_code[new] = Municipality(new, change["new_name"], vr=change["security_region"], roaz=old.roaz, valid_from=day)
        by_code[old.code] = replace(old, ended_on=day, successor=new or None)
    for row in _rows("municipalities-population-vr03-vr06-vr07"):
        code = row["Municipality_code"]
        by_code[code] = replace(by_code[code], population=int(row["population"]))
    return MappingProxyType(dict(sorted(by_code.items())))


@cache
def safety_regions() -> Mapping[str, SafetyRegion]:
    """The 25 veiligheidsregio's by their code, `VR01` first."""
    populations = {row["Security_region_code"]: int(row["population"]) for row in _rows("safety-regions-population")}
    locations = {row["Security_region_code"]: int(row["Aantal_locaties"]) for row in _rows("nursing-home-locations")}
    regions_within: dict[str, set[str]] = {}
    for municipality in all_municipalities().values():
        regions_within.setdefault(municipality.vr, set()).add(municipality.roaz)
    return MappingProxyType(
        {
            row["code"]: SafetyRegion(
                code=row["code"],
                name=row["name"],
                roaz=next(iter(within)) if len(within := regions_within[row["code"]]) == 1 else UNKNOWN_ROAZ,
                listed_under=row["listed_under"],
                tile=row["tile"],
                column=int(row["column"]),
                row=int(row["row"]),
                population=populations[row["code"]],
                nursing_home_locations=locations[row["code"]],
            )
            for row in _rows("safety-regions")
        }
    )


@cache
def roaz_regions() -> Mapping[str, RoazRegion]:
    """The ten ROAZ regions by their code, from north to south as they are usually listed."""
    straddling = [municipality for municipality in all_municipalities().values() if municipality.population is not None]
    return MappingProxyType(
        {
            row["code"]: RoazRegion(
                code=row["code"],
                name=row["name"],
                neighbours=tuple(row["neighbours"].split()),
                population=sum(region.population for region in safety_regions().values() if region.roaz == row["code"])
                + sum(municipality.population or 0 for municipality in straddling if municipality.roaz == row["code"]),
            )
            for row in _rows("roaz-regions")
        }
    )


def _current(code: str, on: date) -> Municipality:
    municipality = all_municipalities().get(code)
    if municipality is None:
        raise UnknownPlace("no such municipality")
    while municipality.has_ended_by(on):
        if municipality.successor is None:
            raise UnknownPlace("this municipality was divided; name the one in which the location lies now")
        municipality = all_municipalities()[municipality.successor]
    return municipality


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((files("contracts") / "data" / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
