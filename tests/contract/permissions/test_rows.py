"""Every RPC about rows × every role that may call it × where the row lies: seen, without persons, or as if it did not exist."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from servicekit import roles
from servicekit.contract import Method
from servicekit.testing.access import judge
from servicekit.testing.access.call import Told, encoded, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.registry import Fixture, Row, methods, registry
from servicekit.testing.access.rows import HIDDEN, MASKED, SEEN, expected
from servicekit.testing.platform import until
from servicekit.testing.sizes import part

ABOUT_ROWS = [rpc for rpc, fixture in registry().items() if fixture.rows and methods()[rpc].permission]
ASKED = [
    (rpc, way)
    for rpc in ABOUT_ROWS
    for way in ("grpc", "http", "service")
    if way != "http" or rule_of(methods()[rpc])[0]
]
UPDATES = [rpc for rpc, fixture in registry().items() if fixture.updates]
SEARCHES = [rpc for rpc, fixture in registry().items() if fixture.terms]
ORDERED = [
    rpc
    for rpc, method in methods().items()
    if "order_by" in method.input.DESCRIPTOR.fields_by_name and method.permission
]
FILTERS = [rpc for rpc, method in methods().items() if method.permission and judge.classified(method.input.DESCRIPTOR)]


def holders(cast: Cast, method: Method) -> list[Caller]:
    return [caller for caller in cast.callers() if method.permission in roles.PERMISSIONS[caller.seat.role]]


def askers(cast: Cast, rpc: str, way: str, soaking: bool) -> list[Caller]:
    """At the service, which judges, every second of each kind of scope (all in the long size); at the doors one. Others with each RPC."""
    found: dict[str, list[Caller]] = {}
    for caller in holders(cast, methods()[rpc]):
        found.setdefault(caller.seat.kind, []).append(caller)
    turn = ABOUT_ROWS.index(rpc)
    if soaking:
        return [caller for kind in found.values() for caller in kind]
    if way == "service":
        return [caller for kind in found.values() for caller in part(kind, 2, turn)]
    return [kind[turn % len(kind)] for kind in found.values()]


def classes(caller: Caller) -> frozenset[int]:
    return roles.CLASSES[caller.seat.role]


def awaited(fixture: Fixture, caller: Caller, place: str) -> str:
    return expected(fixture.rows.split(":")[0], caller.seat, place)


def anonymous(error: bytes, *ids: str) -> bytes:
    """An error without the ids that the request named."""
    for one in ids:
        error = error.replace(one.encode(), b"<id>")
    return error


async def ask(ways: Any, way: str, method: Method, request: Any, caller: Caller) -> Told:
    if way == "http":
        found: Told = await ways.http.call(method, request, caller.token)
    else:
        wire = ways.door if way == "grpc" else ways.at(method)
        found = await wire.call(method, encoded(method, request), caller.token)
    return found


def outcome(fixture: Fixture, told: Told, row_id: str) -> str:
    """What became of a row: SEEN, HIDDEN, or the code of an answer that is neither."""
    if fixture.request is not None and told.messages and hasattr(told.messages[0], "rejected"):
        return HIDDEN if judge.refuses_dealer(told.messages) else SEEN
    if fixture.items:
        if told.is_one({fixture.hidden}):
            return HIDDEN
        return (SEEN if row_id in judge.items(fixture, told.messages) else HIDDEN) if told.is_one({"OK"}) else told.code
    if told.is_one(fixture.seen):
        return SEEN
    return HIDDEN if told.is_one({fixture.hidden}) else f"{told.code} {told.error!r}"


def shown_wrongly(fixture: Fixture, told: Told, row_id: str, caller: Caller, wanted: str) -> list[str]:
    """What an answer shows of a row that it should not, by the kinds of data of the contract."""
    visible = classes(caller) - ({judge.PERSON} if wanted == MASKED else frozenset())
    if fixture.key:
        return judge.faults(judge.items(fixture, told.messages)[row_id], visible)
    return [fault for message in told.messages for fault in judge.faults(message, visible)]


class Asking:
    """The answers of one caller to one RPC; a list is asked once, whatever the number of rows looked for in it."""

    def __init__(self, ways: Any, way: str, method: Method, fixture: Fixture, caller: Caller) -> None:
        self._ways, self._way, self._method, self._fixture, self._caller = ways, way, method, fixture, caller
        self._known: dict[str, Told] = {}

    async def of(self, row: Row) -> Told:
        """Asks for a row."""
        request = self._fixture.request(self._caller, row)
        key = repr(request)
        if key not in self._known:
            self._known[key] = await ask(self._ways, self._way, self._method, request, self._caller)
        return self._known[key]


def chosen(cast: Cast, fixture: Fixture, caller: Caller, way: str, soaking: bool) -> list[str]:
    """All places at the service, which judges; at the doors, which carry its answers, one for each thing to be told."""
    places = list(cast.places(fixture.rows))
    if soaking or way == "service":
        return places
    return list({awaited(fixture, caller, place): place for place in places}.values())


async def judged(cast: Cast, fixture: Fixture, caller: Caller, asking: Asking, places: list[str]) -> list[str]:
    """What one role is told wrongly by one RPC; hidden rows are compared with one that does not exist."""
    wrong, nowhere = [], cast.nowhere(fixture.rows)
    missing = await asking.of(nowhere)
    for place in places:
        row, name = cast.row(fixture.rows, place), f"{fixture.rpc} × {caller.seat.name} × {place}"
        wanted, told = awaited(fixture, caller, place), await asking.of(row)
        found = outcome(fixture, told, row.id)
        if found != (SEEN if wanted == MASKED else wanted):
            wrong.append(f"{name}: should be {wanted}, is {found}")
        elif found == SEEN:
            wrong += [f"{name}: {fault}" for fault in shown_wrongly(fixture, told, row.id, caller, wanted)]
        elif fixture.within and expected(fixture.within, caller.seat, place) != HIDDEN:
            continue
        elif anonymous(told.error, row.id) != anonymous(missing.error, nowhere.id) or told.code != missing.code:
            wrong.append(f"{name}: {told.error!r}, but of nothing: {missing.error!r}")
    return wrong


@pytest.mark.soak
@pytest.mark.parametrize(("rpc", "way"), ASKED)
async def test_every_role_sees_the_rows_of_the_table_and_no_other(
    rpc: str, way: str, cast: Cast, ways: Any, soaking: bool
) -> None:
    method, fixture = methods()[rpc], registry()[rpc]
    told = (
        judged(cast, fixture, one, Asking(ways, way, method, fixture, one), chosen(cast, fixture, one, way, soaking))
        for one in askers(cast, rpc, way, soaking)
    )
    wrong = [fault for faults in await asyncio.gather(*told) for fault in faults]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("rpc", UPDATES)
async def test_a_field_that_a_role_does_not_see_cannot_be_written(rpc: str, cast: Cast, ways: Any) -> None:
    method, fixture, wrong = methods()[rpc], registry()[rpc], []
    resource = method.input.DESCRIPTOR.fields_by_name[fixture.updates].message_type
    for caller in holders(cast, method):
        for field, kind in judge.classified(resource):
            if kind in classes(caller):
                continue
            request = fixture.request(caller, cast.row(fixture.rows, "own"))
            camel = resource.fields_by_name[field].json_name
            told = {"grpc": await ask(ways, "grpc", method, {**request, "update_mask": camel}, caller)}
            patch = {**request, fixture.updates: {**request[fixture.updates], field: None}}
            told["http"] = await ask(ways, "http", method, patch, caller)
            for way, answer in told.items():
                if not answer.is_one({"INVALID_ARGUMENT"}) or b"FIELD_MASKED" not in answer.error:
                    wrong.append(f"{rpc} × {caller.seat.name} × {field} over {way}: {answer.code} {answer.error!r}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("rpc", FILTERS)
async def test_what_a_role_does_not_see_is_no_filter(rpc: str, cast: Cast, ways: Any) -> None:
    method, fixture, wrong = methods()[rpc], registry()[rpc], []
    for caller in holders(cast, method):
        for field in judge.hidden_filters(method, classes(caller)):
            request = {**fixture.request(caller, cast.row(fixture.rows, "own")), field: cast.stranger}
            for way in ("grpc", "http"):
                told = await ask(ways, way, method, request, caller)
                if not told.is_one({"INVALID_ARGUMENT"}) or b"FIELD_MASKED" not in told.error:
                    wrong.append(f"{rpc} × {caller.seat.name} × {field} over {way}: {told.code} {told.error!r}")

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("rpc", ORDERED)
async def test_what_a_role_does_not_see_is_no_order(rpc: str, cast: Cast, ways: Any) -> None:
    """Not even the order of a list may tell of a field that is withheld."""
    method, fixture = methods()[rpc], registry()[rpc]
    row = cast.row(fixture.rows, next(iter(cast.places(fixture.rows)))) if fixture.rows else Row("", "")
    item = judge.item_type(method, fixture)
    asked = [
        ({**fixture.request(caller, row), "order_by": f"{field}{way}"}, caller, f"{caller.seat.name} by {field}")
        for caller in holders(cast, method)
        for field, kind in judge.classified(item)
        for way in ("", " desc")
        if kind not in classes(caller)
    ]
    told = await asyncio.gather(*(ask(ways, "service", method, request, caller) for request, caller, _ in asked))

    assert [name for (_, _, name), one in zip(asked, told, strict=True) if not one.is_one({"INVALID_ARGUMENT"})] == []


@pytest.mark.parametrize("rpc", SEARCHES)
async def test_what_a_role_does_not_see_finds_nothing(rpc: str, cast: Cast, ways: Any) -> None:
    method, fixture, wrong = methods()[rpc], registry()[rpc], []
    row = cast.row(fixture.rows, "own")
    for caller in holders(cast, method):
        for kind, term in fixture.terms.items():
            sees = judge.options_pb2.DataClass.Value(kind) in classes(caller)
            request = {**fixture.request(caller, row), "query": row[term]}
            told = await ask(ways, "grpc", method, request, caller)
            found = row.id in judge.items(fixture, told.messages)
            if found and not sees:
                wrong.append(f"{rpc} × {caller.seat.name}: found by its {term}")

    assert not wrong, "\n".join(wrong)


async def test_the_overview_hides_whom_the_customer_service_hides(cast: Cast, ways: Any) -> None:
    wrong = []
    for caller in holders(cast, methods()["customer.v1.CustomerService/GetCustomer"]):
        nowhere = cast.nowhere("customer").id
        missing = await _overview(ways, nowhere, caller)
        for place in ("own", "shared", "group", "other"):
            row = cast.row("customer", place).id
            told = await _overview(ways, row, caller)
            hidden = expected("customer", caller.seat, place) == HIDDEN
            if hidden and anonymous(told.error, row) != anonymous(missing.error, nowhere):
                wrong.append(f"overview × {caller.seat.name} × {place}: {told.error!r}, nowhere: {missing.error!r}")
            if not hidden and not told.is_one({"OK"}):
                wrong.append(f"overview × {caller.seat.name} × {place}: {told.code} {told.error!r}")

    assert not wrong, "\n".join(wrong)


async def _overview(ways: Any, customer_id: str, caller: Caller) -> Told:
    """Asks until the customer service, which alone knows who is hidden, answered in its time: without it the other parts are shown."""

    async def answered() -> Told | None:
        told = await ways.http.send("GET", f"/v1/customers/{customer_id}/overview", caller.token)
        return None if told.is_one({"OK"}) and "profile" in told.document["missing"] else told

    return await until(answered, 20, "the customer service does not answer")
