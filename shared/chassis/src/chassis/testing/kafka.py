"""Cleaning up after a test, so that the broker of a long run does not drown in forgotten topics."""

from aiokafka.admin import AIOKafkaAdminClient


async def delete_topics(bootstrap_servers: str, namespace: str) -> None:
    """Delete all topics of a namespace."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(f"{namespace}.")]
        if names:
            await admin.delete_topics(names)
    finally:
        await admin.close()
