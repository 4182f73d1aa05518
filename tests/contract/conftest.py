"""The whole platform in this process, with the suite's world in it, and the ways to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.contract import Method
from servicekit.testing.access import cast as casting
from servicekit.testing.access.call import Door, Wire
from servicekit.testing.access.cast import Cast
from servicekit.testing.platform import Platform
from servicekit.testing.world import World

SERVICES = ("network", "customer", "vehicle", "complaint", "survey", "campaign")
UNLIMITED = 10_000_000


@dataclass
class Ways:
    """gRPC at the gateway's door, gRPC at every service, HTTP at the gateway."""

    door: Wire
    services: dict[str, Wire]
    http: Door

    def at(self, method: Method) -> Wire:
        """The service that owns a method."""
        return self.services[method.path.split(".")[1]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cast(platform: Platform) -> AsyncIterator[Cast]:
    """The suite's world, once for each module of tests."""
    for name in SERVICES:
        await platform.start(name, trace_sample_ratio=0.0)
    await platform.open_gateway(trace_sample_ratio=0.0, principal_rate=UNLIMITED, address_rate=UNLIMITED)
    async with httpx.AsyncClient(base_url=platform.http_url, timeout=20) as client:
        yield await casting.make(World(platform, InMemorySpanExporter()), client)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ways(cast: Cast) -> AsyncIterator[Ways]:
    """Open channels and connections to all doors."""
    platform = cast.world.platform
    made = Ways(
        Wire(platform.peers["gateway"]),
        {name: Wire(platform.peers[name]) for name in SERVICES},
        Door(platform.http_url),
    )
    yield made
    for way in (made.door, *made.services.values(), made.http):
        await way.close()
