"""Who may do what: one test a route and role, and whose case it is."""

import pytest

from chassis.security.roles import ASSESSORS, CASE_READERS, CASE_REGISTRARS, IDENTITY_READERS, PLACE_ASKERS, Role

NOBODY = "8d4e5a3c-0000-4000-8000-000000000000"
EVERYONE = frozenset(Role) - {Role.VISITOR}

ROUTES = {
    ("POST", "cases"): CASE_REGISTRARS,
    ("GET", "cases"): CASE_READERS,
    ("GET", f"cases/{NOBODY}"): CASE_READERS,
    ("GET", f"cases/{NOBODY}/timeline"): CASE_READERS,
    ("GET", f"cases/{NOBODY}/patient"): IDENTITY_READERS,
    ("PUT", f"cases/{NOBODY}/assessment"): ASSESSORS,
    ("PUT", f"cases/{NOBODY}/treatment-wishes"): CASE_REGISTRARS,
    ("POST", f"cases/{NOBODY}/placement-request"): PLACE_ASKERS,
    ("POST", f"cases/{NOBODY}/closure"): CASE_REGISTRARS,
    ("GET", "protocols"): EVERYONE,
    ("GET", "protocols/basistriage-voorbeeld/2026.1"): EVERYONE,
}


@pytest.mark.parametrize("role", sorted(EVERYONE))
@pytest.mark.parametrize(("method", "path"), list(ROUTES))
async def test_a_route_is_open_to_its_roles_and_to_no_others(running, method, path, role):
    answer = await running.send(method, path, {} if method != "GET" else None, role=role, org="some", seen='"1"')

    # Let in, it hears what is wrong with what it sent, or that there is no such case.
    assert (answer.status_code == 403) == (role not in ROUTES[method, path])
    assert answer.status_code in {200, 403, 404, 422}


@pytest.mark.parametrize("role", sorted(EVERYONE - CASE_READERS))
async def test_the_live_queue_is_closed_to_whom_the_queue_is(running, role):
    assert (await running.get("cases/stream", role=role)).status_code == 403


async def test_without_a_token_nothing_is_shown(triage):
    for method, path in ROUTES:
        assert (await triage.client.request(method, f"/triage/v1/{path}")).status_code == 401


@pytest.mark.parametrize("role", [Role.REFERRER, Role.HOSPITAL])
async def test_who_is_no_triagist_knows_of_their_own_contacts_only(triage, role):
    own = await triage.register(role=role, org="own")
    other = await triage.register(role=role, org="other")
    nurses = await triage.register()
    who = {"role": role, "org": "own", "subject": "colleague"}

    assert await triage.queue(**who) == [own.case_id]
    assert sorted(await triage.queue()) == sorted([own.case_id, other.case_id, nurses.case_id])
    for case in (other, nurses):
        assert (await triage.get(f"cases/{case.case_id}", **who)).status_code == 404
        assert (await triage.get(f"cases/{case.case_id}/timeline", **who)).status_code == 404
        for refused in (await triage.ask(case, **who), await triage.close(case, **who), await triage.put_wishes(case, **who)):
            assert (refused.status_code, refused.json()["type"].rsplit(":")[-1]) == (403, "not-your-case")
    asked = await triage.ask(own, **who)
    assert asked.status_code == 201
    assert (await triage.published(own))[-1][1]["organisation"] == "own"
    assert (await triage.close(own, **who)).status_code == 200


async def test_a_triagist_with_a_practice_of_the_same_name_is_no_referrer(triage):
    case = await triage.register(role=Role.REFERRER, org="praktijk")

    assert (await triage.get(f"cases/{case.case_id}/patient", org="praktijk")).status_code == 403
    assert (await triage.get(f"cases/{case.case_id}", role=Role.PROVIDER, org="praktijk")).status_code == 403
