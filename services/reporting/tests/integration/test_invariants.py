"""Whatever happens to units and their holds, in whatever order: what was published is what a count of the units gives."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = ("total", "open", "occupied", "reserved", "free")
PLACES = (("VR03", "NN"), ("VR03", "ONBEKEND"), ("VR20", "BR"))

counts = st.none() | st.integers(0, 3)
# Few units and places, so that moves back and forth and several changes in one batch are common.
changes = st.tuples(
    st.integers(1, 3),
    st.sampled_from(PLACES),
    st.sampled_from(["GEEN", "COVID_POS"]),
    st.tuples(*[counts] * 5),
    st.sampled_from([-5, 60, 600]),
    st.sets(st.integers(1, 3)),
)


@dataclass(frozen=True)
class Holding:
    """What placement says of one unit: which are held, and by which of its versions others were absorbed."""

    unit: int
    holds: frozenset[int]
    absorbed_by: tuple[int, ...]


steps = st.one_of(
    st.lists(changes, min_size=1, max_size=4),
    st.builds(Holding, st.integers(1, 3), st.frozensets(st.integers(1, 3)), st.lists(st.integers(1, 5), max_size=2).map(tuple)),
    st.sampled_from(["publish", "expire", "again", "park", "lift"]),
    st.integers(30, 400),
)


@given(story=st.lists(steps, min_size=1, max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_figures_equal_a_recount_after_any_story_of_changes_moves_holds_expiry_and_repetition(reporting, build, story) -> None:
    await reporting.execute(
        "truncate contributions, partials, dirty, figures, parked_units, unit_holds, outbox, outbox_versions, clock_shift"
    )
    reporting.versions.clear()
    reporting.holds_versions.clear()
    telling = Telling(reporting, build)
    for step in story:
        await telling.goes_on(step)

    await reporting.expire()
    await reporting.publishes()

    said = await reporting.said()
    expected = counted(telling.units.values(), telling.held, datetime.now(UTC) + timedelta(seconds=telling.shifted))
    assert {
        key: {name: figure[name] for name in (*NAMES, "held", "available", "units", "units_known")}
        for key, figure in said.items()
        if figure["units"]
    } == expected
    assert await reporting.recount() == []


class Telling:
    """A story as it goes on: the units as they were last told, and how far the clock is ahead."""

    def __init__(self, reporting, build) -> None:
        self.reporting, self.build = reporting, build
        self.units = {}
        self.holdings = {}
        self.shifted = 0.0
        self._last = []

    async def goes_on(self, step) -> None:
        if isinstance(step, list):
            self._last = [self._unit(change) for change in step]
            self.units |= {unit.unit_id: unit for unit in self._last}
            await self.reporting.hears(*self._last)
        elif isinstance(step, Holding):
            self.holdings[UUID(int=step.unit)] = step
            absorbed = {UUID(int=100 + place): version for place, version in enumerate(step.absorbed_by)}
            await self.reporting.holds(
                self.build.holds(UUID(int=step.unit), *(UUID(int=hold) for hold in sorted(step.holds)), absorbed=absorbed)
            )
        elif isinstance(step, int):
            self.shifted += step
            await self.reporting.later(step)
        elif step == "publish":
            await self.reporting.publish()
            self.reporting.time += 0.01
        elif step == "expire":
            await self.reporting.expire()
        elif step == "again":
            await self._again()
        else:
            await self.reporting.parks(UUID(int=1), is_parked=step == "park")

    def held(self, unit) -> int:
        """The rule, once more: holds that its figures do not contain, and absorbed ones by a version that was not seen."""
        holding = self.holdings.get(unit.unit_id)
        if holding is None:
            return 0
        beside = holding.holds - {hold.int for hold in unit.includes_holds}
        return len(beside) + sum(version > self.reporting.versions[unit.unit_id] for version in holding.absorbed_by)

    def _unit(self, change):
        number, place, cohort, values, fresh_for, includes = change
        fresh_until = datetime.now(UTC) + timedelta(seconds=self.shifted + fresh_for)
        return self.build.unit(
            UUID(int=number), vr=place[0], roaz=place[1], cohort=cohort, fresh_until=fresh_until, includes_holds=[UUID(int=hold) for hold in sorted(includes)],
            **dict(zip(NAMES, values, strict=True)),
        )  # fmt: skip

    async def _again(self) -> None:
        """The last batch comes once more with the versions it had, as after a crash between two commits."""
        newest = {unit.unit_id: unit for unit in self._last}
        for unit_id in newest:
            self.reporting.versions[unit_id] -= 1
        if newest:
            await self.reporting.hears(*newest.values())


def counted(units, held, at: datetime) -> dict[str, dict[str, int | None]]:
    """The definition, written down once more and as plainly as can be."""
    figures: dict[str, list] = {}
    for unit in units:
        for place in ("NL/NL", f"ROAZ/{unit.roaz}", f"VR/{unit.vr}"):
            figures.setdefault(f"beds/{place}/{unit.sector}/{unit.care_type}/{unit.cohort}", []).append(unit)
    return {key: counted_one(members, held, at) for key, members in figures.items()}


def counted_one(units, held, at: datetime) -> dict[str, int | None]:
    fresh = [unit for unit in units if unit.fresh_until > at]
    known = {name: [value for unit in fresh if (value := getattr(unit, name)) is not None] for name in NAMES}
    sums = {name: sum(values) if values else None for name, values in known.items()}
    available = [max(0, unit.free - held(unit)) for unit in fresh if unit.free is not None]
    return {
        **sums,
        "held": sum(map(held, units)),
        "available": sum(available) if available else None,
        "units": len(units),
        "units_known": len(known["free"]),
    }


observations = st.lists(
    # unit, report, revision, hour from the start of a day before the clocks change, occupied, does it state it, is it taken back
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(0, 2), st.integers(0, 50), counts, st.booleans(), st.booleans()),
    max_size=10,
    unique_by=lambda one: one[:3],
)


@given(facts=observations, order=st.randoms(use_true_random=False), size=st.integers(1, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_feed_does_not_depend_on_the_order_in_which_facts_come(reporting, build, facts, order, size) -> None:
    start = datetime(2020, 10, 23, 22, tzinfo=UTC)
    built = [
        build.observation(
            UUID(int=unit), start + timedelta(hours=hour), occupied if stated and not retracted else None,
            report_id=UUID(int=10 * unit + report), revision=revision, retracted=retracted, stated=("occupied",) if stated else (),
        )
        for unit, report, revision, hour, occupied, stated, retracted in facts
    ]  # fmt: skip
    results = []
    for _ in range(2):
        await reporting.execute("truncate observations, unit_days, dirty_days, feed_days, feed_statements")
        for first in range(0, len(built), size):
            await reporting.observes(*built[first : first + size])
            if order.random() < 0.5:
                await reporting.restate()
                reporting.time += 5
        await reporting.restates()
        told = (await reporting.read_feed(start.date(), start.date() + timedelta(days=4))).told
        results.append({day: (said.cells, said.coverage) for day, said in told.items() if said.coverage})
        order.shuffle(built)

    assert results[0] == results[1]
