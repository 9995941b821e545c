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


class Urgency(StrEnum):
    """The NTS/NHG scale: U0 resuscitation to U5 no harm expected."""

    U0 = "U0"
    U1 = "U1"
    U2 = "U2"
    U3 = "U3"
    U4 = "U4"
    U5 = "U5"


class Channel(StrEnum):
    """How a contact reached us."""

    TELEFOON = "TELEFOON"
    BALIE = "BALIE"
    ZORGPROFESSIONAL = "ZORGPROFESSIONAL"
    AMBULANCE = "AMBULANCE"
    DIGITAAL = "DIGITAAL"


class CallerRole(StrEnum):
    """Who calls."""

    PATIENT = "PATIENT"
    MANTELZORGER = "MANTELZORGER"
    HUISARTS = "HUISARTS"
    HAP = "HAP"
    SEH = "SEH"
    AMBULANCE = "AMBULANCE"
    WIJKVERPLEGING = "WIJKVERPLEGING"
    TRANSFERPUNT = "TRANSFERPUNT"
    INSTELLING = "INSTELLING"


class Origin(StrEnum):
    """Where the patient is."""

    THUIS = "THUIS"
    KLEINE_INSTELLING = "KLEINE_INSTELLING"
    BESCHERMD_WONEN = "BESCHERMD_WONEN"
    ZIEKENHUIS = "ZIEKENHUIS"


class FollowUp(DescribingCode):
    """What is to be done (vervolgactie)."""

    AMBULANCE = "AMBULANCE"
    SEH = "SEH"
    HAP_CONSULT = "HAP_CONSULT"
    VISITE = "VISITE"
    TELEFONISCH_ADVIES = "TELEFONISCH_ADVIES"
    ZELFZORG = "ZELFZORG"
    EIGEN_HUISARTS = "EIGEN_HUISARTS"
    WIJKVERPLEGING_SPOED = "WIJKVERPLEGING_SPOED"
    TIJDELIJK_VERBLIJF = "TIJDELIJK_VERBLIJF"
    GGZ_CRISIS = "GGZ_CRISIS"
    THUISMONITORING = "THUISMONITORING"
    ONBEKEND = "ONBEKEND"


class ClosureOutcome(StrEnum):
    """How a case ended."""

    ADVIES = "ADVIES"
    DOORVERWEZEN = "DOORVERWEZEN"
    GEPLAATST = "GEPLAATST"
    OVERGEDRAGEN_112 = "OVERGEDRAGEN_112"
    INGETROKKEN = "INGETROKKEN"
    OVERLEDEN = "OVERLEDEN"


class DeclineReason(DescribingCode):
    """Why a provider does not take a patient; `NIET_EIGEN_CLIENT` is never valid, `GEEN_CIZ` not for places with cohort nursing."""

    VOL = "VOL"
    GEEN_PERSONEEL = "GEEN_PERSONEEL"
    ZORGVRAAG_PAST_NIET = "ZORGVRAAG_PAST_NIET"
    COHORT_PAST_NIET = "COHORT_PAST_NIET"
    GEEN_APPARATUUR = "GEEN_APPARATUUR"
    UITBRAAK = "UITBRAAK"
    VERVOER = "VERVOER"
    VEILIGHEID = "VEILIGHEID"
    NIET_EIGEN_CLIENT = "NIET_EIGEN_CLIENT"
    GEEN_CIZ = "GEEN_CIZ"
    ANDERS = "ANDERS"
    ONBEKEND = "ONBEKEND"


class Choice(StrEnum):
    """A treatment wish; `ANDERS` and `ONBEKEND` are not permission."""

    JA = "JA"
    NEE = "NEE"
    ANDERS = "ANDERS"
    ONBEKEND = "ONBEKEND"
