"""The gRPC door in front of a real service: what passes, what is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from marque.network.v1 import dealer_service_pb2 as dealers
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform

GET = "network.v1.DealerService/GetDealer"
LIST = "network.v1.DealerService/ListDealers"
IMPORT = "network.v1.NetworkImportService/ImportDealers"
NOBODY = str(uuid.uuid4())


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform, recorder: Recorder) -> AsyncIterator[Platform]:
    await platform.start("network")
    platform.peers.setdefault("customer", "127.0.0.1:1")
    server = grpc.aio.server(handlers=[recorder])
    platform.peers["vehicle"] = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    await platform.open_gateway(max_message_bytes=60_000)
    yield platform
    await server.stop(0)


@pytest_asyncio.fixture(loop_scope="session")
async def wire(door: Platform) -> AsyncIterator[grpc.aio.Channel]:
    """A bare channel to the door, for what a well-behaved client would not send."""
    async with grpc.aio.insecure_channel(door.peers["gateway"]) as channel:
        yield channel


def path(name: str) -> str:
    return f"/marque.{name}"


async def failure_of(door: Platform, peer: str, name: str, request: Message, **scope: Any) -> RpcFailure:
    with pytest.raises(RpcFailure) as caught:
        await door.client(peer, scope.pop("role", "oem.manager"), **scope).call(name, request)
    return caught.value


class Recorder(grpc.GenericRpcHandler):
    """A listener at the wire: keeps what arrives beside a message, which no service of ours would tell."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.body = b""
        self.seconds = 0.0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._keep)

    async def _keep(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.metadata, self.body = dict(context.invocation_metadata() or ()), request
        self.seconds = context.time_remaining()
        return b"any bytes"


class TestUnary:
    async def test_an_answer_is_that_of_the_service(self, door: Platform, new_dealer: Any) -> None:
        request = dealers.GetDealerRequest(dealer_id=await new_dealer())

        assert await door.client("gateway", "oem.manager").call(GET, request) == await door.client(
            "network", "oem.manager"
        ).call(GET, request)

    @pytest.mark.parametrize(
        ("name", "request_"),
        [
            (GET, dealers.GetDealerRequest(dealer_id=NOBODY)),
            (GET, dealers.GetDealerRequest(dealer_id="no uuid")),
            (LIST, dealers.ListDealersRequest(page_token="broken")),
            (LIST, dealers.ListDealersRequest(order_by="colour")),
        ],
    )
    async def test_an_error_keeps_code_words_and_details(self, door: Platform, name: str, request_: Message) -> None:
        direct = await failure_of(door, "network", name, request_)
        through = await failure_of(door, "gateway", name, request_)

        assert through.reason
        assert vars(through) == vars(direct)

    async def test_bytes_that_are_no_message_are_refused_by_the_service(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wire.unary_unary(path(GET))(b"\xff\xff\xff", metadata=bearer())

        assert RpcFailure(caught.value).reason == "MALFORMED_MESSAGE"

    async def test_every_answer_names_request_and_trace(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        metadata = (*bearer(), ("x-request-id", "mine-1"))
        good = wire.unary_unary(path(LIST))(b"", metadata=metadata)
        bad = wire.unary_unary(path(GET))(b"", metadata=(("x-request-id", "<script>"),))
        await good
        told = [dict(await call.trailing_metadata()) for call in (good, bad)]

        assert told[0]["x-request-id"] == "mine-1"
        assert told[1]["x-request-id"] != "<script>"
        assert [len(one["x-trace-id"]) for one in told] == [32, 32]


class TestWhatGoesOn:
    async def test_it_is_token_language_request_and_trace_and_nothing_else(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel, recorder: Recorder
    ) -> None:
        token = bearer()
        theirs = "00-11111111111111111111111111111111-2222222222222222-01"
        more = (
            ("x-request-id", "mine-2"),
            ("accept-language", "zh-CN"),
            ("grpc-previous-rpc-attempts", "1"),
            ("x-marque-on-behalf-of", "somebody"),
            ("cookie", "a=b"),
            ("traceparent", theirs),
        )
        answer = await wire.unary_unary(path("vehicle.v1.VehicleService/GetVehicle"))(
            b"not read", timeout=3, metadata=(*token, *more)
        )

        told = {key: value for key, value in recorder.metadata.items() if key != "user-agent"}
        assert (answer, recorder.body) == (b"any bytes", b"not read")
        assert set(told) == {"authorization", "accept-language", "x-request-id", "traceparent"}
        assert (told["x-request-id"], told["accept-language"]) == ("mine-2", "zh-CN")
        assert told["authorization"] == token[0][1]
        assert "1" * 32 not in told["traceparent"]
        assert recorder.seconds < 4, "gRPC rounds up"

    async def test_without_a_deadline_the_door_sets_its_own(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel, recorder: Recorder
    ) -> None:
        await wire.unary_unary(path("vehicle.v1.VehicleService/GetVehicle"))(b"", metadata=bearer())

        assert recorder.seconds < 12, "gRPC rounds up"


class TestRefusals:
    @pytest.mark.parametrize("value", ["", "Bearer", "Bearer a.b.c", "Basic dXNlcjpwdw=="])
    async def test_without_a_good_token_it_is_unauthenticated(self, wire: grpc.aio.Channel, value: str) -> None:
        metadata = (("authorization", value),) if value else ()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wire.unary_unary(path(LIST))(b"", metadata=metadata)

        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "a.b.c" not in (caught.value.details() or "")

    async def test_a_missing_permission_is_told_before_the_request_is_read(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        unary, stream = path("network.v1.DealerService/CreateDealer"), path(IMPORT)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wire.unary_unary(unary)(b"\xff", metadata=bearer("oem.quality"))
        with pytest.raises(grpc.aio.AioRpcError) as streamed:
            async for _ in wire.stream_stream(stream)(iter([b"\xff"]), metadata=bearer("oem.quality")):
                pass

        assert RpcFailure(caught.value).metadata == {"permission": "network.dealers.create"}
        assert RpcFailure(streamed.value).metadata == {"permission": "network.dealers.import"}

    @pytest.mark.parametrize("role", ["service", "oem.admin"])
    async def test_internal_and_unknown_methods_are_not_there(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel, role: str
    ) -> None:
        internal = [
            method.path for name in contract.services() for method in contract.methods(name).values() if method.internal
        ]
        codes = set()
        for one in (*internal, "/marque.network.v1.DealerService/Nothing", "/marque.nothing.v1.X/Y", "/x"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await wire.unary_unary(one)(b"", metadata=bearer(role))
            codes.add(caught.value.code())

        assert len(internal) > 3
        assert codes == {grpc.StatusCode.UNIMPLEMENTED}

    async def test_too_large_a_message_is_refused(self, bearer: Any, door: Platform, wire: grpc.aio.Channel) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await wire.unary_unary(path(LIST))(b"x" * 70_000, metadata=bearer())
        with pytest.raises(grpc.aio.AioRpcError) as stream:
            async for _ in wire.stream_stream(path(IMPORT))(iter([b"x" * 70_000]), metadata=bearer()):
                pass

        assert {unary.value.code(), stream.value.code()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}

    async def test_a_dead_service_is_unavailable_and_its_address_is_not_told(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        single, many = (
            path("customer.v1.CustomerService/ListCustomers"),
            path("customer.v1.CustomerImportService/ImportCustomers"),
        )
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await wire.unary_unary(single)(b"", metadata=bearer())
        with pytest.raises(grpc.aio.AioRpcError) as stream:
            async for _ in wire.stream_stream(many)(iter([b""]), metadata=bearer()):
                pass

        for caught in (unary, stream):
            failure = RpcFailure(caught.value)
            assert (failure.code, failure.reason) == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE")
            assert "127.0.0.1" not in str(caught.value.trailing_metadata()) + failure.details


class TestReflection:
    async def test_it_lists_exactly_what_is_open_to_callers(self, door: Platform) -> None:
        def listed() -> set[str]:
            with grpc.insecure_channel(door.peers["gateway"]) as channel:
                return set(ProtoReflectionDescriptorDatabase(channel).get_services())

        open_ = {
            name
            for name in contract.services()
            if any(not method.internal for method in contract.methods(name).values())
            and name.split(".")[1] in ("network", "customer", "vehicle")
        }
        closed = set(contract.services()) - open_

        found = await asyncio.to_thread(listed)
        assert found == open_ | {"grpc.reflection.v1alpha.ServerReflection"}
        assert not closed & found
        assert any("PersonalData" in name for name in closed)
