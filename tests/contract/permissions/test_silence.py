"""A refusal does not tell whether a hidden row exists: not by its words, not by its headers, not by how much the database was asked."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from servicekit import roles
from servicekit.contract import Method
from servicekit.testing import rebuild, web
from servicekit.testing.access import cast as casting
from servicekit.testing.access.call import Door, Told, Wire, bound, encoded, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.registry import Fixture, Row, methods, registry
from servicekit.testing.access.rows import HIDDEN, expected
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import World

REFUSING = [
    rpc
    for rpc, fixture in registry().items()
    if fixture.rows and methods()[rpc].permission and not fixture.absent and not methods()[rpc].client_streaming
]
UNLIMITED = 10_000_000
VOLATILE = {"date", "ratelimit", "x-request-id", "x-trace-id", "content-length", "traceparent", "server-timing"}
Heard = tuple[str, bytes, list[tuple[str, str]]]


class Listening:
    """The platform, with every statement of every request recorded."""

    def __init__(self, cast: Cast, spans: InMemorySpanExporter) -> None:
        self.cast, self.spans = cast, spans
        peers = cast.world.platform.peers
        self.services = {name: Wire(peers[name]) for name in rebuild.services()}
        self.http = Door(cast.world.platform.http_url)

    async def close(self) -> None:
        for way in (self.http, *self.services.values()):
            await way.close()

    async def statements(self, method: Method, request: Any, caller: Caller) -> tuple[Told, list[str]]:
        """Asks the service itself; returns the answer and what the databases were asked for it, in order."""
        trace = secrets.token_hex(16)
        parent = ("traceparent", f"00-{trace}-{secrets.token_hex(8)}-01")
        service = self.services[method.path.split(".")[1]]
        told = await service.call(method, encoded(method, request), caller.token, parent)

        async def recorded() -> list[Any]:
            mine = [one for one in self.spans.get_finished_spans() if f"{one.context.trace_id:032x}" == trace]
            return mine if any(one.kind is SpanKind.SERVER for one in mine) else []

        mine = await until(recorded, 10, f"{method.path} left no span")
        asked = sorted((one.start_time, one.name) for one in mine if one.attributes.get("db.system.name"))
        # Whether the caller's own record was at hand has to do with the clock, and not with what was asked for.
        return told, [name for _, name in asked if name != "SELECT known_staff"]

    async def over_http(self, method: Method, request: Any, caller: Caller, row: Row) -> Heard:
        """Asks over HTTP; returns status, body and headers without what differs from one request to the next."""
        verb, path, params, document = bound(method, request)
        content = None if document is None else orjson.dumps(document)
        headers = {"authorization": f"Bearer {caller.token}", "content-type": "application/json"}
        answer = await self.http.client.request(verb, path, params=params, content=content, headers=headers)
        body = {name: one for name, one in answer.json().items() if name not in ("instance", "traceId", "requestId")}
        kept = sorted((name, value) for name, value in answer.headers.items() if name not in VOLATILE)
        return str(answer.status_code), anonymous(orjson.dumps(body), row), kept


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def listening(platform: Platform) -> AsyncIterator[Listening]:
    spans = InMemorySpanExporter()
    for name in rebuild.services():
        await platform.start(name, span_exporter=spans, trace_sample_ratio=1.0)
    rates = {"principal_rate": UNLIMITED, "address_rate": UNLIMITED}
    await platform.open_gateway(span_exporter=spans, trace_sample_ratio=1.0, **rates)
    async with web.client(platform.http_url, timeout=60) as client:
        made = Listening(await casting.make(World(platform, spans), client), spans)
        spans.clear()
        yield made
        await made.close()


def anonymous(error: bytes, row: Row) -> bytes:
    return error.replace(row.id.encode(), b"<id>") if row.id else error


def kept_from(cast: Cast, method: Method, fixture: Fixture) -> list[tuple[Caller, Row]]:
    """For each kind of scope a caller who may call, and a row that is hidden from it."""
    found: dict[str, tuple[Caller, Row]] = {}
    for caller in cast.callers():
        if method.permission not in roles.PERMISSIONS[caller.seat.role]:
            continue
        for place, row in cast.rows.get(fixture.rows, {}).items():
            there = fixture.within and expected(fixture.within, caller.seat, place) != HIDDEN
            if not there and expected(fixture.rows.split(":")[0], caller.seat, place) == HIDDEN:
                found.setdefault(caller.seat.kind, (caller, row))
    return list(found.values())


@pytest.mark.parametrize("rpc", REFUSING)
class TestHiddenAndAbsent:
    async def test_the_database_is_asked_the_same_and_the_answer_is_the_same(
        self, rpc: str, listening: Listening
    ) -> None:
        method, fixture, cast = methods()[rpc], registry()[rpc], listening.cast
        nowhere = cast.nowhere(fixture.rows)
        for caller, row in kept_from(cast, method, fixture):
            hidden, asked = await listening.statements(method, fixture.request(caller, row), caller)
            absent, asked_too = await listening.statements(method, fixture.request(caller, nowhere), caller)

            assert hidden.code == absent.code == fixture.hidden, caller.seat.name
            assert anonymous(hidden.error, row) == anonymous(absent.error, nowhere), caller.seat.name
            assert asked == asked_too, caller.seat.name

    async def test_over_http_status_body_and_headers_are_the_same(self, rpc: str, listening: Listening) -> None:
        method, fixture, cast = methods()[rpc], registry()[rpc], listening.cast
        nowhere = cast.nowhere(fixture.rows)
        for caller, row in kept_from(cast, method, fixture) if rule_of(method)[0] else ():
            hidden = await listening.over_http(method, fixture.request(caller, row), caller, row)
            absent = await listening.over_http(method, fixture.request(caller, nowhere), caller, nowhere)

            assert hidden == absent, caller.seat.name


class TestStatedExceptions:
    """What may be told, is told in one neutral answer, whoever's the row is."""

    async def test_a_vin_that_is_registered_already(self, listening: Listening) -> None:
        method, cast = methods()["vehicle.v1.VehicleService/RegisterVehicle"], listening.cast
        caller = next(one for one in cast.callers() if one.seat.name == "dealer.sales")
        told = {}
        for place in ("own", "group", "other", "maker"):
            vin = cast.row("car", place).id
            request = {"vehicle": {"vin": vin, "make": "Marque", "model": "One"}}
            answer, asked = await listening.statements(method, request, caller)
            told[place] = (answer.code, answer.error.replace(vin.encode(), b"<vin>"), tuple(asked))

        assert {code for code, _, _ in told.values()} == {"ALREADY_EXISTS"}
        assert len(set(told.values())) == 1, told

    async def test_a_phone_that_is_verified_for_somebody_else(self, listening: Listening) -> None:
        cast, told = listening.cast, {}
        dealer, agent = (
            next(one for one in cast.callers() if one.seat.name == name) for name in ("dealer.sales", "oem.agent")
        )
        points = "customer.v1.ContactPointService"
        add, verify = methods()[f"{points}/AddContactPoint"], methods()[f"{points}/VerifyContactPoint"]
        mine = cast.row("customer", "desk").id
        for number, place in enumerate(("own", "other")):
            phone, holder = f"+861390000{7000 + number}", cast.row("customer", place).id
            point = {"kind": "CONTACT_POINT_KIND_PHONE", "value": phone}
            added, _ = await listening.statements(add, {"customer_id": holder, "contact_point": point}, agent)
            (theirs,) = [one.contact_point_id for one in added.messages[0].contact_points if one.value == phone]
            request = {"customer_id": holder, "contact_point_id": theirs, "method": "VERIFICATION_METHOD_CALL"}
            assert (await listening.statements(verify, request, agent))[0].code == "OK"
            request = {"customer_id": mine, "contact_point": point}
            answer, asked = await listening.statements(add, request, dealer)
            told[place] = (answer.code, answer.error.replace(phone.encode(), b""), tuple(asked))

        assert told["own"][0] == "ALREADY_EXISTS"
        assert told["own"] == told["other"]
