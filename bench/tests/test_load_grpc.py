"""The gRPC load driver against a small server."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from bench.load_grpc import GrpcJob, drive

METHOD = "/bench.Echo/Say"


class Echo:
    """Answers what it was sent, and refuses `no`."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, str]] = []

    async def say(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.seen.append((request, dict(context.invocation_metadata() or ())["authorization"]))
        if request == b"no":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no")
        return request


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[tuple[Echo, str]]:
    made, server = Echo(), grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.method_handlers_generic_handler("bench.Echo", {"Say": grpc.unary_unary_rpc_method_handler(made.say)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield made, f"127.0.0.1:{port}"
    await server.stop(0)


def job(address: str, *messages: bytes, rate: float | None = None) -> GrpcJob:
    return GrpcJob(address, METHOD, [base64.b64encode(one).decode() for one in messages], 0.2, "t", 2, rate)


class TestDrive:
    @pytest.mark.parametrize("rate", [None, 100.0])
    async def test_counts_every_call_and_sends_the_token(self, echo: tuple[Echo, str], rate: float | None) -> None:
        made, address = echo
        result = await drive(job(address, b"a", b"b", rate=rate))
        assert result.requests == len(made.seen) > 0
        assert result.errors == 0
        assert {authorization for _, authorization in made.seen} == {"Bearer t"}
        assert {request for request, _ in made.seen} == {b"a", b"b"}

    async def test_counts_calls_that_fail(self, echo: tuple[Echo, str]) -> None:
        result = await drive(job(echo[1], b"no", b"yes"))
        assert 0 < result.errors < result.requests

    async def test_an_open_loop_calls_as_often_as_is_due(self, echo: tuple[Echo, str]) -> None:
        assert (await drive(job(echo[1], b"a", rate=100.0))).requests == 20
