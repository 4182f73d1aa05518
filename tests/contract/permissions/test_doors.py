"""Every RPC × every role at every door: who holds the permission is let in, everybody else is refused alike whatever is asked."""

from __future__ import annotations

from typing import Any

import pytest
from servicekit import roles
from servicekit.contract import Method
from servicekit.testing.access.call import Told, bound, encoded, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.registry import Fixture, Row, methods, registry

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
        method, fixture, wrong = methods()[rpc], registry()[rpc], []
        for caller in cast.callers():
            if caller.seat.kind == "group":
                continue
            data = bodies(method, fixture, cast, caller)
            if holds(caller, method):
                wrong += await self._let_in(caller, method, fixture, cast, ways, data)
            else:
                wrong += await self._refused(caller, method, fixture, cast, ways, data)

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
            wrong += [f"{place}: {name} gives {a.code} {a.error!r}" for name, a in answers.items() if not a.is_one({"PERMISSION_DENIED"})]
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

    assert [rpc for rpc in INTERNAL if any(rpc.replace("/", "_") in one or rpc.split("/")[1] == one for one in named)] == []
