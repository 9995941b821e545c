"""Made-up Dutch names. Compounds that sound right and belong to nobody; a test keeps them unique."""

from collections.abc import Iterator
from itertools import product
from random import Random

_FIRST = [
    "Appel",
    "Beuken",
    "Berken",
    "Bloesem",
    "Bosuil",
    "Brem",
    "Dennen",
    "Distel",
    "Dotter",
    "Elzen",
    "Esdoorn",
    "Fazanten",
    "Gagel",
    "Geelster",
    "Goudsbloem",
    "Hazel",
    "Heide",
    "Iepen",
    "Kamille",
    "Kastanje",
    "Kievit",
    "Klaver",
    "Korenbloem",
    "Lelie",
    "Linden",
    "Lijster",
    "Maretak",
    "Meidoorn",
    "Mees",
    "Narcis",
    "Notelaar",
    "Olmen",
    "Papaver",
    "Peppel",
    "Pimpernel",
    "Populier",
    "Reiger",
    "Ridderspoor",
    "Rozemarijn",
    "Salie",
    "Sleedoorn",
    "Sparren",
    "Specht",
    "Tarwe",
    "Thijm",
    "Tulpen",
    "Varen",
    "Veldbies",
    "Vlier",
    "Wikke",
    "Wilgen",
    "Winde",
    "Zonnedauw",
    "Zwaluw",
]
_SECOND = [
    "bergh",
    "borgh",
    "daal",
    "dreef",
    "erf",
    "gaerde",
    "hof",
    "hoek",
    "hoeve",
    "kamp",
    "laan",
    "land",
    "meent",
    "oever",
    "plaats",
    "rijk",
    "rode",
    "stede",
    "veste",
    "waard",
]
_KIND = ("Woonzorgcentrum", "Verpleeghuis", "Zorghuis", "Huize", "Zorgpark", "Residentie")
_GROUP = ("zorggroep", "stichting", "ouderenzorg", "zorgwaard", "thuisbij")


def homes(random: Random) -> Iterator[str]:
    """Names of nursing homes, each once."""
    compounds = [f"{first}{second}" for first, second in product(_FIRST, _SECOND)]
    for kinds in (_KIND[:2], _KIND[2:4], _KIND[4:]):
        random.shuffle(compounds)
        yield from (f"{random.choice(kinds)} De {compound}" for compound in compounds)


def organisations(random: Random) -> Iterator[str]:
    """Names of care organisations as tokens carry them (`zorggroep-wilgenhof`), each once."""
    names = [f"{group}-{first.lower()}{second}" for group, first, second in product(_GROUP, _FIRST, _SECOND)]
    random.shuffle(names)
    yield from names


def surname(random: Random) -> str:
    """A name for somebody who does not exist; many bear the same."""
    return f"{random.choice(_FIRST)}{random.choice(_SECOND)}"
