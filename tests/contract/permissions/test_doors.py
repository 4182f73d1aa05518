"""Every RPC × every role at every door: who holds the permission is let in, everybody else is refused alike whatever is asked.

And what is no token of ours opens nothing; what a person says of acting for another is not heard.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from servicekit import roles
from servicekit.contract import Method
from servicekit.testing.access.call import Told, encoded, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.forged import FORGED, signed, stranger
from servicekit.testing.access.registry import Fixture, Row, methods, registry
from servicekit.testing.sizes import part

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


ASKED = ("a row that exists", "a row that does not", "nothing", "garbage")
FEW = (
    4  # so many refused callers are each asked everything; of more, each asks one thing, and all must be told the same
)


def request_of(asked: str, fixture: Fixture, cast: Cast, caller: Caller) -> Any:
    """What a caller asks: a request of JSON, or raw bytes."""
    if asked == "a row that exists":
        return fixture.request(caller, row_of(cast, fixture))
    if asked == "a row that does not":
        return fixture.request(caller, cast.nowhere(fixture.rows))
    return GARBAGE if asked == "garbage" else b""


def on_http(method: Method) -> bool:
    return bool(rule_of(method)[0]) or method.name == "UploadImport"


async def ask(ways: Any, way: str, method: Method, request: Any, token: str) -> Told:
    """Asks at a door; bytes are no request over HTTP, so they stand for a broken body or a query that is none."""
    if way == "http":
        if not isinstance(request, bytes):
            found: Told = await ways.http.call(method, request, token)
            return found
        verb, path, _, document = request_line(method)
        body = None if document is None else request if request == b"" else b'{"a":'
        return await ways.http.send(verb, path, token, body, {"nonsense": "1"} if document is None else None)
    wire = ways.door if way == "door" else ways.at(method)
    data = [request] if isinstance(request, bytes) else encoded(method, request)
    told: Told = await wire.call(method, data, token)
    return told


def request_line(method: Method) -> tuple[str, str, dict[str, Any], Any]:
    """The verb and path of a method with something in the places of its path."""
    verb, template, body = rule_of(method)
    if not verb:
        return "POST", f"/v1/{method.path.split('.')[1]}/imports", {}, None
    path = re.sub(r"\{[^}]*\}", "00000000-0000-4000-8000-000000000000", template)
    return verb, path, {}, {} if body else None


def doors_of(method: Method) -> list[str]:
    return ["door", "service", *(["http"] if on_http(method) else [])]


@pytest.mark.parametrize("rpc", GUARDED)
class TestGuardedMethod:
    @pytest.mark.soak
    async def test_only_roles_with_the_permission_are_let_in(
        self, rpc: str, cast: Cast, ways: Any, soaking: bool
    ) -> None:
        """In the short size each role asks at one of the doors, another with each RPC, and at the service where test_rows.py does not.

        A door that no role's turn would come to is asked by all.
        """
        method, fixture = methods()[rpc], registry()[rpc]
        outside = [way for way in doors_of(method) if way != "service"]
        inside = [] if fixture.rows else ["service"]

        async def judged(caller: Caller, way: str) -> list[str]:
            told = await ask(ways, way, method, fixture.request(caller, row_of(cast, fixture)), caller.token)
            kept_out = told.refused and told.reason in ("PERMISSION_DENIED", "UNAUTHENTICATED")
            name = f"{rpc} × {caller.seat.name} at {way}: {told.code} {told.error!r}"
            return [name] if told.broken or kept_out else []

        let_in = [caller for caller in cast.callers() if caller.seat.kind != "group" and holds(caller, method)]
        turn, few = GUARDED.index(rpc), len(let_in) < len(outside)
        asked = [
            (caller, way)
            for number, caller in enumerate(let_in, turn)
            for way in (doors_of(method) if soaking or few else [*inside, *part(outside, len(outside), number)])
        ]
        found = await asyncio.gather(*(judged(caller, way) for caller, way in asked))

        assert [fault for faults in found for fault in faults] == []

    @pytest.mark.soak
    async def test_every_other_role_is_refused_alike_whatever_is_asked(
        self, rpc: str, cast: Cast, ways: Any, soaking: bool
    ) -> None:
        """In the short size each of many roles asks at one of the doors, another with each RPC."""
        method, fixture = methods()[rpc], registry()[rpc]
        refused = [caller for caller in cast.callers() if not holds(caller, method)]
        doors, many = doors_of(method), len(refused) > FEW
        asked = [
            (caller, what, way)
            for number, caller in enumerate(refused, GUARDED.index(rpc))
            for place, way in enumerate(part(doors, len(doors), number) if many and not soaking else doors)
            for what in ([ASKED[(number + place) % len(ASKED)]] if many else ASKED)
        ]
        told = await asyncio.gather(
            *(
                ask(ways, way, method, request_of(what, fixture, cast, caller), caller.token)
                for caller, what, way in asked
            )
        )
        named = [f"{rpc} × {caller.seat.name} at {way}: {what}" for caller, what, way in asked]
        wrong = [
            f"{name} gives {one.code} {one.error!r}" for name, one in zip(named, told, strict=True) if not _denied(one)
        ]
        errors = {(way, one.error) for (_, _, way), one in zip(asked, told, strict=True)}

        assert wrong == []
        assert len(errors) == (len(doors_of(method)) if refused else 0), errors

    @pytest.mark.soak
    async def test_nobody_is_let_in_without_a_token(self, rpc: str, cast: Cast, ways: Any, soaking: bool) -> None:
        method, fixture = methods()[rpc], registry()[rpc]
        caller = next(caller for caller in cast.callers() if caller.seat.role == "oem.admin")
        turn = GUARDED.index(rpc)
        asked = [
            (request_of(what, fixture, cast, caller), way)
            for number, way in enumerate(doors_of(method), turn)
            for what in (ASKED if soaking else part(ASKED, len(ASKED), number))
        ]
        told = await asyncio.gather(*(ask(ways, way, method, request, "") for request, way in asked))

        assert {answer.code for answer in told} <= {"UNAUTHENTICATED", "401"}


def _denied(told: Told) -> bool:
    return told.is_one({"PERMISSION_DENIED"}) and told.reason == "PERMISSION_DENIED"


@pytest.mark.parametrize("rpc", INTERNAL)
class TestInternalMethod:
    async def test_it_is_not_there_for_anybody_outside(self, rpc: str, cast: Cast, ways: Any) -> None:
        method, fixture = methods()[rpc], registry()[rpc]

        async def judged(caller: Caller) -> list[str]:
            data = encoded(method, fixture.request(caller, cast.nowhere(fixture.rows)))
            door, told = await asyncio.gather(
                ways.door.call(method, data, caller.token), ways.at(method).call(method, data, caller.token)
            )
            wrong = [] if door.code == "UNIMPLEMENTED" else [f"{rpc} × {caller.seat.name} at the door: {door.code}"]
            if caller.seat.role == "service":
                return wrong + ([f"{rpc} × service: {told.code} {told.error!r}"] if told.refused or told.broken else [])
            return wrong + ([] if _denied(told) else [f"{rpc} × {caller.seat.name} at the service: {told.code}"])

        found = await asyncio.gather(*(judged(caller) for caller in cast.callers()))

        assert [fault for faults in found for fault in faults] == []

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


class TestReflection:
    """What an outsider is told of the contracts by the gRPC door."""

    async def test_it_names_no_internal_method_and_every_other(self, cast: Cast, ways: Any) -> None:
        told = await asyncio.to_thread(reflected, cast.world.platform.peers["gateway"])
        outside = {method.path for method in methods().values() if not method.internal}

        assert {f"/marque.{rpc}" for rpc in INTERNAL} & told == set()
        assert told >= outside

    async def test_a_service_without_any_other_method_is_not_known(self, cast: Cast, ways: Any) -> None:
        hidden = {one.service for one in methods().values()} - {
            one.service for one in methods().values() if not one.internal
        }
        address = cast.world.platform.peers["gateway"]

        assert hidden
        for name in hidden:
            with pytest.raises(KeyError):
                await asyncio.to_thread(_find, address, name)


def reflected(address: str) -> set[str]:
    """Every method that reflection tells of, in whichever file."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        files = {pool.FindServiceByName(name).file for name in database.get_services() if name.startswith("marque.")}
        files |= {imported for file in set(files) for imported in file.dependencies}
        services = (service for file in files for service in file.services_by_name.values())
        return {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}


def _find(address: str, name: str) -> None:
    with grpc.insecure_channel(address) as channel:
        DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName(name)


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
