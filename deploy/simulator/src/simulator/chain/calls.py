"""Who calls about which patient, when, and what they ask for. Pure: the same seed and moment give the same call.

A call is drawn from the seed and its moment alone, so nothing has to be remembered and nobody calls twice after a restart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from contracts.codes import CallerRole, CareType, Channel, Choice, Cohort, Origin, Urgency
from contracts.geography import Municipality, municipalities, safety_regions
from simulator.chain.persons import MARK, made_up
from simulator.chance import seeded
from simulator.tokens import Who
from simulator.world import AS_OF, hospitals

Body = dict[str, Any]

KEYS = uuid5(NAMESPACE_URL, "urn:nl:zorgcoordinatie:simulator:calls")
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

# So often somebody calls at SPEED 1, and never more often than a machine of two cores takes beside everything else.
CALL_EVERY_SECONDS = 2.5
FASTEST_CALL_SECONDS = 0.1

ORGANISATION = "simulatie-"
"""With this the organisations of simulated callers begin: their requests are the ones that simulated coordinators look after."""

SHARE_REFERRERS = 0.25
SHARE_HOSPITALS = 0.15
SHARE_WITH_WISHES = 0.7
SHARE_ADVICE = {Urgency.U4: 0.3, Urgency.U5: 0.8}

# How the protocol's urgencies are spread over calls that reach a triagist.
URGENCIES: Mapping[Urgency, int] = {Urgency.U0: 1, Urgency.U1: 4, Urgency.U2: 25, Urgency.U3: 35, Urgency.U4: 25, Urgency.U5: 10}
PLACE_WITHIN: Mapping[Urgency, timedelta] = {
    Urgency.U2: timedelta(hours=1),
    Urgency.U3: timedelta(hours=4),
    Urgency.U4: timedelta(hours=24),
    Urgency.U5: timedelta(hours=48),
}
HANDED_OVER = frozenset({Urgency.U0, Urgency.U1})

COMPLAINTS = (
    "gevallen in huis, kan niet meer lopen",
    "benauwd sinds gisteren, thuis gaat het niet meer",
    "verward, eet en drinkt niet",
    "koorts en hoesten, positief getest",
    "mantelzorger is zelf uitgevallen",
    "na operatie nog niet zelfstandig, woning heeft trappen",
    "terminaal ziek, thuis niet meer te doen",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The place that a patient needs."""

    care_type: CareType
    cohort: Cohort
    weight: int
    target_group: int
    needs: Mapping[str, bool | int] = field(default_factory=dict)


# Care types of which simulated nursing homes have many enough; the needs are asked for now and then.
WANTED = (
    Wanted(CareType.ELV_LAAG, Cohort.GEEN, 26, 3, {"lift": True}),
    Wanted(CareType.ELV_HOOG, Cohort.GEEN, 24, 3, {"night_nursing": True}),
    Wanted(CareType.GRZ, Cohort.GEEN, 14, 3, {"lift": True}),
    Wanted(CareType.CORONA_UNIT, Cohort.COVID_POS, 12, 2, {"oxygen_l_min": 3}),
    Wanted(CareType.CORONA_UNIT, Cohort.COVID_VERDACHT, 6, 1, {"isolation": True}),
    Wanted(CareType.WLZ_CRISIS, Cohort.GEEN, 6, 3, {}),
    Wanted(CareType.RESPIJT, Cohort.GEEN, 6, 3, {}),
    Wanted(CareType.WZD_PLEK, Cohort.GEEN, 3, 3, {"wzd": True}),
    Wanted(CareType.ELV_PALLIATIEF, Cohort.GEEN, 3, 5, {"palliative": True}),
)
SHARE_WITH_NEEDS = 0.35


@dataclass(frozen=True, slots=True)
class Call:
    """One contact from beginning to end, as far as the caller decides about it."""

    at: datetime
    who: Who
    """As whom it is registered: a triagist, a referrer or a hospital."""
    contact: Body = field(repr=False)
    """What `POST /triage/v1/cases` takes."""
    is_assessed: bool
    """A triagist goes through the protocol; referrers and hospitals say themselves how urgent it is."""
    urgency: Urgency
    """What the answers come to, or the asker's own."""
    wishes: Body | None = field(repr=False)
    is_advice: bool
    """Nobody needs a place: it ends with advice."""
    region: str
    wanted: Wanted
    needs: Mapping[str, bool | int]
    pauses: tuple[float, ...]
    """How long each of the steps takes, in seconds."""
    lot: float
    """Which of the protocol's complaints it is about, from 0 to 1."""

    def key(self, step: str) -> str:
        """The idempotency key of a step: sent twice it counts once."""
        return str(uuid5(KEYS, f"{self.at.isoformat()}/{self.contact['municipality']}/{step}"))

    def place(self, urgency: Urgency, now: datetime) -> Body:
        """What `POST …/placement-request` takes, with the urgency as assessed."""
        return {
            "care_type": self.wanted.care_type.value,
            "cohort": self.wanted.cohort.value,
            "urgency": urgency.value,
            "place_by": (now + PLACE_WITHIN[urgency]).isoformat(),
            "region": self.region,
            "needs": dict(self.needs),
            "target_group": self.wanted.target_group,
        }


@dataclass(frozen=True, slots=True)
class Answers:
    """What a triagist fills in."""

    complaint: str
    answers: Mapping[str, bool]


class Callers:
    """The stream of calls from a moment on."""

    def __init__(self, seed: int, speed: float) -> None:
        self._seed = seed
        self._every = timedelta(seconds=max(CALL_EVERY_SECONDS / speed, FASTEST_CALL_SECONDS))

    def next_after(self, at: datetime) -> Call:
        """The first call after a moment."""
        return _call(self._seed, EPOCH + ((at - EPOCH) // self._every + 1) * self._every)

    def stream(self, start: datetime, until: datetime) -> Iterator[Call]:
        """Every call after one moment, up to and including another."""
        call = self.next_after(start)
        while call.at <= until:
            yield call
            call = self.next_after(call.at)


def answers_for(urgency: Urgency, lot: float, complaints: Sequence[Mapping[str, Any]]) -> Answers:
    """What a triagist fills in so that this protocol comes to an urgency, or near it; `lot`, from 0 to 1, chooses the complaint.

    Criteria that are more urgent are answered with no, the one that decides with yes.
    """
    # Complaints differ in which urgencies they know: the call is about one that knows its own.
    knowing = [complaint for complaint in complaints if any(criterion["urgency"] == urgency for criterion in complaint["criteria"])]
    among = knowing or list(complaints)
    complaint = among[int(lot * len(among))]
    answers: dict[str, bool] = {}
    for criterion in complaint["criteria"]:
        answers[criterion["id"]] = criterion["urgency"] >= urgency
        if answers[criterion["id"]]:
            break
    return Answers(complaint["id"], answers)


def triagist_of(roaz: str) -> Who:
    """A triagist of the ZCC of this ROAZ region."""
    return Who("triagist", f"{ORGANISATION}zcc-{roaz.lower()}")


def referrer_of(roaz: str) -> Who:
    """A GP of this ROAZ region."""
    return Who("referrer", f"{ORGANISATION}huisartsen-{roaz.lower()}")


def is_simulated(organisation: object) -> bool:
    """Whether a request of this organisation is one of our own callers'."""
    return isinstance(organisation, str) and (organisation.startswith(ORGANISATION) or organisation in _hospital_organisations())


def _call(seed: int, at: datetime) -> Call:
    random = seeded(seed, "call", at.isoformat())
    place = _municipality(random)
    lot = random.random()
    person = made_up(random)
    wanted = random.choices(WANTED, [wanted.weight for wanted in WANTED])[0]
    if lot < SHARE_HOSPITALS:
        who, contact = _from_hospital(random, place)
    elif lot < SHARE_HOSPITALS + SHARE_REFERRERS:
        who, contact = _from_referrer(random, place)
    else:
        who, contact = _from_citizen(random, place)
    is_assessed = who.role == "triagist"
    urgencies = {urgency: weight for urgency, weight in URGENCIES.items() if is_assessed or urgency not in HANDED_OVER}
    urgency = random.choices(list(urgencies), list(urgencies.values()))[0]
    return Call(
        at=at,
        who=who,
        contact={**contact, "municipality": place.code, "complaint": f"{MARK}{random.choice(COMPLAINTS)}", "patient": person.body()},
        is_assessed=is_assessed,
        urgency=urgency,
        wishes=_wishes(random, at, who) if random.random() < SHARE_WITH_WISHES else None,
        is_advice=is_assessed and random.random() < SHARE_ADVICE.get(urgency, 0.0),
        region=place.vr,
        wanted=wanted,
        needs=wanted.needs if random.random() < SHARE_WITH_NEEDS else {},
        pauses=tuple(random.uniform(0.5, 3.0) for _ in range(4)),
        lot=random.random(),
    )


def _from_citizen(random: Random, place: Municipality) -> tuple[Who, Body]:
    caller = random.choice((CallerRole.PATIENT, CallerRole.MANTELZORGER, CallerRole.MANTELZORGER, CallerRole.WIJKVERPLEGING))
    channel = Channel.ZORGPROFESSIONAL if caller is CallerRole.WIJKVERPLEGING else Channel.TELEFOON
    origin = random.choices((Origin.THUIS, Origin.KLEINE_INSTELLING, Origin.BESCHERMD_WONEN), (85, 10, 5))[0]
    return triagist_of(place.roaz), _contact(channel, caller, origin)


def _from_referrer(random: Random, place: Municipality) -> tuple[Who, Body]:
    caller = random.choice((CallerRole.HUISARTS, CallerRole.HUISARTS, CallerRole.HAP))
    return referrer_of(place.roaz), _contact(Channel.ZORGPROFESSIONAL, caller, Origin.THUIS)


def _from_hospital(random: Random, place: Municipality) -> tuple[Who, Body]:
    organisation = random.choice(_hospitals_of(place.vr))
    return Who("hospital", organisation), _contact(Channel.ZORGPROFESSIONAL, CallerRole.TRANSFERPUNT, Origin.ZIEKENHUIS)


def _contact(channel: Channel, caller: CallerRole, origin: Origin) -> Body:
    return {"channel": channel.value, "caller_role": caller.value, "origin": origin.value}


def _wishes(random: Random, at: datetime, who: Who) -> Body:
    """Treatment wishes: recorded some time ago, for a year or two, some of them expired by now."""
    recorded_at = at - timedelta(days=random.randint(0, 800))

    def wish() -> Body:
        choice = random.choices((Choice.JA, Choice.NEE, Choice.ANDERS, Choice.ONBEKEND), (50, 35, 5, 10))[0]
        said: Body = {"choice": choice.value}
        if choice is Choice.ANDERS:
            said["text"] = f"{MARK}alleen na overleg met familie"
        if choice is Choice.JA:
            said["until"] = (recorded_at + timedelta(days=random.choice((365, 730)))).isoformat()
        return said

    treatments = {treatment: wish() for treatment in ("hospital", "ic", "resuscitation", "ventilation")}
    return {**treatments, "recorded_by": f"{MARK}{who.role}", "recorded_at": recorded_at.isoformat()}


def _municipality(random: Random) -> Municipality:
    """Where the patient lives: regions by their number of people."""
    regions = safety_regions()
    region = random.choices(list(regions), [region.population for region in regions.values()])[0]
    return random.choice(_municipalities_of(region))


@cache
def _municipalities_of(vr: str) -> tuple[Municipality, ...]:
    return tuple(municipality for municipality in municipalities(AS_OF) if municipality.vr == vr)


@cache
def _hospitals_of(vr: str) -> tuple[str, ...]:
    return tuple(hospital.location.organisation for hospital in hospitals() if hospital.location.vr == vr)


@cache
def _hospital_organisations() -> frozenset[str]:
    return frozenset(hospital.location.organisation for hospital in hospitals())
