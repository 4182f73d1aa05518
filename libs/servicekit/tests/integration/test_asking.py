"""Questions of tests to databases: over connections that stay for a moment, and know what became of their database meanwhile."""

from __future__ import annotations

import asyncio

from servicekit.testing.platform import Platform, until

_WHO = "SELECT pg_backend_pid() AS pid, current_setting('search_path') AS path"


async def told(platform: Platform, words: str) -> str:
    """What the administrator is answered about the sessions of the service `network`."""
    name = platform.databases["network"].rsplit("/", 1)[1]
    asked = f"{words} FROM pg_stat_activity WHERE datname = '{name}'"
    return (await asyncio.to_thread(platform.postgres.administer, asked)).strip()


async def alone(platform: Platform) -> bool:
    """Whether nobody is connected."""
    return await told(platform, "SELECT count(*)") == "0"


class TestConnections:
    async def test_the_next_question_is_asked_over_the_same_connection(self, platform: Platform) -> None:
        await platform.prepare("network")

        assert await platform.sql("network", _WHO) == await platform.sql("network", _WHO)

    async def test_a_new_setting_of_the_database_holds_for_the_next_question(self, platform: Platform) -> None:
        await platform.prepare("network")
        before = await platform.sql("network", _WHO)
        await platform.configure("network", "search_path = elsewhere, public")
        after = await platform.sql("network", _WHO)
        await platform.configure("network", "search_path = public")

        assert before[0]["path"] != "elsewhere, public"
        assert after[0]["path"] == "elsewhere, public"

    async def test_a_connection_that_was_ended_is_not_asked_again(self, platform: Platform) -> None:
        await platform.prepare("network")
        before = await platform.sql("network", _WHO)
        await told(platform, "SELECT pg_terminate_backend(pid)")
        await until(lambda: alone(platform), 10, "it is not ended")
        after = await platform.sql("network", _WHO)

        assert before[0]["pid"] != after[0]["pid"]

    async def test_nobody_stays_connected_for_long(self, platform: Platform) -> None:
        await platform.prepare("network")
        await asyncio.gather(*(platform.sql("network", "SELECT pg_sleep(0.05)") for _ in range(3)))

        await until(lambda: alone(platform), 10, "somebody stays connected")
