"""The code lists of Dutch care coordination; the Dutch words are the values.

Codes that decide (sector, care type, cohort, source, kind) must be known: an event with one that its reader does not know is
parked, and replayed once the reader knows it. Read as `ONBEKEND` it would be counted at once and under the wrong name for good.
Codes that describe (reasons, destinations) are plain text in events, which any reader takes; read through their list here, what it
does not know becomes `ONBEKEND`, with the sent value kept beside it, so that a provider's new reason never costs us its report.
"""

from enum import StrEnum
from typing import Self


class DescribingCode(StrEnum):
    """A list that describes: a code it does not know reads as `ONBEKEND`, which each such list has."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls("ONBEKEND") if isinstance(value, str) else None


class Sector(StrEnum):
    """Where care is given."""

    ZIEKENHUIS = "ZIEKENHUIS"
    HUISARTS = "HUISARTS"
    HAP = "HAP"
    VVT = "VVT"
    WIJKVERPLEGING = "WIJKVERPLEGING"
    GHZ = "GHZ"
    GGZ = "GGZ"
    AMBULANCE = "AMBULANCE"
    ZORGCENTRALE = "ZORGCENTRALE"
    TIJDELIJKE_LOCATIE = "TIJDELIJKE_LOCATIE"


class CareType(StrEnum):
    """What care a place gives."""

    ELV_LAAG = "ELV_LAAG"
    ELV_HOOG = "ELV_HOOG"
    ELV_PALLIATIEF = "ELV_PALLIATIEF"
    GRZ = "GRZ"
    WLZ_CRISIS = "WLZ_CRISIS"
    WLZ_REGULIER = "WLZ_REGULIER"
    WMO_SPOED = "WMO_SPOED"
    HOSPICE = "HOSPICE"
    MSVT = "MSVT"
    RESPIJT = "RESPIJT"
    ZORGHOTEL = "ZORGHOTEL"
    WZD_PLEK = "WZD_PLEK"
    GGZ_CRISIS = "GGZ_CRISIS"
    WV_PLANBAAR = "WV_PLANBAAR"
    WV_ONPLANBAAR = "WV_ONPLANBAAR"
    CORONA_UNIT = "CORONA_UNIT"
    CORONACENTRUM = "CORONACENTRUM"
    WIJKVERPLEGINGHOTEL = "WIJKVERPLEGINGHOTEL"
    THUISMONITORING_O2 = "THUISMONITORING_O2"
    SEH = "SEH"
    KLINIEK = "KLINIEK"
    IC = "IC"


class Cohort(StrEnum):
    """Which patients are nursed together."""

    COVID_POS = "COVID_POS"
    COVID_VERDACHT = "COVID_VERDACHT"
    COVID_NEG = "COVID_NEG"
    GEEN = "GEEN"


class Source(StrEnum):
    """Where a figure comes from, in the order of precedence when sources differ."""

    EPD = "EPD"
    ECD = "ECD"
    PLANNER = "PLANNER"
    TELEFOON = "TELEFOON"
    IMPORT = "IMPORT"


class FlowKind(StrEnum):
    """What a patient does in the chain."""

    SEH_AANKOMST = "SEH_AANKOMST"
    OPNAME = "OPNAME"
    OVERPLAATSING = "OVERPLAATSING"
    ONTSLAGGEREED = "ONTSLAGGEREED"
    ONTSLAG = "ONTSLAG"


class ClosedReason(DescribingCode):
    """Why beds are closed; describes, so anything else is `ONBEKEND`."""

    PERSONEEL = "PERSONEEL"
    UITBRAAK = "UITBRAAK"
    SCHOONMAAK = "SCHOONMAAK"
    VERBOUWING = "VERBOUWING"
    APPARATUUR = "APPARATUUR"
    ANDERS = "ANDERS"
    ONBEKEND = "ONBEKEND"


class Destination(DescribingCode):
    """Where a patient leaves to; describes, so anything else is `ONBEKEND`."""

    THUIS = "THUIS"
    THUIS_MET_ZORG = "THUIS_MET_ZORG"
    ZIEKENHUIS = "ZIEKENHUIS"
    VVT = "VVT"
    GGZ = "GGZ"
    GHZ = "GHZ"
    HOSPICE = "HOSPICE"
    OVERLEDEN = "OVERLEDEN"
    ANDERS = "ANDERS"
    ONBEKEND = "ONBEKEND"


class Level(StrEnum):
    """At what level of geography a figure counts."""

    NL = "NL"
    ROAZ = "ROAZ"
    VR = "VR"
