"""The gRPC door in front of a real service: what passes, what is refused, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
from marque.network.v1 import network_import_service_pb2 as imports
from marque.type.v1 import import_pb2
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until

GET = "network.v1.DealerService/GetDealer"
LIST = "network.v1.DealerService/ListDealers"
IMPORT = "network.v1.NetworkImportService/ImportDealers"
NOBODY = str(uuid.uuid4())


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform, spans: InMemorySpanExporter, recorder: Recorder) -> AsyncIterator[Platform]:
    await platform.start("network", span_exporter=spans)
    platform.peers.setdefault("customer", "127.0.0.1:1")
    server = grpc.aio.server(handlers=[recorder])
    platform.peers["vehicle"] = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    await platform.open_gateway(span_exporter=spans, max_message_bytes=60_000)
    yield platform
    await server.stop(0)


@pytest_asyncio.fixture(loop_scope="session")
async def wire(door: Platform) -> AsyncIterator[grpc.aio.Channel]:
    """A bare channel to the door, for what a well-behaved client would not send."""
    async with grpc.aio.insecure_channel(door.peers["gateway"]) as channel:
        yield channel


def bearer(door: Platform, role: str = "oem.manager") -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {door.token(role)}"),)


def path(name: str) -> str:
    return f"/marque.{name}"


def rows(prefix: str, count: int, *, header: bool = True) -> imports.ImportDealersRequest:
    message = imports.ImportDealersRequest(
        rows=[
            imports.DealerImportRow(
                code=f"{prefix}-{number}", names={"en": "D"}, kinds="sales", time_zone="Asia/Shanghai"
            )
            for number in range(count)
        ]
    )
    if header:
        message.header.source = "test"
    return message


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
        self, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wire.unary_unary(path(GET))(b"\xff\xff\xff", metadata=bearer(door))

        assert RpcFailure(caught.value).reason == "MALFORMED_MESSAGE"

    async def test_every_answer_names_request_and_trace(self, door: Platform, wire: grpc.aio.Channel) -> None:
        metadata = (*bearer(door), ("x-request-id", "mine-1"))
        good = wire.unary_unary(path(LIST))(b"", metadata=metadata)
        bad = wire.unary_unary(path(GET))(b"", metadata=(("x-request-id", "<script>"),))
        await good
        told = [dict(await call.trailing_metadata()) for call in (good, bad)]

        assert told[0]["x-request-id"] == "mine-1"
        assert told[1]["x-request-id"] != "<script>"
        assert [len(one["x-trace-id"]) for one in told] == [32, 32]


class TestWhatGoesOn:
    async def test_it_is_token_language_request_and_trace_and_nothing_else(
        self, door: Platform, wire: grpc.aio.Channel, recorder: Recorder
    ) -> None:
        token = bearer(door)
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
        self, door: Platform, wire: grpc.aio.Channel, recorder: Recorder
    ) -> None:
        await wire.unary_unary(path("vehicle.v1.VehicleService/GetVehicle"))(b"", metadata=bearer(door))

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
        self, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        unary, stream = path("network.v1.DealerService/CreateDealer"), path(IMPORT)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wire.unary_unary(unary)(b"\xff", metadata=bearer(door, "oem.quality"))
        with pytest.raises(grpc.aio.AioRpcError) as streamed:
            async for _ in wire.stream_stream(stream)(iter([b"\xff"]), metadata=bearer(door, "oem.quality")):
                pass

        assert RpcFailure(caught.value).metadata == {"permission": "network.dealers.create"}
        assert RpcFailure(streamed.value).metadata == {"permission": "network.dealers.import"}

    @pytest.mark.parametrize("role", ["service", "oem.admin"])
    async def test_internal_and_unknown_methods_are_not_there(
        self, door: Platform, wire: grpc.aio.Channel, role: str
    ) -> None:
        internal = [
            method.path for name in contract.services() for method in contract.methods(name).values() if method.internal
        ]
        codes = set()
        for one in (*internal, "/marque.network.v1.DealerService/Nothing", "/marque.nothing.v1.X/Y", "/x"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await wire.unary_unary(one)(b"", metadata=bearer(door, role))
            codes.add(caught.value.code())

        assert len(internal) > 3
        assert codes == {grpc.StatusCode.UNIMPLEMENTED}

    async def test_too_large_a_message_is_refused(self, door: Platform, wire: grpc.aio.Channel) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await wire.unary_unary(path(LIST))(b"x" * 70_000, metadata=bearer(door))
        with pytest.raises(grpc.aio.AioRpcError) as stream:
            async for _ in wire.stream_stream(path(IMPORT))(iter([b"x" * 70_000]), metadata=bearer(door)):
                pass

        assert {unary.value.code(), stream.value.code()} == {grpc.StatusCode.RESOURCE_EXHAUSTED}

    async def test_a_dead_service_is_unavailable_and_its_address_is_not_told(
        self, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        single, many = (
            path("customer.v1.CustomerService/ListCustomers"),
            path("customer.v1.CustomerImportService/ImportCustomers"),
        )
        with pytest.raises(grpc.aio.AioRpcError) as unary:
            await wire.unary_unary(single)(b"", metadata=bearer(door))
        with pytest.raises(grpc.aio.AioRpcError) as stream:
            async for _ in wire.stream_stream(many)(iter([b""]), metadata=bearer(door)):
                pass

        for caught in (unary, stream):
            failure = RpcFailure(caught.value)
            assert (failure.code, failure.reason) == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE")
            assert "127.0.0.1" not in str(caught.value.trailing_metadata()) + failure.details


class TestStreams:
    async def test_answers_come_while_requests_are_still_sent(self, door: Platform, wire: grpc.aio.Channel) -> None:
        call = wire.stream_stream(
            path(IMPORT),
            request_serializer=imports.ImportDealersRequest.SerializeToString,
            response_deserializer=imports.ImportDealersResponse.FromString,
        )(metadata=bearer(door))
        last = []
        for part in range(3):
            await call.write(rows(f"TURN{part}", 2, header=part == 0))
            last.append((await call.read()).last_row)
        await call.done_writing()

        assert last == [2, 4, 6]
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK

    async def test_an_error_midway_keeps_its_details_after_the_answers_before(self, door: Platform) -> None:
        manager, answers = door.client("gateway", "oem.manager"), []
        with pytest.raises(RpcFailure) as caught:
            async for answer in manager.stream(IMPORT, iter([rows("MID", 1), rows("MID2", 1)])):  # the header twice
                answers.append(answer)

        assert len(answers) == 1
        assert caught.value.reason == "IMPORT_HEADER_REPEATED"

    async def test_a_service_that_refuses_early_is_heard_while_the_caller_still_writes(
        self, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        codes = set()
        for _ in range(20):
            call = wire.stream_unary(path("network.v1.NetworkImportService/UploadImport"))(metadata=bearer(door))
            chunk = import_pb2.UploadImportRequest(chunk=b"x" * 20_000).SerializeToString()
            with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                for _ in range(100):
                    await call.write(chunk)  # the header is missing

            async def settled(call: Any = call) -> bool:
                return await call.code() is not grpc.StatusCode.INTERNAL  # grpc.aio's own, until the answer is there

            with contextlib.suppress(AssertionError):
                await until(settled, 1, "grpc.aio lost the answer")
            if await settled():
                codes.add(await call.code())

        assert grpc.StatusCode.INVALID_ARGUMENT in codes
        assert codes <= {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE}

    async def test_a_stream_with_one_answer_passes(self, door: Platform) -> None:
        header = import_pb2.ImportFileHeader(kind="dealers", source="grpc", file_name="d.csv")
        parts = [
            import_pb2.UploadImportRequest(header=header),
            import_pb2.UploadImportRequest(chunk=b"code,names\n"),
        ]
        name = "network.v1.NetworkImportService/UploadImport"
        made = [answer async for answer in door.client("gateway", "oem.manager").stream(name, iter(parts))]

        assert [(one.source, one.file_size_bytes) for one in made] == [("grpc", 11)]

    async def test_fifty_at_once_do_not_mix(self, door: Platform) -> None:
        manager = door.client("gateway", "oem.manager")

        async def one(number: int) -> list[tuple[int, int]]:
            sent = iter([rows(f"MANY{number}", 3), rows(f"MORE{number}", 2, header=False)])
            return [(answer.last_row, answer.summary.created) async for answer in manager.stream(IMPORT, sent)]

        answers = await asyncio.gather(*(one(number) for number in range(50)))

        assert answers == [[(3, 3), (5, 5)]] * 50


class TestEnds:
    async def test_the_callers_deadline_is_the_services(self, door: Platform, hold: Any) -> None:
        async with hold("network", "dealers") as held:
            with pytest.raises(RpcFailure) as caught:
                await door.client("gateway", "oem.manager").call(LIST, dealers.ListDealersRequest(), timeout=0.5)
            await held.waiting(0)

        assert caught.value.code == "DEADLINE_EXCEEDED"

    async def test_a_cancelled_call_is_cancelled_in_the_service(
        self, door: Platform, wire: grpc.aio.Channel, hold: Any
    ) -> None:
        async with hold("network", "dealers") as held:
            unary = wire.unary_unary(path(LIST))(b"", metadata=bearer(door))
            stream = wire.stream_stream(path(IMPORT))(metadata=bearer(door))
            await stream.write(rows("CANCEL", 1).SerializeToString())
            await held.waiting(2)
            unary.cancel()
            stream.cancel()
            await held.waiting(0)

        assert await unary.code() is grpc.StatusCode.CANCELLED

    async def test_every_call_has_one_span_that_is_closed_in_its_own_context(
        self, door: Platform, wire: grpc.aio.Channel, hold: Any, spans: InMemorySpanExporter, caplog: Any
    ) -> None:
        spans.clear()
        with caplog.at_level(logging.ERROR):
            await wire.unary_unary(path(LIST))(b"", metadata=bearer(door))
            await failure_of(door, "gateway", GET, dealers.GetDealerRequest(dealer_id=NOBODY))
            async with hold("network", "dealers") as held:
                stream = wire.stream_stream(path(IMPORT))(metadata=bearer(door))
                await stream.write(rows("SPAN", 1).SerializeToString())
                await held.waiting(1)
                stream.cancel()
                await held.waiting(0)

            async def three() -> bool:
                return len(roots(spans)) >= 3

            await until(three, 10, "not every call has its span")
            await asyncio.sleep(0.1)

        found = {span.name.rpartition("/")[2]: (span.attributes or {})["rpc.status_code"] for span in roots(spans)}
        assert found == {"ListDealers": "OK", "GetDealer": "NOT_FOUND", "ImportDealers": "CANCELLED"}
        assert len(roots(spans)) == 3
        assert not [
            record for record in caplog.records if "detach" in record.message or "never retrieved" in record.message
        ]


def roots(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    return [
        span for span in spans.get_finished_spans() if span.parent is None and span.name.startswith("marque.network.v1")
    ]


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
