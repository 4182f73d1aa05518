"""Issuers for tests of tokens and of who a service is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from servicekit.rpc.tokens import TokenVerifier
from servicekit.testing.issuer import IssuerServer


@pytest.fixture
def own_server() -> Iterator[IssuerServer]:
    """An issuer of this test alone, whose keys it may rotate and whose port it may close."""
    made = IssuerServer({"lab": "s"})
    yield made
    made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(server: IssuerServer) -> AsyncIterator[TokenVerifier]:
    made = TokenVerifier(server.url, "marque", ["ES256", "RS256"])
    yield made
    await made.close()
