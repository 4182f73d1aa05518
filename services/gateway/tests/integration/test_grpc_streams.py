"""Streams through the gRPC door: both ways at once, ended early by either side, many together, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from marque.network.v1 import dealer_service_pb2 as dealers
from marque.network.v1 import network_import_service_pb2 as imports
from marque.type.v1 import import_pb2
from marque_gateway.upstream import Ending
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until

GET = "network.v1.DealerService/GetDealer"
LIST = "network.v1.DealerService/ListDealers"
IMPORT = "network.v1.NetworkImportService/ImportDealers"
NOBODY = str(uuid.uuid4())


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform, spans: InMemorySpanExporter) -> AsyncIterator[Platform]:
    await platform.start("network", span_exporter=spans)
    await platform.open_gateway(span_exporter=spans)
    yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def wire(door: Platform) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(door.peers["gateway"]) as channel:
        yield channel


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


class TestStreams:
    async def test_answers_come_while_requests_are_still_sent(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        call = wire.stream_stream(
            path(IMPORT),
            request_serializer=imports.ImportDealersRequest.SerializeToString,
            response_deserializer=imports.ImportDealersResponse.FromString,
        )(metadata=bearer())
        last = []
        for part in range(3):
            await call.write(rows(f"TURN{part}", 2, header=part == 0))
            last.append((await call.read()).last_row)
        await call.done_writing()

        assert last == [2, 4, 6]
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK

    async def test_an_error_midway_keeps_its_details_after_the_answers_before(self, door: Platform) -> None:
        answers, twice = [], iter([rows("MID", 1), rows("MID2", 1)])

        async def collect() -> None:
            async for answer in door.client("gateway", "oem.manager").stream(IMPORT, twice):
                answers.append(answer)

        with pytest.raises(RpcFailure) as caught:
            await collect()

        assert len(answers) == 1
        assert caught.value.reason == "IMPORT_HEADER_REPEATED"

    async def test_a_service_that_refuses_early_is_heard_while_the_caller_still_writes(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel
    ) -> None:
        chunk = import_pb2.UploadImportRequest(chunk=b"x" * 20_000).SerializeToString()
        answers = []
        for _ in range(30):
            call = wire.stream_unary(path("network.v1.NetworkImportService/UploadImport"))(metadata=bearer())
            ending = Ending(call)  # this test's own client is of the same library
            with pytest.raises((asyncio.InvalidStateError, grpc.aio.AioRpcError)):  # noqa: PT012
                for _ in range(100):
                    await call.write(chunk)  # the header is missing
                await call
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            answers.append(await ending.of(caught.value))

        assert {RpcFailure(one).reason for one in answers if isinstance(one, grpc.aio.AioRpcError)} == {
            "IMPORT_HEADER_MISSING"
        }
        assert len([one for one in answers if isinstance(one, grpc.aio.AioRpcError)]) == 30

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
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel, hold: Any
    ) -> None:
        async with hold("network", "dealers") as held:
            unary = wire.unary_unary(path(LIST))(b"", metadata=bearer())
            stream = wire.stream_stream(path(IMPORT))(metadata=bearer())
            await stream.write(rows("CANCEL", 1).SerializeToString())
            await held.waiting(2)
            unary.cancel()
            stream.cancel()
            await held.waiting(0)

        assert await unary.code() is grpc.StatusCode.CANCELLED

    async def test_every_call_has_one_span_that_is_closed_in_its_own_context(
        self, bearer: Any, door: Platform, wire: grpc.aio.Channel, hold: Any, spans: InMemorySpanExporter, caplog: Any
    ) -> None:
        spans.clear()
        with caplog.at_level(logging.ERROR):
            await wire.unary_unary(path(LIST))(b"", metadata=bearer())
            with pytest.raises(RpcFailure):
                await door.client("gateway", "oem.manager").call(GET, dealers.GetDealerRequest(dealer_id=NOBODY))
            async with hold("network", "dealers") as held:
                stream = wire.stream_stream(path(IMPORT))(metadata=bearer())
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
