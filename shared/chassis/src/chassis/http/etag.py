"""Optimistic locking: a decision names the version that was seen (`If-Match`), so that nobody overrules what they did not see."""

from fastapi import Request

from chassis.errors import Rejected


def etag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


async def if_match(request: Request) -> str:
    """A dependency for routes that decide on something others also change: the `If-Match` header.

    Raises:
        Rejected: 428 when there is none.
    """
    sent = request.headers.get("if-match")
    if not sent or not sent.strip():
        raise Rejected("if-match-required", "Send the `ETag` of what you saw as `If-Match`.", status=428)
    return sent


def require_match(sent: str, version: int) -> None:
    """Refuse a decision on a version that is no longer the current one; check the state first, then this.

    `*` is refused too: it says "whatever it is by now", which is what this guards against. Weak tags never match (RFC 9110, 13.1.1).

    Raises:
        Rejected: 412 when another version was seen.
    """
    if etag(version) not in {tag.strip() for tag in sent.split(",")}:
        raise Rejected("changed-meanwhile", "It was changed since you saw it: read it again and decide again.", status=412)
