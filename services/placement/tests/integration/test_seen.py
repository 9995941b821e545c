"""Whoever is on call sees that a place is kept for nobody, and how offers end."""

from prometheus_client import REGISTRY

from chassis.standing.metrics import Standing
from placement.entrypoints.health import PlacementHealth


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"schakel_placement_{name}", labels) or 0


async def due(placement) -> tuple[float, float]:
    await Standing("placement", PlacementHealth(placement.database)).show()
    return figure("holds_due"), figure("holds_due_seconds")


async def test_a_hold_past_its_end_is_seen_until_it_has_ended(placement) -> None:
    offer = await placement.offered(await placement.request(), await placement.unit())
    expired = figure("offers_total", became="EXPIRED")
    assert await due(placement) == (0, 0)

    await placement.later(minutes=31)
    holds, seconds = await due(placement)
    assert holds == 1
    assert 60 <= seconds < 120, "an answer to U3 may take half an hour"

    await placement.timers_go_off()
    assert await due(placement) == (0, 0)
    assert (await placement.offer_now(offer.offer_id)).status == "EXPIRED"
    assert figure("offers_total", became="EXPIRED") == expired + 1


async def test_a_patient_on_the_way_keeps_a_place_that_is_not_overdue_but_is_late(placement) -> None:
    offer = await placement.offered(await placement.request(), await placement.unit())
    await placement.leave(await placement.accept(offer))
    late = figure("patients_late_total")

    await placement.later(hours=9)
    await placement.timers_go_off()

    assert await due(placement) == (0, 0)
    assert figure("patients_late_total") == late + 1


async def test_the_api_says_so_to_prometheus(placement) -> None:
    text = (await placement.client.get("/placement/metrics")).text

    assert 'schakel_database_up{service="placement"} 1.0' in text
    assert "schakel_placement_holds_due 0.0" in text
    assert 'schakel_reader_silent_seconds{reader="placement",service="placement",topic="capacity.units.v1"} +Inf' in text
    assert 'schakel_placement_offers_total{became="ACCEPTED"}' in text
