"""What is done to a platform before anybody looks for markers: every text field of every RPC, files, strangers, alarms, an outage."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import orjson
from google.protobuf import json_format

from servicekit.contract import Method
from servicekit.testing.access.call import Door, Told, Wire, bound, encoded, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.registry import Fixture, Row, methods, registry
from servicekit.testing.access.rows import Seat, kind_of
from servicekit.testing.markers.people import people
from servicekit.testing.markers.planting import fresh, leaves, planted, together
from servicekit.testing.markers.showroom import showroom
from servicekit.testing.markers.words import Markers
from servicekit.testing.otlp import Collector
from servicekit.testing.platform import Platform, until

# Contact points have RPCs of their own; the fixture of tasks makes another kind than the call of a campaign, which alone has a script.
NOT_WRITTEN = (
    ("customer.v1.CustomerService/UpdateCustomer", "customer.contact_points."),
    ("customer.v1.TaskService/CreateTask", "task.campaign_call."),
)
LAST = ("Remove", "Reverse", "Close", "End", "Transfer", "Cancel", "Erase", "Release", "Win", "Decide", "Advance")
JSON = {"content-type": "application/json"}


@dataclass
class Run:
    """The platform of this module, what was planted in it, and what came of it."""

    platform: Platform
    cast: Cast
    door: Door
    wires: dict[str, Wire]
    collector: Collector
    health: dict[str, int]
    markers: Markers = field(default_factory=Markers)
    accepted: set[tuple[str, str]] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    visitor: str = ""

    @property
    def services(self) -> list[str]:
        """Their names."""
        return [name for name in self.wires if name != "gateway"]

    answers: dict[str, int] = field(default_factory=dict)

    @property
    def http(self) -> httpx.AsyncClient:
        return self.door.client

    def caller(self, role: str) -> Caller:
        return self.cast.caller(Seat(role, kind_of(role)))

    async def tell(self, method: Method, request: Any, token: str, *, http: bool) -> Told | None:
        """Sends a request over one of the doors; None where it cannot be made into a message at all."""
        try:
            if http and rule_of(method)[0]:
                verb, path, params, document = bound(method, request)
                content = None if document is None else orjson.dumps(document)
                answer = await self.http.request(
                    verb, path, params=params, content=content, headers={"authorization": f"Bearer {token}", **JSON}
                )
                told = Told("OK" if answer.status_code < 300 else str(answer.status_code))
            else:
                wire = self.wires[method.path.split(".")[1] if method.internal else "gateway"]
                told = await wire.call(method, encoded(method, request), token)
        except (json_format.ParseError, KeyError, TypeError, ValueError):
            return None
        self.answers[told.code] = self.answers.get(told.code, 0) + 1
        return told


async def everything(run: Run) -> None:
    """What is done to the platform before anybody looks."""
    await alarms(run)
    await partners(run)
    await showroom(run)
    await people(run)
    order = sorted(registry().values(), key=lambda fixture: any(word in fixture.rpc for word in LAST))
    for fixture in order:
        if (method := methods().get(fixture.rpc)) is not None:
            await plant(run, method, fixture)
    await files(run)
    await strangers(run)
    await republish(run)
    await without_database(run)
    await quiet(run)


async def alarms(run: Run) -> None:
    """What is told when nobody can and when nobody did: work without a taker, which is then ended, and an action past its day."""
    dealer, visitor = run.cast.row("dealer", "own").id, run.cast.row("staff", "maker").id
    work = {
        "itemType": "suite.item",
        "itemId": str(uuid.uuid4()),
        "need": {"dealerId": dealer, "roles": ["dealer.care"]},
    }
    waiting = await run.cast.post("oem.admin", "/v1/assignments", work)
    assert not waiting.get("staffId"), "somebody took what nobody can do"
    await run.cast.post("oem.admin", f"/v1/assignments/{waiting['assignmentId']}:end", {})
    late = {"title": "Train", "dueDate": {"year": 2026, "month": 3, "day": 5}}
    visit = {"dealerId": dealer, "kind": "DEALER_VISIT_KIND_SALES", "visitorStaffIds": [visitor], "actions": [late]}
    await run.cast.post("oem.admin", "/v1/dealerVisits", {**visit, "plannedTime": "2026-03-04T00:00:00Z"})


async def partners(run: Run) -> None:
    """Agreements signed, told to run out, and ended; a target agreed; somebody who goes out."""
    dealer = run.cast.row("dealer", "own").id
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=30), today + timedelta(days=10)
    for number in ("M-1", "M-2"):
        paper = {
            "dealerId": dealer, "kind": "DEALER_AGREEMENT_KIND_SALES", "number": number, "title": "Sales", "noticeDays": 30,
            "validFromDate": _day(first), "validToDate": _day(last),
            "documents": [{"title": "Contract", "location": "docs/1.pdf"}],
        }  # fmt: skip
        made = await run.cast.post("oem.admin", "/v1/dealerAgreements", paper)
        one = f"/v1/dealerAgreements/{made['agreementId']}"
        await run.cast.post("oem.admin", f"{one}:sign", {"signedDate": _day(first)})
    ended = {"lastDate": _day(today), "reason": run.markers.text("reason of an end")}
    await run.cast.post("oem.admin", f"{one}:terminate", ended)
    target = {"dealerId": dealer, "measure": "cars_sold", "period": {"year": 2026, "month": 5}, "value": "40"}
    (proposed,) = (await run.cast.post("oem.admin", "/v1/targets:propose", {"targets": [target]}))["targets"]
    agreed = {"agreements": [{"targetId": proposed["targetId"], "etag": proposed["etag"]}]}
    await run.cast.post("dealer.manager", "/v1/targets:agree", agreed, dealers=[dealer])
    person = {"employeeNumber": "M-1", "name": {"fullName": "Visitor"}, "roles": ["oem.keyaccount"]}
    run.visitor = (await run.cast.post("oem.admin", "/v1/staff", person))["staffId"]
    for state in ("PRESENCE_STATE_AVAILABLE", "PRESENCE_STATE_OFF"):
        await run.cast.post("oem.admin", f"/v1/staff/{run.visitor}:reportPresence", {"state": state})


def _day(value: date) -> dict[str, int]:
    return {"year": value.year, "month": value.month, "day": value.day}


async def plant(run: Run, method: Method, fixture: Fixture) -> None:
    """Every text field of one RPC, over HTTP and gRPC; a personal one twice, so that what must be unique once meets itself."""
    role = "service" if method.internal else "oem.admin"
    caller = run.caller(role)
    entity = fixture.rows.split(":")[0] if fixture.rows not in run.cast.rows else fixture.rows
    place = next(iter(reversed(list(run.cast.places(entity)))), "")
    row = run.cast.row(entity, place) if place else Row("", "")

    def make() -> Any:
        made = fixture.request(caller, row)
        if fixture.rpc.endswith("/PlanDealerVisit"):  # the fixture names nobody, and is refused
            made["visit"]["visitor_staff_ids"] = [run.visitor]
        return made

    leave_out = tuple(way for rpc, way in NOT_WRITTEN if rpc == fixture.rpc)
    whole, request = together(method, make, run.markers, leave_out)
    told = await run.tell(method, request, caller.token, http=False)
    if told is not None and told.code == "OK":
        run.accepted |= {(fixture.rpc, leaf.name) for leaf in whole}
    elif told is not None:
        run.refused[fixture.rpc] = f"{told.reason} {told.error!r}"
    # Of fields that tell of nobody each eighth, so that a run lasts minutes: what a mistake of theirs is logged as is the same code.
    leaves_told = itertools.count(len(fixture.rpc))
    asked = [(None, fresh(make()))]
    asked += [one for one in planted(method, make, run.markers) if one[0].personal or not next(leaves_told) % 8]

    turn = asyncio.Semaphore(8)

    async def one(leaf: Any, request: Any, http: bool) -> None:
        async with turn:
            for _ in range(2 if leaf is None or leaf.personal else 1):
                told = await run.tell(method, request, caller.token, http=http)
                if leaf is not None and told is not None and told.code == "OK":
                    run.accepted.add((fixture.rpc, leaf.name))

    sent = (one(leaf, request, bool(number % 2) or leaf is None) for number, (leaf, request) in enumerate(asked))
    await asyncio.gather(*sent)


async def files(run: Run) -> None:
    """A file of every kind: good rows, bad rows, a name that tells somebody."""
    token = run.caller("oem.admin").token
    for rpc, method in methods().items():
        if not method.client_streaming or "Upload" in rpc:
            continue
        service = rpc.partition(".")[0]
        kind = {"Import" + name: name.lower() for name in ("Customers", "Dealers", "Staff", "Vehicles", "Sales")}
        rows = method.input.DESCRIPTOR.fields_by_name["rows"].message_type
        columns = [leaf for leaf in leaves(rows) if len(leaf.path) == 1]
        lines = [",".join(leaf.name for leaf in columns)]
        for _ in range(3):
            lines.append(",".join(_cell(run.markers, rpc, leaf.name) for leaf in columns))
        params = {
            "kind": kind.get(method.name, "repair_orders"), "source": "suite",
            "fileName": f"{run.markers.text(rpc + ' file')}.csv",
        }  # fmt: skip
        for coding in ("utf-8", "gb18030"):
            headers = {"authorization": f"Bearer {token}", "content-type": "text/csv"}
            content = "\n".join(lines).encode(coding, "replace")
            answer = await run.http.post(f"/v1/{service}/imports", params=params, content=content, headers=headers)
            run.answers[f"import {answer.status_code}"] = run.answers.get(f"import {answer.status_code}", 0) + 1


def _cell(markers: Markers, rpc: str, name: str) -> str:
    if "phone" in name or name == "fax":
        return markers.phone(f"{rpc} {name}")
    if "email" in name:
        return markers.email(f"{rpc} {name}")
    return markers.text(f"{rpc} {name}")


async def strangers(run: Run) -> None:
    """Those who knock wrongly: tokens, paths, queries, headers, bodies, methods with somebody's name in them."""
    markers, good = run.markers, run.caller("oem.admin").token
    for where, headers in {
        "token": {"authorization": f"Bearer {markers.word('token')}"},
        "forged token": {"authorization": f"Bearer {good}{markers.word('forged token')}"},
        "basic": {"authorization": f"Basic {markers.word('basic')}"},
        "agent": {"authorization": f"Bearer {good}", "user-agent": markers.word("agent")},
        "referer": {"authorization": f"Bearer {good}", "referer": f"http://{markers.word('referer')}/"},
        "cookie": {"authorization": f"Bearer {good}", "cookie": f"name={markers.word('cookie')}"},
        "traceparent": {"authorization": f"Bearer {good}", "traceparent": markers.word("traceparent")},
        "tracestate": {
            "authorization": f"Bearer {good}", "tracestate": f"a={markers.word('tracestate')}", "baggage": f"b={markers.word('baggage')}",
            "traceparent": "00-11111111111111111111111111111111-2222222222222222-01",
        },
    }.items():  # fmt: skip
        await run.http.get("/v1/customers", headers=headers, params={"pageToken": markers.word(f"{where} page token")})
    admin = {"authorization": f"Bearer {good}"}
    for path in (f"/v1/customers/{markers.word('path')}", f"/v1/{markers.word('route')}", f"/{markers.text('root')}"):
        for verb in ("GET", "POST", "DELETE", markers.word("verb").upper()):
            await run.http.request(
                verb, path, headers={**admin, **JSON}, params={markers.word("key"): markers.text("value")}
            )
    for body in ('{"name": "%s"', '{"%s": 1}', '"%s"', '{"customer": {"kind": "%s"}}', '{"birthDate": "%s"}'):
        content = (body % markers.text("body")).encode()
        await run.http.post("/v1/customers", headers={**admin, **JSON}, content=content)
        await run.http.post(
            "/v1/customers", headers={**admin, "content-type": f"text/{markers.word('type')}"}, content=content
        )
    for service in ("marque.customer.v1.CustomerService", f"marque.{markers.word('service')}"):
        for address in run.wires.values():
            call = address._channel.unary_unary(f"/{service}/{markers.word('method')}")
            with contextlib.suppress(Exception):
                await call(markers.text("bytes").encode(), metadata=[("x-name", markers.word("metadata"))], timeout=5)


async def republish(run: Run) -> None:
    """Every state said again, which says every snapshot."""
    token = run.caller("oem.admin").token
    for name in run.services:
        answer = await run.http.post(f"/v1/{name}:republish", headers={"authorization": f"Bearer {token}"}, json={})
        assert answer.status_code == 200, answer.text


async def without_database(run: Run) -> None:
    """Stops PostgreSQL while everything is asked, and starts it again."""
    turn = asyncio.Semaphore(16)

    async def one(method: Method, fixture: Fixture) -> None:
        caller = run.caller("service" if method.internal else "oem.admin")
        row = run.cast.nowhere(fixture.rows)
        for _, request in list(planted(method, lambda: fixture.request(caller, row), run.markers))[:2]:
            async with turn:
                await run.tell(method, request, caller.token, http=True)

    await asyncio.to_thread(run.platform.postgres.stop)
    try:
        asked = [(methods()[rpc], fixture) for rpc, fixture in registry().items() if rpc in methods()]
        await asyncio.gather(*(one(method, fixture) for method, fixture in asked if not method.client_streaming))
    finally:
        await asyncio.to_thread(run.platform.postgres.start)


async def quiet(run: Run) -> None:
    """Until everything is said, heard, imported and exported."""
    query = """SELECT (SELECT count(*) FROM outbox_messages WHERE publish_time IS NULL)
        + (SELECT count(*) FROM imports WHERE end_time IS NULL) + (SELECT count(*) FROM republishes WHERE end_time IS NULL) AS n"""

    async def done() -> bool:
        return all([(await run.platform.sql(name, query))[0]["n"] == 0 for name in run.services])

    await until(done, 120, "the platform does not come to rest")
    await asyncio.sleep(12)  # exporters send every five seconds
