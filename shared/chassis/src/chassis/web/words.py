"""How figures, times and codes are said on screen: in Dutch, in the field's own words, by the Dutch clock.

The scripts of the pages say the same things in the same way (`live.js`); a test holds the two against each other.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from contracts.codes import CareType, Cohort, Sector

# Written out, because neither a server nor a hospital's computer is sure to stand in the Netherlands' own zone.
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

SECTORS: Mapping[Sector, str] = {
    Sector.ZIEKENHUIS: "Ziekenhuis",
    Sector.HUISARTS: "Huisarts",
    Sector.HAP: "Huisartsenpost",
    Sector.VVT: "V&V en thuiszorg",
    Sector.WIJKVERPLEGING: "Wijkverpleging",
    Sector.GHZ: "Gehandicaptenzorg",
    Sector.GGZ: "Ggz",
    Sector.AMBULANCE: "Ambulance",
    Sector.ZORGCENTRALE: "Zorgcentrale",
    Sector.TIJDELIJKE_LOCATIE: "Tijdelijke locatie",
}

CARE_TYPES: Mapping[CareType, str] = {
    CareType.IC: "IC",
    CareType.KLINIEK: "Kliniek",
    CareType.SEH: "SEH",
    CareType.ELV_LAAG: "ELV laag",
    CareType.ELV_HOOG: "ELV hoog",
    CareType.ELV_PALLIATIEF: "ELV palliatief",
    CareType.GRZ: "GRZ",
    CareType.WLZ_CRISIS: "Wlz crisis",
    CareType.WLZ_REGULIER: "Wlz regulier",
    CareType.WZD_PLEK: "Wzd-plek",
    CareType.WMO_SPOED: "Wmo spoed",
    CareType.HOSPICE: "Hospice",
    CareType.RESPIJT: "Respijt",
    CareType.ZORGHOTEL: "Zorghotel",
    CareType.WIJKVERPLEGINGHOTEL: "Wijkverpleginghotel",
    CareType.CORONA_UNIT: "Corona-unit",
    CareType.CORONACENTRUM: "Coronacentrum",
    CareType.GGZ_CRISIS: "Ggz crisis",
    CareType.WV_PLANBAAR: "Wijkverpleging planbaar",
    CareType.WV_ONPLANBAAR: "Wijkverpleging onplanbaar",
    CareType.MSVT: "MSVT",
    CareType.THUISMONITORING_O2: "Thuismonitoring zuurstof",
}

COHORTS: Mapping[Cohort, str] = {
    Cohort.COVID_POS: "COVID +",
    Cohort.COVID_VERDACHT: "Verdacht",
    # A true minus sign: a hyphen next to a word is read as a dash.
    Cohort.COVID_NEG: "COVID \N{MINUS SIGN}",
    Cohort.GEEN: "Geen cohort",
}

# A figure and its unit stay on one line.
JOINED = "\N{NO-BREAK SPACE}"


def number(value: int) -> str:
    """A whole number as the Dutch write it: `1.050`."""
    return f"{value:,}".replace(",", ".")


def age(duration: timedelta) -> str:
    """How old a figure is: `nu`, `7 min`, `3 u 09`, `2 d`."""
    minutes = max(0, duration // timedelta(minutes=1))
    if minutes < 1:
        return "nu"
    if duration < timedelta(hours=1):
        return f"{minutes}{JOINED}min"
    if duration < timedelta(days=1):
        return f"{minutes // 60}{JOINED}u{JOINED}{minutes % 60:02d}"
    return f"{duration // timedelta(days=1)}{JOINED}d"


def clock(instant: datetime) -> str:
    """The Dutch clock time of an instant, `03:12:31`."""
    return instant.astimezone(AMSTERDAM).strftime("%H:%M:%S")


def iso(instant: datetime) -> str:
    """An instant for machines: RFC 3339 with milliseconds."""
    return instant.isoformat(timespec="milliseconds")
