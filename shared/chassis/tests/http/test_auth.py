"""Only tokens that our issuer signed for us, for now, and for the role in question, open a door."""

import base64
import hashlib
import hmac
import json
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from joserfc import jwk, jwt

from chassis.security.auth import Keyring, Unauthorised
from chassis.security.keys import Issuer, ensure_keys, hash_key
from chassis.security.roles import Role
from chassis.settings import ServiceSettings

REPORT = {"report_id": str(uuid4()), "source": "EPD"}


def claims(**changes: object) -> dict[str, object]:
    good = {"iss": "urn:nl:zorgcoordinatie:local", "aud": "schakel", "sub": "zuster", "exp": int(time.time()) + 60, "role": "provider"}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(key: jwk.ECKey, payload: dict[str, object], **header: object) -> str:
    return jwt.encode({"alg": "ES256", "kid": key.kid, **header}, payload, key, algorithms=["ES256"])


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def post(client: httpx.AsyncClient, token: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    return await client.post("/ward/v1/reports", json=REPORT, headers=headers)


async def test_a_token_of_ours_opens_the_door(anonymous: httpx.AsyncClient, issuer: Issuer) -> None:
    assert (await post(anonymous, signed(issuer.key, claims()))).status_code == 202


async def test_an_audience_may_be_one_of_several(anonymous: httpx.AsyncClient, issuer: Issuer) -> None:
    assert (await post(anonymous, signed(issuer.key, claims(aud=["elders", "schakel"])))).status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "morgen"},
        {"exp": True},
        {"nbf": 99_999_999_999},
        {"iss": "urn:evil"},
        {"iss": None},
        {"aud": "elders"},
        {"aud": None},
        {"aud": "schakel/pages"},
        {"sub": None},
        {"sub": ""},
        {"role": None},
        {"role": "directeur"},
        {"role": ["admin"]},
        {"role": "visitor"},
        {"org": 7},
    ],
)
async def test_a_token_with_a_wrong_claim_opens_nothing(anonymous: httpx.AsyncClient, issuer: Issuer, wrong: dict[str, object]) -> None:
    response = await post(anonymous, signed(issuer.key, claims(**wrong)))

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_no_token_opens_nothing_and_says_what_is_needed(anonymous: httpx.AsyncClient) -> None:
    response = await post(anonymous, None)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="schakel"'


@pytest.mark.parametrize(
    "header", ["Basic eDp5", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer ..", f"Bearer {'a' * 9000}", "Bearer \xe9"]
)
async def test_what_is_no_token_opens_nothing(anonymous: httpx.AsyncClient, header: str) -> None:
    response = await anonymous.post("/ward/v1/reports", json=REPORT, headers={b"Authorization": header.encode("latin-1")})

    assert response.status_code == 401


async def test_a_key_of_someone_else_opens_nothing(anonymous: httpx.AsyncClient, issuer: Issuer) -> None:
    foreign = jwk.ECKey.generate_key("P-256", auto_kid=True)

    assert (await post(anonymous, signed(foreign, claims()))).status_code == 401
    assert (await post(anonymous, signed(foreign, claims(), kid=issuer.key.kid))).status_code == 401
    assert (await post(anonymous, signed(foreign, claims(), jwk=foreign.as_dict(private=False)))).status_code == 401


async def test_an_unsigned_token_opens_nothing(anonymous: httpx.AsyncClient, issuer: Issuer) -> None:
    for alg in ("none", "None", "ES256"):
        unsigned = f"{part({'alg': alg, 'kid': issuer.key.kid})}.{part(claims())}."
        assert (await post(anonymous, unsigned)).status_code == 401


async def test_the_public_key_is_no_hmac_secret(anonymous: httpx.AsyncClient, issuer: Issuer, settings: ServiceSettings) -> None:
    body = f"{part({'alg': 'HS256', 'kid': issuer.key.kid})}.{part(claims(role='admin'))}"
    for secret in (issuer.key.as_pem(private=False), (settings.keys_dir / "jwks.json").read_bytes()):
        mac = base64.urlsafe_b64encode(hmac.new(secret, body.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
        assert (await post(anonymous, f"{body}.{mac}")).status_code == 401


async def test_a_changed_claim_breaks_the_signature(anonymous: httpx.AsyncClient, issuer: Issuer) -> None:
    header, _, signature = signed(issuer.key, claims()).split(".")

    assert (await post(anonymous, f"{header}.{part(claims(role='admin'))}.{signature}")).status_code == 401


async def test_another_role_is_forbidden(anonymous: httpx.AsyncClient, token: Callable[..., str]) -> None:
    response = await post(anonymous, token("analyst"))

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"


async def test_who_is_nobody_is_told_before_the_body_is_judged(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post("/ward/v1/reports?x=1", content=b"{" * 2_000_000, headers={"Content-Type": "text/plain"})

    assert response.status_code == 401


async def test_a_token_stops_counting_at_its_end_even_when_it_is_remembered(settings: ServiceSettings, issuer: Issuer) -> None:
    keyring = Keyring.of(settings)
    now = datetime.now(UTC)
    token = issuer.token(Role.HOSPITAL, org="ziekenhuis", ttl=timedelta(seconds=60))

    assert keyring.authenticate(token, now).org == "ziekenhuis"
    with pytest.raises(Unauthorised):
        keyring.authenticate(token, now + timedelta(seconds=61))
    # A record that Kafka took while the token counted is judged by that moment, however late it is read.
    assert keyring.authenticate(token, now + timedelta(seconds=30)).role is Role.HOSPITAL


async def test_a_new_key_counts_and_a_removed_one_stops_counting(
    settings: ServiceSettings, keys_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.security.auth._LOOK_AGAIN_SECONDS", 0)
    keyring = Keyring(keys_dir, issuer=settings.auth_issuer, audience=settings.auth_audience)
    now = datetime.now(UTC)
    mine = jwk.ECKey.generate_key("P-256", auto_kid=True)
    token = signed(mine, claims())
    with pytest.raises(Unauthorised):
        keyring.authenticate(token, now)

    ensure_keys(keys_dir)
    listed = json.loads((keys_dir / "jwks.json").read_text())
    listed["keys"] += [
        mine.as_dict(private=False),
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"},
        {"kty": "oct", "k": "AA", "kid": "oct"},
    ]
    (keys_dir / "jwks.json").write_text(json.dumps(listed))
    assert keyring.authenticate(token, now).subject == "zuster"

    (keys_dir / "jwks.json").write_text(json.dumps({"keys": listed["keys"][:1]}))
    with pytest.raises(Unauthorised):
        keyring.authenticate(token, now)


async def test_a_broken_key_file_leaves_the_earlier_keys(
    settings: ServiceSettings, keys_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.security.auth._LOOK_AGAIN_SECONDS", 0)
    key = ensure_keys(keys_dir)
    keyring = Keyring(keys_dir, issuer=settings.auth_issuer, audience=settings.auth_audience)
    keyring.authenticate(signed(key, claims()), datetime.now(UTC))

    for broken in ("{", "[]", '{"keys": 1}', '{"keys": [1]}', '{"keys": [{"kty": "EC", "crv": "P-256"}]}'):
        (keys_dir / "jwks.json").write_text(broken)

        assert keyring.authenticate(signed(key, claims()), datetime.now(UTC)).subject == "zuster"


def test_the_issuers_key_is_made_once_and_is_private(keys_dir: Path) -> None:
    first = ensure_keys(keys_dir)
    second = ensure_keys(keys_dir)

    assert first.kid == second.kid
    assert stat.S_IMODE((keys_dir / "issuer.json").stat().st_mode) == 0o600
    assert "d" not in json.loads((keys_dir / "jwks.json").read_text())["keys"][0]
    assert len(json.loads((keys_dir / "jwks.json").read_text())["keys"]) == 1
    assert sorted(file.name for file in keys_dir.iterdir()) == ["issuer.json", "jwks.json"]


def test_the_key_of_our_hashes_stays_the_same(keys_dir: Path) -> None:
    assert hash_key(keys_dir) == hash_key(keys_dir)
    assert stat.S_IMODE((keys_dir / "hash.key").stat().st_mode) == 0o600


async def test_a_visitor_reads_what_visitors_may_and_nothing_else(anonymous: httpx.AsyncClient, settings: ServiceSettings) -> None:
    cookie = Keyring.of(settings).visitor_cookie()
    assert cookie is not None
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    value = cookie.partition(";")[0]

    assert (await anonymous.get("/ward/v1/national", headers={"Cookie": value})).json() == {"role": "visitor"}
    assert (await anonymous.get(f"/ward/v1/units/{uuid4()}", headers={"Cookie": value})).status_code == 401
    assert (await anonymous.post("/ward/v1/phases", headers={"Cookie": value})).status_code == 401
    assert (await anonymous.get("/ward/v1/national", headers={"Authorization": f"Bearer {value.partition('=')[2]}"})).status_code == 401


def test_a_deployment_without_a_local_issuer_lets_no_visitor_in(keys_dir: Path) -> None:
    assert Keyring(keys_dir, issuer="urn:x", audience="schakel").visitor_cookie() is None
