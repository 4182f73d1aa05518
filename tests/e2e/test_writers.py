"""Writers who meet on one row: what one is told is kept, and none is lost without being told, with an etag or without."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx
import pytest
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.client import Client, RpcFailure
from servicekit.testing.world import World

WRITERS = 24
UNSURE = 504  # not answered in time: it may have been written
LATER = {409, 503, UNSURE}  # refusals that say: try again
Made = tuple[str, dict[str, Any]]


class Kind(NamedTuple):
    """A kind of row that people edit: how one is made (path, answer), and some fields with the values that number n gives them."""

    make: Callable[[World], Awaitable[Made]]
    fields: dict[str, Callable[[int], Any]]
    update: str
    resource: str


async def _posted(world: World, path: str, body: dict[str, Any], key: str) -> Made:
    async with world.http("oem.admin") as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    return f"{path}/{made[key]}", made


async def _read(world: World, path: str) -> Made:
    async with world.http("oem.admin") as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return path, answer.json()


async def customer(world: World) -> Made:
    return await _read(world, f"/v1/customers/{await world.customer()}")


async def dealer(world: World) -> Made:
    return await _read(world, f"/v1/dealers/{await world.dealer()}")


async def vehicle(world: World) -> Made:
    return await _read(world, f"/v1/vehicles/{await world.vehicle()}")


async def staff(world: World) -> Made:
    body = {"employeeNumber": uuid.uuid4().hex[:12], "name": {"fullName": "韩梅梅"}, "roles": ["oem.agent"]}
    return await _posted(world, "/v1/staff", body, "staffId")


async def repair_order(world: World) -> Made:
    body = {"dealerId": await world.dealer(), "vin": await world.vehicle()}
    return await _posted(world, "/v1/repairOrders", body, "repairOrderId")


def _text(number: int) -> str:
    return f"text {number}"


KINDS = {
    "customer": Kind(
        customer,
        {"occupation": _text, "industry": _text, "tags": lambda number: [f"tag-{number}"]},
        "customer.v1.CustomerService/UpdateCustomer",
        "customer",
    ),
    "dealer": Kind(
        dealer,
        {
            "serviceBays": lambda number: number,
            "regionCode": lambda number: f"R{number}",
            "brands": lambda n: [f"B{n}"],
        },
        "network.v1.DealerService/UpdateDealer",
        "dealer",
    ),
    "staff": Kind(
        staff,
        {"phone": lambda number: f"+8613800{number:06}", "regionCode": lambda number: f"R{number}"},
        "network.v1.StaffService/UpdateStaff",
        "staff",
    ),
    "vehicle": Kind(
        vehicle,
        {"trim": _text, "exteriorColour": _text, "interiorColour": _text},
        "vehicle.v1.VehicleService/UpdateVehicle",
        "vehicle",
    ),
    "repair order": Kind(
        repair_order,
        {"damageDescription": _text, "faultDescription": _text},
        "vehicle.v1.RepairOrderService/UpdateRepairOrder",
        "repair_order",
    ),
}


@pytest.fixture(params=KINDS, ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


class Patch(NamedTuple):
    """One write and what became of it: `version` by the answer's etag, 0 where it was refused."""

    field: str
    value: Any
    status: int
    version: int
    reason: str


async def patch(client: httpx.AsyncClient, path: str, field: str, value: Any, etag: str = "") -> Patch:
    headers = {"if-match": f'"{etag}"'} if etag else {}
    answer = await client.patch(path, json={field: value}, headers=headers)
    told = answer.json()
    version = int(told["etag"].removeprefix("v")) if answer.status_code == 200 else 0
    if version:
        assert told[field] == value
        assert answer.headers["etag"] == f'"{told["etag"]}"'
    return Patch(field, value, answer.status_code, version, told.get("reason", ""))


_KEYS = {
    "customer": "customerId",
    "dealer": "dealerId",
    "staff": "staffId",
    "vehicle": "vin",
    "repair_order": "repairOrderId",
}


class TestWithEtag:
    async def test_of_dozens_who_read_the_same_state_one_writes_and_all_others_are_told(
        self, kind: Kind, world: World
    ) -> None:
        path, read = await kind.make(world)
        fields = itertools.cycle(kind.fields.items())
        async with world.http("oem.admin") as client:
            writes = [
                patch(client, path, name, value(n), read["etag"])
                for n, (name, value) in zip(range(1, WRITERS + 1), fields, strict=False)
            ]
            done = await asyncio.gather(*writes)
        won = [one for one in done if one.version]
        unsure = [one for one in done if one.status == UNSURE]
        _, after = await _read(world, path)
        begin = int(read["etag"].removeprefix("v"))
        chosen = [one for one in won or unsure if after.get(one.field) == one.value]

        assert len(won) == 1 or (not won and unsure), Counter(one.status for one in done)
        assert {one.status for one in done if not one.version} <= {412, *LATER}
        assert after["etag"] == f"v{begin + 1}"
        assert len(chosen) == 1
        untouched = {name for name in kind.fields if name != chosen[0].field}
        assert {name: after.get(name) for name in untouched} == {name: read.get(name) for name in untouched}

    async def test_the_same_over_grpc(self, kind: Kind, world: World) -> None:
        path, read = await kind.make(world)
        door = world.door("oem.admin")
        name, value = next(iter(kind.fields.items()))
        done = await asyncio.gather(
            *(update(door, kind, read, {name: value(n)}, read["etag"]) for n in range(1, WRITERS + 1))
        )

        assert Counter(done)["OK"] == 1 or (not Counter(done)["OK"] and "DEADLINE_EXCEEDED" in done)
        assert set(done) <= {"OK", "ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
        assert (await _read(world, path))[1]["etag"] == f"v{int(read['etag'].removeprefix('v')) + 1}"

    async def test_who_reads_again_and_again_gets_through(self, kind: Kind, world: World) -> None:
        """Optimistic writers in a crowd: each reads, writes on that state, and begins again when told; nothing is lost or doubled."""
        path, read = await kind.make(world)
        name, value = next(iter(kind.fields.items()))

        async def insistent(client: httpx.AsyncClient, number: int) -> int:
            for _ in range(200):
                etag = (await client.get(path)).json()["etag"]
                done = await patch(client, path, name, value(number), etag)
                if done.version:
                    return done.version
                assert done.status in (412, 409, 503), done
            raise AssertionError("never got through")

        async with world.http("oem.admin") as client:
            versions = await asyncio.gather(*(insistent(client, number) for number in range(1, 9)))

        begin = int(read["etag"].removeprefix("v"))
        assert sorted(versions) == list(range(begin + 1, begin + 9))


class TestWithoutEtag:
    async def test_what_was_acknowledged_last_stands_and_no_write_is_lost_without_a_word(
        self, kind: Kind, world: World
    ) -> None:
        """No etag is no condition: the last one wins, field by field. Who was not written is told so and may try again."""
        path, read = await kind.make(world)
        fields = itertools.cycle(kind.fields.items())
        async with world.http("oem.admin") as client:
            numbered = zip(range(1, WRITERS + 1), fields, strict=False)
            done = await asyncio.gather(*(patch(client, path, name, value(n)) for n, (name, value) in numbered))
        won = sorted((one for one in done if one.version), key=lambda one: one.version)
        unsure = [one for one in done if one.status == UNSURE]
        _, after = await _read(world, path)
        begin, end = (int(state["etag"].removeprefix("v")) for state in (read, after))

        assert {one.status for one in done if not one.version} <= LATER
        assert len({one.version for one in won}) == len(won)  # each on the state of the one before
        assert len(won) <= end - begin <= len(won) + len(unsure)
        last = {one.field: one.value for one in won}
        told = {name: [value, *(one.value for one in unsure if one.field == name)] for name, value in last.items()}
        assert [name for name, values in told.items() if after[name] not in values] == []


async def update(door: Client, kind: Kind, read: dict[str, Any], change: dict[str, Any], etag: str) -> str:
    """Writes over gRPC; returns the code."""
    service, _, name = kind.update.partition("/")
    method = contract.methods(f"marque.{service}")[name]
    key = _KEYS[kind.resource]
    document = {kind.resource: {key: read[key], **change, "etag": etag}, "updateMask": ",".join(change)}
    try:
        await door.call(kind.update, json_format.ParseDict(document, method.input()), timeout=60)
    except RpcFailure as failure:
        return failure.code
    return "OK"


class TestVerbs:
    async def test_a_verb_that_many_say_at_once_happens_once(self, world: World) -> None:
        vin, buyer, seller = await world.vehicle(), await world.customer(), await world.dealer()
        sale = {"dealerId": seller, "vin": vin, "buyerCustomerId": buyer, "invoiceNumber": uuid.uuid4().hex}
        sale |= {"invoiceDate": {"year": 2025, "month": 3, "day": 4}, "use": "VEHICLE_USE_PRIVATE"}
        path, _ = await _posted(world, "/v1/sales", sale, "saleId")
        async with world.http("oem.admin") as client:
            asked = (client.post(f"{path}:reverse", json={"reason": "CUSTOMER_RETURNED"}) for _ in range(WRITERS))
            answers = await asyncio.gather(*asked)
        events = "SELECT count(*) FROM outbox_messages WHERE event_type = 'marque.vehicle.v1.SaleReversed' AND aggregate_id = $1"

        told = Counter(answer.status_code for answer in answers)
        assert told[200] == 1 or (not told[200] and told[UNSURE])
        assert set(told) <= {200, 400, 412, *LATER}
        assert (await world.platform.sql("vehicle", events, path.rpartition("/")[2]))[0][0] == 1
