"""The whole platform in this process: three services and both doors, on real PostgreSQL and NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing.platform import Platform
from servicekit.testing.world import World


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(platform: Platform) -> AsyncIterator[World]:
    """A world of this test module."""
    spans = InMemorySpanExporter()
    for name in ("network", "customer", "vehicle"):
        await platform.start(name, span_exporter=spans)
    await platform.open_gateway(span_exporter=spans)
    yield World(platform, spans)
