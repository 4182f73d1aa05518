"""The time line and relations: logged by people, and fed by what the vehicle and network services say."""

from __future__ import annotations

import uuid

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from marque.customer.v1 import customer_look_up_pb2, interaction_pb2, interaction_service_pb2
from marque.network.v1 import dealer_events_pb2
from marque.vehicle.v1 import ownership_events_pb2, repair_order_events_pb2, sale_events_pb2, vehicle_events_pb2
from servicekit.testing.client import RpcFailure

LOG, LIST = "customer.v1.InteractionService/LogInteraction", "customer.v1.InteractionService/ListInteractions"
LOOK_UP = "customer.v1.CustomerService/LookUpCustomer"


def stamp(seconds):
    return Timestamp(seconds=seconds)


async def log(client, customer, kind=1, **fields):
    touch = interaction_pb2.Interaction(customer_id=customer.customer_id, kind=kind, direction=1, **fields)
    return await client.call(LOG, interaction_service_pb2.LogInteractionRequest(interaction=touch))


async def timeline(client, customer, **filters):
    found, token = [], ""
    while True:
        request = interaction_service_pb2.ListInteractionsRequest(
            customer_id=customer.customer_id, page_token=token, **filters
        )
        page = await client.call(LIST, request)
        found += page.interactions
        token = page.next_page_token
        if not token:
            return found


def vin():
    return f"LSVAM4187C{uuid.uuid4().int % 10**7:07d}"


class TestInteractions:
    async def test_touch_is_read_back_as_logged_newest_first(self, desk):
        dealer = await desk.known_dealer()
        client = desk.dealer(dealer)
        made = await desk.create(client)
        logged = [
            await log(
                client,
                made,
                subject=f"n{n}",
                occur_time=stamp(1_700_000_000 + n // 2),
                duration=Duration(seconds=60),
                note="…",
            )
            for n in range(5)
        ]
        assert {touch.dealer_id for touch in logged} == {dealer}
        found = await timeline(client, made, page_size=2)
        assert sorted(touch.subject for touch in found) == [f"n{n}" for n in range(5)]
        assert [touch.occur_time.seconds for touch in found] == sorted(
            (touch.occur_time.seconds for touch in found), reverse=True
        )
        assert logged[0] in found
        narrowed = await timeline(client, made, from_time=stamp(1_700_000_001), to_time=stamp(1_700_000_002))
        assert sorted(touch.subject for touch in narrowed) == ["n2", "n3"]
        assert len(await desk.events("InteractionLogged", logged[0].interaction_id)) == 1

    async def test_dealer_sees_its_own_touches_and_the_maker_all(self, desk):
        dealers = [await desk.known_dealer() for _ in range(2)]
        clients = [desk.dealer(dealer) for dealer in dealers]
        made = await desk.create(clients[0])
        await desk.platform.sql(
            "customer",
            "INSERT INTO dealer_customers SELECT $2, customer_id, update_time, create_time, kind, status FROM customers"
            " WHERE customer_id = $1",
            uuid.UUID(made.customer_id),
            uuid.UUID(dealers[1]),
        )
        for client, subject in ((clients[0], "first"), (clients[1], "second"), (desk.agent, "maker")):
            await log(client, made, subject=subject)
        assert [touch.subject for touch in await timeline(clients[0], made)] == ["first"]
        assert [touch.subject for touch in await timeline(clients[1], made)] == ["second"]
        assert {touch.subject for touch in await timeline(desk.agent, made)} == {"first", "second", "maker"}

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"kind": 10}, "interaction.kind", "KIND_RESERVED"),
            ({"subject_key": "sale.recorded"}, "interaction.subject_key", "FIELD_RESERVED"),
            ({"occur_time": stamp(4_000_000_000)}, "interaction.occur_time", "TIME_IN_FUTURE"),
            ({"note": "\x00"}, "interaction.note", "INVALID_TEXT"),
        ],
    )
    async def test_refuses(self, desk, fields, field, reason):
        with pytest.raises(RpcFailure) as failure:
            await log(desk.agent, await desk.create(), **fields)
        assert failure.value.fields == {field: reason}

    async def test_web_visit_needs_consent(self, desk):
        with pytest.raises(RpcFailure) as failure:
            await log(desk.agent, await desk.create(), kind=3)
        assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "CONSENT_MISSING")


class TestEvents:
    async def test_sale_makes_relation_and_entry_once_and_its_reversal_stands_beside_it(self, desk, publisher):
        dealer, made = await desk.known_dealer(), await desk.create()
        sale = {"sale_id": str(uuid.uuid4()), "vin": vin(), "dealer_id": dealer, "customer_id": made.customer_id}
        for _ in range(2):
            await publisher.heard(sale_events_pb2.SaleRecorded(**sale))
        await publisher.heard(sale_events_pb2.SaleReversed(**sale, reason="DATA_ERROR"), 2)
        client = desk.dealer(dealer)
        found = await timeline(client, made, order_by="occur_time")
        assert [(touch.kind, touch.subject_key) for touch in found] == [(10, "sale.recorded"), (10, "sale.reversed")]
        assert dict(found[1].subject_params) == {"reason": "DATA_ERROR"}
        assert [(relation.kind, relation.origin_id) for relation in await desk.relations(client, made.customer_id)] == [
            (3, sale["sale_id"])
        ]

    async def test_visit_stands_on_the_time_line_and_opens_the_customer_to_the_station(self, desk, publisher):
        station, made = await desk.known_dealer(), await desk.create()
        order = {
            "repair_order_id": str(uuid.uuid4()),
            "vin": vin(),
            "dealer_id": station,
            "customer_id": made.customer_id,
        }
        await publisher.heard(
            repair_order_events_pb2.RepairOrderOpened(**order, open_time=stamp(1_700_000_000), odometer_km=15000)
        )
        await publisher.heard(
            repair_order_events_pb2.RepairOrderClosed(**order, close_time=stamp(1_700_009_000), comeback=True), 2
        )
        found = await timeline(desk.dealer(station), made)
        assert [(touch.subject_key, touch.occur_time.seconds) for touch in found] == [
            ("repair_order.closed", 1_700_009_000),
            ("repair_order.opened", 1_700_000_000),
        ]
        assert [relation.kind for relation in await desk.relations(desk.agent, made.customer_id)] == [5]

    async def test_visit_of_nobody_known_is_passed_over(self, desk, publisher):
        order = repair_order_events_pb2.RepairOrderOpened(
            repair_order_id=str(uuid.uuid4()), vin=vin(), dealer_id=str(uuid.uuid4())
        )
        await publisher.heard(order)
        assert (
            await desk.platform.sql(
                "customer", "SELECT 1 FROM interactions WHERE reference_id = $1", order.repair_order_id
            )
            == []
        )

    async def test_owner_is_found_by_vin_until_the_ownership_ends_whatever_comes_late(self, desk, publisher):
        car, made = vin(), await desk.create()
        owned = {"ownership_id": str(uuid.uuid4()), "vin": car, "customer_id": made.customer_id, "role": 1}
        started = ownership_events_pb2.OwnershipStarted(**owned, valid_start_time=stamp(1_700_000_000))
        await publisher.heard(started)
        assert await desk.found(desk.agent, car) == [made.customer_id]
        assert made.customer_id in await desk.found(desk.agent, car[-6:])
        request = customer_look_up_pb2.LookUpCustomerRequest(vin=f"{car[:8].lower()}-{car[8:]}")
        client = desk.dealer(await desk.known_dealer())
        assert [match.customer.customer_id for match in (await client.call(LOOK_UP, request)).matches] == [
            made.customer_id
        ]
        await publisher.heard(ownership_events_pb2.OwnershipEnded(**owned, valid_end_time=stamp(1_710_000_000)), 2)
        await publisher.heard(started)
        assert await desk.found(desk.agent, car) == []
        assert len((await client.call(LOOK_UP, request)).matches) == 0

    async def test_owner_whose_end_was_taken_back_is_found_by_vin_again(self, desk, publisher):
        car, made = vin(), await desk.create()
        owned = {"ownership_id": str(uuid.uuid4()), "vin": car, "customer_id": made.customer_id, "role": 1}
        started = ownership_events_pb2.OwnershipStarted(**owned, valid_start_time=stamp(1_700_000_000))
        ended = ownership_events_pb2.OwnershipEnded(**owned, valid_end_time=stamp(1_710_000_000))
        await publisher.heard(started)
        await publisher.heard(ended, 2)
        assert await desk.found(desk.agent, car) == []
        await publisher.heard(started, 3)
        await publisher.heard(ended, 2)
        assert await desk.found(desk.agent, car) == [made.customer_id]
        started.valid_end_time.CopyFrom(stamp(1_711_000_000))  # a corrected start of what is over
        await publisher.heard(started, 4)
        assert await desk.found(desk.agent, car) == []

    async def test_ownership_of_a_person_who_was_erased_is_passed_over(self, desk, publisher):
        car = vin()
        owned = {"ownership_id": str(uuid.uuid4()), "vin": car, "role": 1}
        await publisher.heard(ownership_events_pb2.OwnershipEnded(**owned, valid_end_time=stamp(1_710_000_000)), 2)
        await publisher.heard(ownership_events_pb2.OwnershipSnapshot(**owned), 3)
        assert await desk.platform.sql("customer", "SELECT 1 FROM known_cars WHERE vin = $1", car) == []

    async def test_only_a_change_of_the_plate_and_the_state_said_again_make_it_be_asked_for(self, desk, publisher):
        car, made = vin(), await desk.create()
        owned = {"ownership_id": str(uuid.uuid4()), "vin": car, "customer_id": made.customer_id, "role": 1}

        async def asked_for(event, version):
            await desk.platform.sql("customer", "UPDATE known_cars SET plate_stale_time = NULL WHERE vin = $1", car)
            await publisher.heard(event, version)
            (row,) = await desk.platform.sql("customer", "SELECT plate_stale_time FROM known_cars WHERE vin = $1", car)
            return row["plate_stale_time"] is not None

        updated = [
            vehicle_events_pb2.VehicleUpdated(vin=car, changed_fields=[name]) for name in ("trim", "plate_number")
        ]
        ended = ownership_events_pb2.OwnershipEnded(**owned, valid_end_time=stamp(1_710_000_000))
        assert await asked_for(ownership_events_pb2.OwnershipStarted(**owned), 1)
        assert [await asked_for(event, 2) for event in updated] == [False, True]
        assert await asked_for(ownership_events_pb2.OwnershipSnapshot(**owned), 1), "known, and asked for anew"
        assert not await asked_for(ended, 2)
        assert not await asked_for(updated[1], 3), "whose car it was is not found by its present plate"

    async def test_dealer_that_moves_to_a_region_takes_its_customers_along(self, desk, publisher):
        dealer, region = str(uuid.uuid4()), f"R{uuid.uuid4().hex[:8]}"
        made = await desk.create(dealer_id=dealer)
        manager = desk.platform.client("customer", "oem.region", region=region)
        assert not await desk.sees(manager, made.customer_id)
        event = dealer_events_pb2.DealerChanged(
            dealer_id=dealer, code="D-77", region_code=region, time_zone="Asia/Shanghai", status=1
        )
        await publisher.heard(event, 2)
        event.region_code = "older"
        await publisher.heard(event, 1)
        assert await desk.sees(manager, made.customer_id)
