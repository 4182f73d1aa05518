"""Every RPC × every role at every door: who holds the permission is let in, everybody else is refused alike whatever is asked.

And what is no token of ours opens nothing; what a person says of acting for another is not heard.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from servicekit import roles
from servicekit.contract import Method
from servicekit.testing.access.call import Told, bound, encoded, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.forged import FORGED, signed, stranger
from servicekit.testing.access.registry import Fixture, Row, methods, registry

GET = methods()["customer.v1.CustomerService/GetCustomer"]
LIST = methods()["customer.v1.CustomerService/ListCustomers"]
BATCH = methods()["customer.v1.CustomerService/BatchGetCustomers"]
ON_BEHALF_OF = "x-marque-on-behalf-of"
GARBAGE = b"\xff\xff\xff\xff"
GUARDED = [rpc for rpc, method in methods().items() if method.permission]
INTERNAL = [rpc for rpc, method in methods().items() if method.internal]
PUBLIC = [rpc for rpc, method in methods().items() if method.public]


def holds(caller: Caller, method: Method) -> bool:
    return method.permission in roles.PERMISSIONS[caller.seat.role]


def row_of(cast: Cast, fixture: Fixture) -> Row:
    """A row that exists: the one at `own`, or the first that there is."""
    found = cast.rows.get(fixture.rows, {})
    return found.get("own") or next(iter(found.values()), Row("", ""))


def bodies(method: Method, fixture: Fixture, cast: Cast, caller: Caller) -> dict[str, list[bytes]]:
    """What a refused caller may send: the refusal must not differ."""
    return {
        "a row that exists": encoded(method, fixture.request(caller, row_of(cast, fixture))),
        "a row that does not": encoded(method, fixture.request(caller, cast.nowhere(fixture.rows))),
        "nothing": [b""],
        "garbage": [GARBAGE],
    }


def on_http(method: Method) -> bool:
    return bool(rule_of(method)[0]) or method.name == "UploadImport"


async def over_http(ways: Any, method: Method, fixture: Fixture, cast: Cast, caller: Caller) -> dict[str, Told]:
    """The same questions over HTTP."""
    there = fixture.request(caller, row_of(cast, fixture))
    found = {
        "a row that exists": await ways.http.call(method, there, caller.token),
        "a row that does not": await ways.http.call(
            method, fixture.request(caller, cast.nowhere(fixture.rows)), caller.token
        ),
    }
    verb, path, _, document = bound(method, there)
    if document is not None:
        found["garbage"] = await ways.http.send(verb, path, caller.token, b'{"a":')
    else:
        found["garbage"] = await ways.http.send(verb, path, caller.token, None, {"nonsense": "1"})
    return found


@pytest.mark.parametrize("rpc", GUARDED)
class TestGuardedMethod:
    async def test_only_roles_with_the_permission_are_let_in(self, rpc: str, cast: Cast, ways: Any) -> None:
        method, fixture = methods()[rpc], registry()[rpc]
        judged = []
        for caller in cast.callers():
            if caller.seat.kind != "group":
                data = bodies(method, fixture, cast, caller)
                judge = self._let_in if holds(caller, method) else self._refused
                judged.append(judge(caller, method, fixture, cast, ways, data))
        wrong = [fault for faults in await asyncio.gather(*judged) for fault in faults]

        assert not wrong, "\n".join(wrong)

    async def _let_in(
        self, caller: Caller, method: Method, fixture: Fixture, cast: Cast, ways: Any, data: dict[str, list[bytes]]
    ) -> list[str]:
        sent = data["a row that exists"]
        told = {"door": await ways.door.call(method, sent, caller.token)}
        told["service"] = await ways.at(method).call(method, sent, caller.token)
        if on_http(method):
            request = fixture.request(caller, row_of(cast, fixture))
            told["http"] = await ways.http.call(method, request, caller.token)
        return [
            f"{fixture.rpc} × {caller.seat.name} at {way}: {answer.code} {answer.error!r}"
            for way, answer in told.items()
            if answer.broken or (answer.refused and answer.reason in ("PERMISSION_DENIED", "UNAUTHENTICATED"))
        ]

    async def _refused(
        self, caller: Caller, method: Method, fixture: Fixture, cast: Cast, ways: Any, data: dict[str, list[bytes]]
    ) -> list[str]:
        told: dict[str, dict[str, Told]] = {"door": {}, "service": {}}
        for name, sent in data.items():
            told["door"][name] = await ways.door.call(method, sent, caller.token)
            told["service"][name] = await ways.at(method).call(method, sent, caller.token)
        if on_http(method):
            told["http"] = await over_http(ways, method, fixture, cast, caller)
        wrong = []
        for way, answers in told.items():
            place = f"{fixture.rpc} × {caller.seat.name} at {way}"
            wrong += [
                f"{place}: {name} gives {a.code} {a.error!r}"
                for name, a in answers.items()
                if not a.is_one({"PERMISSION_DENIED"})
            ]
            if len({answer.error for answer in answers.values()}) > 1:
                wrong.append(f"{place}: the refusals differ")
        return wrong

    async def test_nobody_is_let_in_without_a_token(self, rpc: str, cast: Cast, ways: Any) -> None:
        method, fixture = methods()[rpc], registry()[rpc]
        caller = next(caller for caller in cast.callers() if caller.seat.role == "oem.admin")
        data = bodies(method, fixture, cast, caller)
        told = [await way.call(method, sent, "") for sent in data.values() for way in (ways.door, ways.at(method))]
        if on_http(method):
            told.append(await ways.http.call(method, fixture.request(caller, row_of(cast, fixture)), ""))

        assert {answer.code for answer in told} <= {"UNAUTHENTICATED", "401"}


@pytest.mark.parametrize("rpc", INTERNAL)
class TestInternalMethod:
    async def test_it_is_not_there_for_anybody_outside(self, rpc: str, cast: Cast, ways: Any) -> None:
        method, fixture, wrong = methods()[rpc], registry()[rpc], []
        for caller in cast.callers():
            data = encoded(method, fixture.request(caller, cast.nowhere(fixture.rows)))
            told = await ways.door.call(method, data, caller.token)
            if told.code != "UNIMPLEMENTED":
                wrong.append(f"{rpc} × {caller.seat.name} at the door: {told.code}")
            told = await ways.at(method).call(method, data, caller.token)
            if caller.seat.role == "service":
                wrong += [f"{rpc} × service: {told.code} {told.error!r}"] if told.refused or told.broken else []
            elif told.code != "PERMISSION_DENIED":
                wrong.append(f"{rpc} × {caller.seat.name} at the service: {told.code}")

        assert not wrong, "\n".join(wrong)

    async def test_it_is_not_there_over_http(self, rpc: str, cast: Cast, ways: Any) -> None:
        method = methods()[rpc]
        token = cast.world.platform.token("service")
        told = [await ways.http.send(verb, method.path, token, b"{}") for verb in ("GET", "POST")]

        assert rule_of(method)[0] == ""
        assert {answer.code for answer in told} == {"404"}


@pytest.mark.parametrize("rpc", PUBLIC)
async def test_a_public_method_needs_no_token(rpc: str, cast: Cast, ways: Any) -> None:
    method, fixture = methods()[rpc], registry()[rpc]
    request = fixture.request(None, row_of(cast, fixture))
    told = [await way.call(method, encoded(method, request), "") for way in (ways.door, ways.at(method))]
    told.append(await ways.http.call(method, request, ""))

    assert all(answer.is_one({"OK"}) for answer in told)


async def test_no_internal_method_is_in_the_openapi_document(cast: Cast, ways: Any) -> None:
    document = (await ways.http.client.get("/openapi.json")).json()
    named = {operation.get("operationId", "") for path in document["paths"].values() for operation in path.values()}

    assert [
        rpc for rpc in INTERNAL if any(rpc.replace("/", "_") in one or rpc.split("/")[1] == one for one in named)
    ] == []


async def everywhere(ways: Any, row: str, token: str, *extra: tuple[str, str]) -> dict[str, Told]:
    """One question at every door."""
    data = [GET.input(customer_id=row).SerializeToString()]  # type: ignore[call-arg]
    return {
        "door": await ways.door.call(GET, data, token, *extra),
        "service": await ways.at(GET).call(GET, data, token, *extra),
        "http": await ways.http.send("GET", f"/v1/customers/{row}", token),
    }


@pytest.mark.parametrize("name", FORGED)
class TestForgedToken:
    async def test_it_opens_no_door(self, name: str, cast: Cast, ways: Any) -> None:
        told = await everywhere(ways, cast.row("customer", "own").id, FORGED[name](cast))

        assert {way for way, answer in told.items() if not answer.is_one({"UNAUTHENTICATED"})} == set()

    async def test_the_refusal_is_the_same_for_a_row_that_does_not_exist(
        self, name: str, cast: Cast, ways: Any
    ) -> None:
        token = FORGED[name](cast)
        there = await everywhere(ways, cast.row("customer", "own").id, token)
        nowhere = await everywhere(ways, cast.nowhere("customer").id, token)

        assert {way: told.error for way, told in there.items()} == {way: told.error for way, told in nowhere.items()}


class TestGoodToken:
    async def test_the_same_claims_rightly_signed_open_every_door(self, cast: Cast, ways: Any) -> None:
        told = await everywhere(ways, cast.row("customer", "own").id, signed(cast))

        assert {way for way, answer in told.items() if not answer.is_one({"OK"})} == set()

    async def test_a_role_that_nobody_knows_gives_nothing(self, cast: Cast, ways: Any) -> None:
        told = await everywhere(ways, cast.row("customer", "own").id, signed(cast, roles=["root", "oem.ADMIN"]))

        assert {way for way, answer in told.items() if not answer.is_one({"PERMISSION_DENIED"})} == set()


class TestOnBehalfOf:
    """`x-marque-on-behalf-of` is heard beside a token of one of our services only."""

    async def test_a_person_does_not_become_another(self, cast: Cast, ways: Any) -> None:
        partner = cast.world.platform.token("partner")
        other = ((ON_BEHALF_OF, signed(cast)),)
        told = await everywhere(ways, cast.row("customer", "own").id, partner, *other)

        assert told["door"].code == told["service"].code == "PERMISSION_DENIED"

    async def test_the_door_hands_it_on_for_nobody(self, cast: Cast, ways: Any) -> None:
        own, dealer = cast.world.platform.token("service"), cast.world.platform.token("partner")
        data = [LIST.input(page_size=1).SerializeToString()]  # type: ignore[call-arg]
        told = await ways.door.call(LIST, data, own, (ON_BEHALF_OF, dealer))

        assert told.code == "OK"  # as the service itself: the partner could not list

    async def test_a_service_acting_for_a_person_has_the_persons_rights(self, cast: Cast, ways: Any) -> None:
        own, partner = cast.world.platform.token("service"), cast.world.platform.token("partner")
        row = cast.row("customer", "own").id
        data = [GET.input(customer_id=row).SerializeToString()]  # type: ignore[call-arg]
        told = await ways.at(GET).call(GET, data, own, (ON_BEHALF_OF, partner))

        assert told.code == "PERMISSION_DENIED"

    async def test_a_service_acting_for_a_person_reaches_no_internal_method(self, cast: Cast, ways: Any) -> None:
        own, admin = cast.world.platform.token("service"), signed(cast)
        data = [BATCH.input(customer_ids=[cast.row("customer", "own").id]).SerializeToString()]  # type: ignore[call-arg]
        told = await ways.at(BATCH).call(BATCH, data, own, (ON_BEHALF_OF, admin))

        assert told.code == "PERMISSION_DENIED"

    async def test_a_forged_persons_token_is_refused(self, cast: Cast, ways: Any) -> None:
        own, row = cast.world.platform.token("service"), cast.row("customer", "own").id
        data = [GET.input(customer_id=row).SerializeToString()]  # type: ignore[call-arg]
        told = await ways.at(GET).call(GET, data, own, (ON_BEHALF_OF, stranger(cast)))

        assert told.code == "UNAUTHENTICATED"
