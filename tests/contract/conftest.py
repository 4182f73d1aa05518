"""The whole platform in this process, with the suite's world in it, and the ways to call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit import sweeps
from servicekit.contract import Method
from servicekit.db import due
from servicekit.testing import web
from servicekit.testing.access import cast as casting
from servicekit.testing.access.call import Door, Wire, rule_of
from servicekit.testing.access.cast import Cast
from servicekit.testing.access.registry import methods
from servicekit.testing.platform import Platform
from servicekit.testing.world import World

# Which half of the RPCs that both speak is sent to in the short size: each is attacked at one door, and all at both by `make soak`.
HALVES = {"test_hostile_grpc.py": 0, "test_hostile_input.py": 1}
SERVICES = ("network", "customer", "vehicle", "complaint", "survey", "campaign")
UNLIMITED = 10_000_000
SELDOM = 20.0  # seconds


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out of the short size what the other hostile suite sends to; `-k` names what is wanted and leaves out nothing."""
    if config.getoption("--soak") or config.option.keyword:
        return
    turn = {rpc: number % 2 for number, (rpc, method) in enumerate(methods().items()) if rule_of(method)[0]}
    out = set()
    for item in items:
        half, rpc = HALVES.get(item.path.name), _rpc(item)
        if half is not None and rpc in turn and turn[rpc] != half:
            out.add(item)
    config.hook.pytest_deselected(items=list(out))
    items[:] = [item for item in items if item not in out]


def _rpc(item: pytest.Item) -> str:
    given = getattr(item, "callspec", None)
    return str(given.params.get("rpc", "")) if given is not None else ""


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
    async with web.client(platform.http_url, timeout=60) as client:
        made = await casting.make(World(platform, InMemorySpanExporter()), client)
        with pytest.MonkeyPatch.context() as patch:
            # Six services that look for what is due each second took a quarter of these suites' time; from here on nothing becomes due.
            patch.setattr(due, "POLL_SECONDS", SELDOM)
            patch.setattr(sweeps, "EVERY_SECONDS", SELDOM)
            yield made


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
