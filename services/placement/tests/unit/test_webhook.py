"""Where an organisation may be told of its offers, and how patient we are with it."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import digest
from ipaddress import ip_address
from uuid import UUID

import pytest

from chassis.security.sealing import SealBroken
from placement.adapters.sealing import KEY_FILE, SecretSeal
from placement.adapters.webhook_post import _Socket, signed
from placement.application.bring_messages import Message
from placement.domain.webhook import pause_after, wrong_with_url

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("url", ["https://zorggroep.example/offers", "https://zorggroep.example:8443/a?key=1", "https://192.0.2.1/"])
def test_an_https_address_is_taken(url):
    assert wrong_with_url(url, allow_http=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://zorggroep.example/",
        "http://127.0.0.1/",
        "ftp://zorggroep.example/",
        "https://",
        "https:///path",
        "zorggroep.example",
        "https://user:secret@zorggroep.example/",
        "https://zorggroep.example/#part",
        "https://zorggroep.example:99999999/",
        "https://zorg groep.example/",
        "https://zorggroep.example/\r\nx: y",
        "https://zorggröep.example/",
        "https://[1/",
        "https://zorggroep.example/" + "a" * 2000,
        "",
    ],
)
def test_any_other_address_is_not(url):
    assert wrong_with_url(url, allow_http=False) is not None


def test_a_local_system_also_reaches_itself_and_only_itself_without_tls():
    for url in ("http://127.0.0.1:8000/x", "http://localhost/x", "http://[::1]/"):
        assert wrong_with_url(url, allow_http=True) is None
    for url in ("http://zorggroep.example/", "http://10.0.0.1/", "http://127.0.0.1.example/"):
        assert wrong_with_url(url, allow_http=True) is not None


def test_we_come_back_after_five_seconds_and_then_ever_later_up_to_five_minutes():
    pauses = [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 6, 7, 8, 10_000)]

    assert pauses == [5, 10, 20, 160, 300, 300, 300]


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0"]
)
def test_no_name_leads_to_an_address_of_ours(address):
    family = 2 if ip_address(address).version == 4 else 10

    with pytest.raises(PermissionError):
        _Socket(allow_loopback=False)((family, 1, 6, "", (address, 443)))


def test_a_message_is_signed_as_standard_webhooks_says():
    now = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(milliseconds=700)
    message = Message(UUID(int=7), "zorggroep-oost", "https://zorggroep.example/", b"", {"type": "offer.made"}, attempts=1)

    headers, body = signed(message, SECRET, now)

    said = f"{UUID(int=7)}.{int(now.timestamp())}.".encode() + body
    expected = b64encode(digest(b64decode(SECRET.removeprefix("whsec_")), said, sha256)).decode()
    assert headers["webhook-id"] == str(UUID(int=7))
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert "zorggroep.example" not in repr(message)


def test_a_sealed_secret_opens_in_its_own_row_with_the_same_key_and_nowhere_else(tmp_path):
    seal = SecretSeal.of(tmp_path)
    sealed = seal.seal("zorggroep-oost", SECRET)

    assert SecretSeal.of(tmp_path).open("zorggroep-oost", sealed) == SECRET
    assert SECRET.encode() not in sealed
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o077 == 0
    for organisation, changed, by in (
        ("thuis-best", sealed, seal),
        ("zorggroep-oost", sealed[:-1], seal),
        ("zorggroep-oost", b"", seal),
        ("zorggroep-oost", sealed, SecretSeal(b"k" * 32)),
    ):
        with pytest.raises(SealBroken):
            by.open(organisation, changed)
