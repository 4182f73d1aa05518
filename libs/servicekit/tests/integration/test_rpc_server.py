"""The pipeline of every call, over real gRPC: authenticate, authorise, validate, call; and what an answer may tell."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2
from marque.customer.v1 import customer_pb2, customer_service_pb2
from servicekit import masking
from servicekit.audit import ReadAudit
from servicekit.contract import ContractError
from servicekit.db.engine import Database
from servicekit.errors import Aborted, FieldViolation, InvalidArgument, NotFound
from servicekit.rpc.call import Call
from servicekit.rpc.server import ON_BEHALF_OF, RpcServer
from servicekit.rpc.tokens import TokenVerifier
from servicekit.telemetry import logs
from servicekit.testing.platform import Platform, until

SERVICE = "marque.customer.v1.CustomerService"
ID = "0190163d-8694-739b-aea5-966c26f8ad91"
SECRET = "王小明 13800138000"
READ = customer_service_pb2.GetCustomerRequest(customer_id=ID).SerializeToString()
GARBAGE = b"\xff\xff\xff"


class Scripted:
    """A servicer of the customer contract whose methods a test writes."""

    service = SERVICE

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def _unary(self, request: Any, call: Call) -> Any:
        self.calls.append(call)
        return await self.script(request, call)

    async def script(self, request: Any, call: Call) -> Any:
        return customer_pb2.Customer(customer_id=ID)

    async def ExportCustomers(self, request: Any, call: Call) -> AsyncIterator[Any]:
        self.calls.append(call)
        yield customer_service_pb2.ExportCustomersResponse()
        await self.script(request, call)

    def __getattr__(self, name: str) -> Any:
        if name[0].isupper():
            return self._unary
        raise AttributeError(name)


class Told(Exception):
    """An error as it came over the wire."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code, self.text = error.code().name, error.details() or ""
        found = [value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"]
        self.status = status_pb2.Status.FromString(found[0]) if found else status_pb2.Status()
        self.info = error_details_pb2.ErrorInfo()
        self.bad = error_details_pb2.BadRequest()
        for detail in self.status.details:
            detail.Unpack(self.info)
            detail.Unpack(self.bad)
        self.reason = self.info.reason


class Door:
    """A server with a scripted servicer, and calls of bytes to it."""

    def __init__(self, platform: Platform, servicer: Scripted, channel: grpc.aio.Channel) -> None:
        self.platform = platform
        self.servicer = servicer
        self._channel = channel

    async def call(
        self, method: str = "GetCustomer", data: bytes = READ, *, token: str | None = None, role: str = "oem.agent",
        timeout: float = 10, **head: str,
    ) -> bytes:  # fmt: skip
        """Calls a unary method with bytes; `token` may be empty for none."""
        text = self.platform.token(role) if token is None else token
        metadata = [
            *([("authorization", f"Bearer {text}")] if text else []),
            *((k.replace("_", "-"), v) for k, v in head.items()),
        ]
        try:
            return bytes(
                await self._channel.unary_unary(f"/{SERVICE}/{method}")(data, timeout=timeout, metadata=metadata)
            )
        except grpc.aio.AioRpcError as error:
            raise Told(error) from None

    async def told(self, *arguments: Any, **named: Any) -> Told:
        with pytest.raises(Told) as caught:
            await self.call(*arguments, **named)
        assert caught.value.reason, "every error carries an ErrorInfo"
        assert caught.value.info.domain == "marque"
        return caught.value

    async def stream(self, data: bytes, role: str = "service") -> list[bytes]:
        metadata = [("authorization", f"Bearer {self.platform.token(role)}")]
        found = []
        try:
            async for answer in self._channel.unary_stream(f"/{SERVICE}/ExportCustomers")(
                data, timeout=10, metadata=metadata
            ):
                found.append(answer)
        except grpc.aio.AioRpcError as error:
            raise Told(error) from None
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def door(platform: Platform, database: Database) -> AsyncIterator[Door]:
    servicer, audit = Scripted(), ReadAudit(database)
    verifier = TokenVerifier(platform.issuer.url, "marque", ["ES256"])
    server = RpcServer([servicer], verifier, audit=audit)
    port = await server.start("127.0.0.1", 0)
    writing = asyncio.create_task(audit.run())
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
    ) as channel:
        yield Door(platform, servicer, channel)
    await server.stop(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await verifier.close()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the service writes to its log meanwhile."""
    root, found = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    logs.configure("test", stream=found)
    yield found
    root.handlers[:], root.level = handlers, level
    logs.restore_hooks()


class TestOrder:
    @pytest.mark.parametrize("data", [READ, b"", GARBAGE], ids=["good", "empty", "garbage"])
    async def test_a_refusal_is_the_same_whatever_the_body_is(self, door: Door, data: bytes) -> None:
        unknown = await door.told(data=data, token="")
        assert (unknown.code, unknown.reason, unknown.info.metadata["why"]) == (
            "UNAUTHENTICATED",
            "UNAUTHENTICATED",
            "it is missing",
        )
        forged = await door.told(data=data, token="a.b.c")
        assert (forged.code, forged.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
        denied = await door.told(data=data, role="partner")
        assert (denied.code, dict(denied.info.metadata)) == (
            "PERMISSION_DENIED",
            {"permission": "customer.customers.read"},
        )
        assert door.servicer.calls == []

    async def test_then_the_body_is_judged(self, door: Door) -> None:
        garbage = await door.told(data=GARBAGE)
        assert (garbage.code, garbage.reason) == ("INVALID_ARGUMENT", "MALFORMED_MESSAGE")
        wrong = await door.told(data=customer_service_pb2.GetCustomerRequest(customer_id="x").SerializeToString())
        assert (wrong.code, [item.field for item in wrong.bad.field_violations]) == (
            "INVALID_ARGUMENT",
            ["customer_id"],
        )
        assert door.servicer.calls == []

    async def test_what_is_internal_is_for_services_only(self, door: Door) -> None:
        for role in ("oem.admin", "owner"):
            assert (await door.told("BatchGetCustomers", b"", role=role)).code == "PERMISSION_DENIED"
        assert (await door.told("BatchGetCustomers", GARBAGE, role="service")).code == "INVALID_ARGUMENT"

    @pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "x"])
    async def test_another_scheme_is_refused(self, door: Door, header: str) -> None:
        told = await door.told(token="", authorization=header)
        assert told.code == "UNAUTHENTICATED"

    async def test_a_large_token_gets_an_answer_like_any(self, door: Door) -> None:
        large = door.platform.token("dealer.sales", dealers=[f"dealer-{number:05}" for number in range(500)])
        assert 10_000 < len(large) < 12_000
        await door.call(token=large)
        assert len(door.servicer.calls[0].principal.dealers) == 500
        await door.call(role="service", x_marque_on_behalf_of=large)
        told = await door.told(token="A" * 10_000)
        assert told.code == "UNAUTHENTICATED"
        assert "AAAA" not in str(told.status)


class TestCaller:
    async def test_a_service_may_speak_for_a_person(self, door: Door) -> None:
        person = door.platform.token("dealer.sales", subject="anna")
        await door.call(role="service", x_marque_on_behalf_of=person)
        assert (door.servicer.calls[0].principal.subject, door.servicer.calls[0].principal.is_service) == (
            "anna",
            False,
        )

    async def test_the_persons_own_rights_are_judged_then(self, door: Door) -> None:
        told = await door.told(role="service", x_marque_on_behalf_of=door.platform.token("partner"))
        assert told.code == "PERMISSION_DENIED"
        told = await door.told(role="service", x_marque_on_behalf_of="a.b.c")
        assert told.code == "UNAUTHENTICATED"

    async def test_nobody_else_may(self, door: Door) -> None:
        assert ON_BEHALF_OF == "x-marque-on-behalf-of"
        await door.call(role="dealer.care", x_marque_on_behalf_of=door.platform.token("oem.admin", subject="boss"))
        assert door.servicer.calls[0].principal.subject == "test:dealer.care"
        told = await door.told(role="partner", x_marque_on_behalf_of=door.platform.token("oem.admin"))
        assert told.code == "PERMISSION_DENIED"

    async def test_the_request_id_is_the_question_without_itself(self, door: Door) -> None:
        for request_id, name in (("r1", "A"), ("r2", "A"), ("r1", "B")):
            request = customer_service_pb2.CreateCustomerRequest(
                customer={"kind": customer_pb2.CUSTOMER_KIND_PERSON, "name": {"full_name": name}}, request_id=request_id
            )
            await door.call("CreateCustomer", request.SerializeToString(), x_request_id="c-1", accept_language="zh-CN")
        first, second, third = door.servicer.calls
        assert (first.request_id, first.correlation_id, first.language) == ("r1", "c-1", "zh-CN")
        assert first.request_hash == second.request_hash != third.request_hash


class TestErrors:
    async def test_a_domain_error_comes_with_its_details(self, door: Door) -> None:
        async def script(request: Any, call: Call) -> Any:
            raise NotFound()

        door.servicer.script = script  # type: ignore[method-assign]
        told = await door.told()
        assert (told.code, told.reason, told.text) == ("NOT_FOUND", "NOT_FOUND", NotFound.message)
        assert told.status.code == grpc.StatusCode.NOT_FOUND.value[0]

    async def test_an_internal_error_hides_its_message_and_is_logged_by_type_only(
        self, door: Door, lines: io.StringIO
    ) -> None:
        async def script(request: Any, call: Call) -> Any:
            raise RuntimeError(SECRET)

        door.servicer.script = script  # type: ignore[method-assign]
        told = await door.told(x_request_id="c-77")
        assert (told.code, told.reason) == ("INTERNAL", "INTERNAL")
        assert "13800138000" not in f"{told.status}{told.text}"
        (line,) = [json.loads(text) for text in lines.getvalue().splitlines() if "rpc failed" in text]
        assert (line["exception"]["type"], line["request_id"], line["method"]) == (
            "RuntimeError",
            "c-77",
            f"/{SERVICE}/GetCustomer",
        )
        assert "13800138000" not in lines.getvalue()

    async def test_more_violations_than_headers_hold_still_arrive_as_an_error_of_ours(self, door: Door) -> None:
        async def script(request: Any, call: Call) -> Any:
            wrong = (FieldViolation(f"customer.contact_points[{n}].value", "WRONG", "😀" * 200) for n in range(200))
            raise InvalidArgument(violations=wrong, value="😀" * 5_000)

        door.servicer.script = script  # type: ignore[method-assign]
        told = await door.told()
        assert (told.code, told.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
        assert told.bad.field_violations

    async def test_a_call_past_its_deadline_is_ended_at_the_server(self, door: Door) -> None:
        ended = asyncio.Event()

        async def script(request: Any, call: Call) -> Any:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        door.servicer.script = script  # type: ignore[method-assign]
        with pytest.raises(Told) as caught:
            await door.call(timeout=0.3)
        assert caught.value.code == "DEADLINE_EXCEEDED"
        await asyncio.wait_for(ended.wait(), 10)

    async def test_an_unknown_method_is_unimplemented(self, door: Door) -> None:
        with pytest.raises(Told) as caught:
            await door.call("NoSuch")
        assert caught.value.code == "UNIMPLEMENTED"

    async def test_an_error_of_a_stream_comes_after_what_was_sent(self, door: Door) -> None:
        for error, code, reason in (
            (Aborted(), "ABORTED", "CONCURRENT_CHANGE"),
            (RuntimeError(SECRET), "INTERNAL", "INTERNAL"),
        ):

            async def script(request: Any, call: Call, error: Exception = error) -> Any:
                raise error

            door.servicer.script = script  # type: ignore[method-assign]
            with pytest.raises(Told) as caught:
                await door.stream(b"")
            assert (caught.value.code, caught.value.reason) == (code, reason)
            assert "13800138000" not in f"{caught.value.status}{caught.value.text}"

    async def test_a_stream_judges_caller_and_body_in_the_same_order(self, door: Door) -> None:
        for role, code in (("oem.admin", "PERMISSION_DENIED"), ("service", "INVALID_ARGUMENT")):
            with pytest.raises(Told) as caught:
                await door.stream(GARBAGE, role)
            assert (caught.value.code, bool(caught.value.reason)) == (code, True)
        assert door.servicer.calls == []


class TestStart:
    async def test_a_method_without_an_implementation_stops_the_service_from_starting(self, database: Database) -> None:
        class Half:
            service = SERVICE

        verifier = TokenVerifier("http://127.0.0.1:1", "marque", ["ES256"])
        with pytest.raises(ContractError, match=r"Half does not implement /marque\.customer"):
            RpcServer([Half()], verifier, audit=ReadAudit(database))
        await verifier.close()

    async def test_a_taken_port_is_an_os_error_and_never_shared(self, door: Door, database: Database) -> None:
        verifier = TokenVerifier("http://127.0.0.1:1", "marque", ["ES256"])
        one, other = (RpcServer([Scripted()], verifier, audit=ReadAudit(database)) for _ in range(2))
        port = await one.start("127.0.0.1", 0)
        with pytest.raises(OSError, match="cannot listen"):
            await other.start("127.0.0.1", port)
        await one.stop(0)
        await verifier.close()


class TestReadAudit:
    async def test_an_unmasked_read_leaves_a_record_with_names_of_fields_and_no_value(
        self, door: Door, database: Database
    ) -> None:
        async def script(request: Any, call: Call) -> Any:
            customer = customer_pb2.Customer(customer_id=ID, name={"full_name": SECRET}, occupation=SECRET)
            visible = frozenset({1})  # IDENTITY
            return masking.show(call, customer, "customer", call.principal.subject, visible)

        door.servicer.script = script  # type: ignore[method-assign]
        answer = customer_pb2.Customer.FromString(await door.call(role="dealer.care"))
        assert (answer.name.full_name, answer.occupation) == (SECRET, "")

        query = "SELECT * FROM audit_records WHERE action = 'read' AND resource_id = 'test:dealer.care'"
        (row,) = await until(lambda: database.reader.fetch(query), 10, "no record was written")
        assert (row["principal"], row["roles"], row["method"]) == (
            "test:dealer.care",
            "dealer.care",
            f"/{SERVICE}/GetCustomer",
        )
        assert "name" in row["fields"]
        assert "occupation" not in row["fields"]
        assert SECRET not in str(dict(row))
