"""Brings a guarded Kafka's users and rights to what the registry says: what is missing is made, what is no longer there is taken away.

With kafka-python, because aiokafka cannot write users and Kafka's own scripts take passwords on their command line, where everyone on the
machine can read them (docs/adr/0009).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from kafka.admin import (  # type: ignore[import-untyped]  # it brings no types
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import KafkaError, NoError  # type: ignore[import-untyped]  # as above

from chassis.errors import MustStop
from chassis.kafka.access import ADMIN, Right, rights, users
from chassis.settings import SASL_MECHANISM, ServiceSettings, read_password
from contracts.registry import SERVICES

log = structlog.get_logger(__name__)

_ANYWHERE = "*"
_PRINCIPAL = "User:"
_ALL_THAT_ALLOWS = ACLFilter(
    principal=None,
    host=None,
    operation=ACLOperation.ANY,
    permission_type=ACLPermissionType.ALLOW,
    resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)


def bring_in_line(settings: ServiceSettings, passwords: Path) -> None:
    """Give users their passwords and their rights; doing it again changes nothing that anybody notices.

    Within a namespace this is the only hand that gives rights; without one, in the whole cluster. Rights that somebody else gave are taken
    away. What somebody refused (DENY) stays refused.

    Args:
        settings: of the brokers' own user, on the brokers' own listener: before the first time there is nobody else.
        passwords: a folder with a file for each user, which holds the password. An outsider without a file has no access any more.

    Raises:
        MustStop: when a service or the administrator has no password, or Kafka refuses.
    """
    wanted = _passwords(settings, passwords)
    with _connected(settings) as admin:
        _bring_users(admin, wanted)
        _bring_rights(admin, settings)


def _passwords(settings: ServiceSettings, folder: Path) -> Mapping[str, str | None]:
    """Of every user, by the name that Kafka knows; None for those who shall not be there."""
    files = {settings.named(user): folder / user for user in users()}
    needed = {*map(settings.named, SERVICES), ADMIN}
    files[ADMIN] = folder / ADMIN
    return {
        name: read_password(file, f"KAFKA_PASSWORDS_DIR, {file.name}") if name in needed or file.exists() else None
        for name, file in sorted(files.items())
    }


@contextmanager
def _connected(settings: ServiceSettings) -> Iterator[Any]:
    try:
        with KafkaAdminClient(**settings.kafka() | {"sasl_mechanism": "PLAIN"}) as admin:
            yield admin
    except KafkaError as error:
        raise MustStop(f"Kafka cannot be reached or refuses: {type(error).__name__}") from error


def _bring_users(admin: Any, passwords: Mapping[str, str | None]) -> None:
    present = admin.describe_user_scram_credentials()
    changes: list[Any] = []
    for user, password in passwords.items():
        if password is not None:
            changes.append(UserScramCredentialUpsertion(user, SASL_MECHANISM, password))
        elif user in present:
            changes.append(UserScramCredentialDeletion(user, SASL_MECHANISM))
            log.warning("user taken away", user=user)
    refused = [user for user, error in admin.alter_user_scram_credentials(changes).items() if error is not None]
    if refused:
        raise MustStop(f"Kafka refuses these users: {', '.join(refused)}")
    log.info("users have their passwords", users=[user for user, password in passwords.items() if password is not None])


def _bring_rights(admin: Any, settings: ServiceSettings) -> None:
    given, _ = admin.describe_acls(_ALL_THAT_ALLOWS)
    wanted = {_acl(right): right for right in rights(settings.named)}
    surplus = [acl for acl in given if _is_ours(settings, acl) and acl not in wanted]
    missing = {acl: right for acl, right in wanted.items() if acl not in given}
    # Taken away first: who dies between the two has opened nothing.
    outcomes = admin.delete_acls(surplus) if surplus else []
    failed = [acl for acl, _, error in outcomes if error is not NoError]
    if missing:
        failed += admin.create_acls(list(missing))["failed"]
    if failed:
        raise MustStop(f"Kafka refuses {len(failed)} changes of rights")
    if surplus:
        log.warning("rights taken away", rights=sorted(map(repr, surplus)))
    log.info("rights are those of the registry", all=len(wanted), new=[str(right) for right in sorted(missing.values())])


def _acl(right: Right) -> Any:
    return ACL(
        principal=f"{_PRINCIPAL}{right.user}",
        host=_ANYWHERE,
        operation=ACLOperation[right.operation],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(ResourceType[right.kind], right.name),
    )


def _is_ours(settings: ServiceSettings, acl: Any) -> bool:
    """Whether a right is on something in our namespace or for somebody in it."""
    prefix = settings.named("")
    return bool(acl.resource_pattern.resource_name.startswith(prefix) or acl.principal.startswith(f"{_PRINCIPAL}{prefix}"))
