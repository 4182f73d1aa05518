"""The whole platform in this process: three services and both doors, on real PostgreSQL and NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from devstack.ports import free_port
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing.platform import Platform
from servicekit.testing.world import World


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(platform: Platform) -> AsyncIterator[World]:
    """A world of this test module."""
    spans = InMemorySpanExporter()
    # Customer and vehicle ask each other, so each must know the other's address before both are there.
    ports = {name: free_port() for name in ("network", "customer", "vehicle")}
    peers = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    for name, port in ports.items():
        await platform.start(name, span_exporter=spans, grpc_port=port, peers=peers)
    await platform.open_gateway(span_exporter=spans)
    yield World(platform, spans)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whole platforms start here: seconds each."""
    item.add_marker("slow")
