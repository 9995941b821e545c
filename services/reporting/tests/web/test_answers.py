"""What the server answers to a browser: the way in, the choice in the address, headers that keep strangers out."""

from collections.abc import AsyncIterator

import httpx
import pytest


@pytest.fixture
async def visitor(base) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=base) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/rapportage", "/rapportage/"])
async def test_the_way_in_leads_to_the_national_picture(visitor, path):
    answer = await visitor.get(path)

    assert (answer.status_code, answer.headers["location"]) == (303, "/rapportage/landelijk")


async def test_a_visitor_gets_the_cookie_with_which_the_stream_lets_them_in(visitor):
    answer = await visitor.get("/rapportage/landelijk")

    assert answer.headers["set-cookie"].startswith("schakel_session=")


async def test_the_page_runs_nothing_inline_loads_nothing_from_elsewhere_and_is_never_cached(visitor):
    answer = await visitor.get("/rapportage/landelijk")

    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "style=" not in answer.text
    assert "://" not in answer.text.replace("http://www.w3.org", "")


async def test_files_of_the_page_may_be_kept_for_a_year_under_the_address_that_the_page_names(visitor):
    page = (await visitor.get("/rapportage/landelijk")).text
    named = [part.split('"')[0] for part in page.split('="')[1:] if part.startswith(("/static/", "/rapportage/static/"))]

    answers = [await visitor.get(address) for address in named]

    assert len(answers) >= 7
    assert {answer.status_code for answer in answers} == {200}
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)
    assert (await visitor.get("/static/zcc.css")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("query", ["sector=NERGENS", "care_type=ic", "cohort=GEENEEN", "region=VR26", "region=<b>"])
async def test_a_choice_that_does_not_exist_is_refused_without_repeating_it(visitor, query):
    answer = await visitor.get(f"/rapportage/landelijk?{query}")

    assert answer.status_code == 422
    assert query.split("=")[1] not in answer.text


async def test_an_unknown_parameter_is_never_ignored(visitor):
    assert (await visitor.get("/rapportage/landelijk?thema=nacht")).status_code == 400


async def test_what_the_form_sends_when_nothing_is_chosen_shows_everything(visitor):
    plain = await visitor.get("/rapportage/landelijk")
    sent = await visitor.get("/rapportage/landelijk?sector=&care_type=&cohort=&region=")

    assert sent.status_code == 200
    assert sent.text.count('data-field="available"') == plain.text.count('data-field="available"')
