"""Bearer tokens: ES256 JWTs checked against a JWKS, and the visitor's cookie of the local system's pages."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import orjson
import structlog
from fastapi import Request
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from chassis.errors import Rejected
from chassis.security.keys import ALGORITHM, JWKS_FILE, Issuer, issuer_key
from chassis.security.roles import Role
from chassis.settings import ServiceSettings

VISITOR_COOKIE = "schakel_session"

# A visitor's cookie is signed by the same key as tokens; its own audience keeps it from being used as one.
_PAGES = "/pages"
_VISIT = timedelta(hours=12)

# A change of jwks.json counts within this time; looking more often would cost a system call a request.
_LOOK_AGAIN_SECONDS = 1.0

# Checking a signature costs as much as the rest of a small request, and a provider sends the same token all day.
_REMEMBERED_TOKENS = 10_000

_LONGEST_TOKEN = 8_192

# The year 9999, beyond which no clock of ours can look.
_END_OF_TIME = 253_402_300_800

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the token says."""

    subject: str
    role: Role
    org: str | None = None
    region: str | None = None

    def covers(self, org: str | None) -> bool:
        """Whether this caller may act for that organisation; a token without `org` acts for none, `admin` for all."""
        return self.role is Role.ADMIN or (org is not None and self.org == org)


class Unauthorised(Rejected):
    """There is no token, or none that counts."""

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        """Say what is wrong with the token, never what it said."""
        super().__init__("unauthorised", detail, status=401)
        self.error = error

    @property
    def challenge(self) -> str:
        """The `WWW-Authenticate` header (RFC 6750)."""
        return 'Bearer realm="schakel"' if self.error is None else f'Bearer realm="schakel", error="{self.error}"'


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    valid_from: float
    expires_at: float


class Keyring:
    """The keys whose tokens we accept, read again when their file changes."""

    def __init__(self, keys_dir: Path, *, issuer: str, audience: str) -> None:
        """Nothing is read before the first token: a service starts before its keys are there."""
        self._dir = keys_dir
        self._file = keys_dir / JWKS_FILE
        self._issuer = issuer
        self._audience = audience
        self._keys: dict[str, jwk.ECKey] = {}
        self._state: tuple[int, int, int] | None = None
        self._looked_at = -_LOOK_AGAIN_SECONDS
        self._verified: dict[bytes, _Verified] = {}

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """The keyring that these settings describe."""
        return cls(settings.keys_dir, issuer=settings.auth_issuer, audience=settings.auth_audience)

    def authenticate(self, token: str, at: datetime) -> Caller:
        """Who this token speaks for at that moment (now, or when the broker appended the record).

        Raises:
            Unauthorised: when it is not a token of ours, or not valid then.
        """
        return self._caller(token, at, self._audience)

    def visitor(self, cookie: str, at: datetime) -> Caller:
        """The visitor whose cookie this is.

        Raises:
            Unauthorised: as `authenticate`.
        """
        return self._caller(cookie, at, self._audience + _PAGES)

    def visitor_cookie(self) -> str | None:
        """A `Set-Cookie` value that lets the holder read what visitors may, or None where there is no local issuer.

        Without `Secure`, because only the local system has an issuer and it speaks plain HTTP on the loopback address.
        """
        key = issuer_key(self._dir)
        if key is None:
            return None
        token = Issuer(key, self._issuer, self._audience + _PAGES).token(Role.VISITOR, ttl=_VISIT)
        return f"{VISITOR_COOKIE}={token}; Path=/; Max-Age={int(_VISIT.total_seconds())}; HttpOnly; SameSite=Lax"

    def _caller(self, token: str, at: datetime, audience: str) -> Caller:
        self._look_again()
        remembered_as = blake2b(f"{audience} {token}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        verified = self._verified.get(remembered_as)
        if verified is None:
            verified = self._verify(token, audience)
            if len(self._verified) >= _REMEMBERED_TOKENS:
                self._verified.clear()
            self._verified[remembered_as] = verified
        moment = at.timestamp()
        if moment >= verified.expires_at:
            raise Unauthorised("The token has expired.", error="invalid_token")
        if moment < verified.valid_from:
            raise Unauthorised("The token is not valid yet.", error="invalid_token")
        return verified.caller

    def _verify(self, token: str, audience: str) -> _Verified:
        if len(token) > _LONGEST_TOKEN:
            raise Unauthorised("The token is too long.", error="invalid_token")
        try:
            # One algorithm only: with a choice, `none` or a public key used as an HMAC secret would pass.
            read = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
        except (JoseError, ValueError) as trouble:
            raise Unauthorised("The token is not signed by a key that counts here.", error="invalid_token") from trouble
        return self._accepted(read.claims, audience)

    def _key_of(self, signed: Any) -> jwk.ECKey:
        kid = signed.headers().get("kid")
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise ValueError("the token names no key of ours")
        return key

    def _accepted(self, claims: dict[str, Any], audience: str) -> _Verified:
        audiences = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise Unauthorised("The token comes from another issuer.", error="invalid_token")
        if audience != audiences and not (isinstance(audiences, list) and audience in audiences):
            raise Unauthorised("The token is meant for another audience.", error="invalid_token")
        subject, role = claims.get("sub"), claims.get("role")
        org, region = claims.get("org"), claims.get("region")
        expires_at, valid_from = _instant(claims.get("exp")), _instant(claims.get("nbf", 0))
        if not isinstance(subject, str) or not subject or not isinstance(role, str):
            raise Unauthorised("The token lacks `sub` or `role`.", error="invalid_token")
        if expires_at is None or valid_from is None:
            raise Unauthorised("The token lacks a readable `exp`.", error="invalid_token")
        if not isinstance(org, str | None) or not isinstance(region, str | None):
            raise Unauthorised("The token's `org` and `region` must be text.", error="invalid_token")
        try:
            known_role = Role(role)
        except ValueError:
            raise Unauthorised("The token's role is not known here.", error="invalid_token") from None
        if (known_role is Role.VISITOR) != audience.endswith(_PAGES):
            raise Unauthorised("The token's role is not known here.", error="invalid_token")
        return _Verified(Caller(subject, known_role, org, region), valid_from=valid_from, expires_at=expires_at)

    def _look_again(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AGAIN_SECONDS and self._state is not None:
            return
        self._looked_at = now
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            self._keys, self._state = {}, None
            self._verified.clear()
            return
        state = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if state == self._state:
            return
        try:
            self._keys = dict(_signing_keys(self._file))
        except (ValueError, KeyError, TypeError, AttributeError, JoseError):
            # Half a file or a foreign format: the keys we have go on counting, and the operator is told once for each change.
            _log.error("jwks.json cannot be read, the earlier keys go on")
            self._state = state
            return
        # Tokens of a key that was taken out must stop counting at once.
        self._verified.clear()
        self._state = state


def _signing_keys(file: Path) -> Iterable[tuple[str, jwk.ECKey]]:
    for listed in orjson.loads(file.read_bytes())["keys"]:
        if listed.get("kty") == "EC" and listed.get("crv") == "P-256" and listed.get("use", "sig") == "sig":
            key = jwk.ECKey.import_key({name: listed[name] for name in ("kty", "crv", "x", "y")})
            yield listed.get("kid") or key.thumbprint(), key


def _instant(claim: object) -> float | None:
    return float(claim) if isinstance(claim, int | float) and not isinstance(claim, bool) and abs(claim) < _END_OF_TIME else None


class Requires:
    """A dependency: who asks, when their role is one of these. The route checks it before it reads the body."""

    def __init__(self, roles: frozenset[Role]) -> None:
        """Remember the roles."""
        self.roles = roles

    async def __call__(self, request: Request) -> Caller:
        """The caller; checked already when the route is one of ours."""
        return self.check(request)

    def check(self, request: Request) -> Caller:
        """Find out who asks.

        Raises:
            Unauthorised: when the request carries no token that counts.
            Rejected: 403 when the role does not suffice.
        """
        who = _who(request, cookie_counts=Role.VISITOR in self.roles)
        if who.role not in self.roles:
            raise Rejected("forbidden", "Your role may not do this.", status=403)
        return who


def requires(*roles: Role | str) -> Requires:
    """`Depends(requires("provider", "admin"))`: the `Caller`, or 401 or 403."""
    return Requires(frozenset(Role(role) for role in roles))


# Everyone with a token; the visitor's cookie is none.
caller = requires(*(role for role in Role if role is not Role.VISITOR))


def _who(request: Request, *, cookie_counts: bool) -> Caller:
    known: Caller | None = request.scope.get("schakel.caller")
    if known is not None and (cookie_counts or known.role is not Role.VISITOR):
        return known
    keyring: Keyring = request.app.state.keyring
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorised("Send `Authorization: Bearer <token>`.", error="invalid_request")
        who = keyring.authenticate(token.strip(), datetime.now(UTC))
    elif cookie_counts and request.method == "GET" and (cookie := request.cookies.get(VISITOR_COOKIE)):
        who = keyring.visitor(cookie, datetime.now(UTC))
    else:
        raise Unauthorised("This needs a token: `Authorization: Bearer <token>`.")
    request.scope["schakel.caller"] = who
    return who
