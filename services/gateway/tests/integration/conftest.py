"""What the tests of both doors are made of: a dealer to ask for, a table that holds a call up, a reader of live changes."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
from servicekit.testing.platform import Platform, until

_numbers = itertools.count(1)
NewDealer = Callable[..., Awaitable[str]]


@pytest.fixture
def new_dealer(platform: Platform) -> NewDealer:
    """Makes a dealer through the HTTP door; returns its id."""

    async def make(**fields: Any) -> str:
        body = {
            "code": f"D-{next(_numbers)}",
            "names": {"en": "Dealer"},
            "kinds": ["DEALER_KIND_SALES"],
            "timeZone": "Asia/Shanghai",
            **fields,
        }
        async with platform.http("oem.manager") as client:
            answer = await client.post("/v1/dealers", json=body)
        assert answer.status_code == 200, answer.text
        made: str = answer.json()["dealerId"]
        return made

    return make


@pytest.fixture
def bearer(platform: Platform) -> Callable[..., tuple[tuple[str, str], ...]]:
    """Makes the metadata of a bare gRPC call by a role."""

    def metadata(role: str = "oem.manager") -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {platform.token(role)}"),)

    return metadata


class Hold:
    """A lock on a table; calls that need it wait until it is released."""

    def __init__(self, platform: Platform, service: str) -> None:
        self._platform = platform
        self._service = service

    async def waiting(self, count: int) -> None:
        """Returns when so many sessions wait for a lock."""

        async def counted() -> bool:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            rows = await self._platform.sql(
                self._service, query
            )  # not in the lock's transaction, whose view stands still
            return bool(rows[0]["count"] == count)

        await until(counted, 20, f"there are not {count} sessions that wait")


@pytest.fixture
def hold(platform: Platform) -> Callable[[str, str], AbstractAsyncContextManager[Hold]]:
    """Locks a table of a service's database while the context lasts."""

    @asynccontextmanager
    async def locked(service: str, table: str) -> AsyncIterator[Hold]:
        connection = await asyncpg.connect(platform.databases[service])
        try:
            async with connection.transaction():
                await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                yield Hold(platform, service)
        finally:
            await connection.close()

    return locked


@dataclass
class Heard:
    """One server-sent event."""

    type: str = ""
    id: str = ""
    data: Any = None


@dataclass
class Ear:
    """A connection to /v1/events and what came through it."""

    heard: list[Heard] = field(default_factory=list)
    status: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    problem: Any = None
    ended: bool = False

    def of(self, kind: str) -> list[Any]:
        """The data of all events of a type, told without its package."""
        return [event.data for event in self.heard if event.type.rpartition(".")[2] == kind]

    @property
    def last_id(self) -> str:
        """What a browser would send as Last-Event-ID."""
        return next((event.id for event in reversed(self.heard) if event.id), "")

    async def has(self, kind: str, count: int = 1) -> list[Any]:
        """Waits for events of a type and returns all that came."""

        async def there() -> bool:
            return len(self.of(kind)) >= count

        await until(there, 20, f"{count} {kind} did not come, but {[event.type for event in self.heard]}")
        return self.of(kind)

    async def read(self, response: httpx.Response) -> None:
        """Reads until the stream ends."""
        event = Heard()
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if not line and event.type:
                self.heard.append(event)
                event = Heard()
            elif name in ("event", "id", "data"):
                setattr(event, "type" if name == "event" else name, json.loads(value) if name == "data" else value)
        self.ended = True


Listen = Callable[..., AbstractAsyncContextManager[Ear]]


@pytest.fixture
def listen(platform: Platform) -> Listen:
    """Listens to live changes with a role; `last` is the Last-Event-ID."""

    @asynccontextmanager
    async def opened(role: str, last: str = "", base_url: str = "", **scope: Any) -> AsyncIterator[Ear]:
        ear = Ear()
        headers = {"last-event-id": last, "accept-encoding": "gzip"} if last else {}
        async with platform.http(role, **scope) as client:
            client.base_url = httpx.URL(base_url or platform.http_url)
            async with client.stream("GET", "/v1/events", headers=headers, timeout=60) as response:
                ear.status, ear.headers = response.status_code, response.headers
                if response.status_code != 200:
                    ear.problem = json.loads(await response.aread())
                    yield ear
                    return
                reading = asyncio.create_task(ear.read(response))
                try:

                    async def begun() -> bool:
                        return bool(ear.heard)

                    await until(begun, 20, "no greeting came")
                    yield ear
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)

    return opened


@pytest.fixture
def live_ready(platform: Platform) -> Callable[[], Awaitable[None]]:
    """Waits until the gateway hears every stream."""

    async def wait() -> None:
        async def answers() -> bool:
            async with platform.http("oem.manager") as client, client.stream("GET", "/v1/events") as response:
                return response.status_code == 200

        await until(answers, 20, "live changes do not begin")

    return wait
