"""A customer's rights, what is heard from others, and the state said again."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import orjson
from marque.customer.v1 import customer_events_pb2
from marque.network.v1 import dealer_events_pb2
from marque.type.v1 import personal_data_pb2 as personal
from marque.vehicle.v1 import sale_service_pb2
from marque_vehicle.models import PartsOrder, RoadsideCase, WarrantyClaim
from marque_vehicle.usecases.snapshots import READERS
from servicekit.db.engine import Database
from servicekit.testing.platform import until

NOW = datetime(2026, 1, 2, tzinfo=UTC)
P = "vehicle.v1.VehiclePersonalDataService"


async def erase(garage: Any, customer: str) -> Any:
    request = personal.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
    return await garage.service.call(f"{P}/ErasePersonalData", request)


class TestExport:
    async def test_every_record_of_the_person_is_shown(self, garage: Any) -> None:
        dealer, person, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        await garage.make_sale(dealer, car.vin, person)
        await garage.make_order(dealer, car.vin, customer_id=person, fault_description="rattles")
        request = personal.ExportPersonalDataRequest(customer_id=person)
        found = [one async for one in garage.service.stream(f"{P}/ExportPersonalData", request)]
        assert sorted(one.kind for one in found) == ["vehicle.ownership", "vehicle.repair_order", "vehicle.sale"]
        assert {orjson.loads(one.json)["vin"] for one in found} == {car.vin}


class TestErase:
    async def test_what_no_law_keeps_loses_the_person_and_the_car_keeps_its_history(self, garage: Any) -> None:
        dealer, person = await garage.make_dealer(), await garage.make_customer()
        car = await garage.make_car(plate_number="沪B77777")
        await garage.make_sale(dealer, car.vin, person, invoice_date=garage.day(date(2005, 1, 1)))
        order = await garage.make_order(
            dealer, car.vin, customer_id=person, fault_description="rattles", lines=[garage.line(cause="loose bolt")]
        )
        await garage.sql(
            "UPDATE repair_orders SET state = 2, close_time = now() WHERE repair_order_id = $1", order.repair_order_id
        )

        answer = await erase(garage, person)

        assert dict(answer.erased_counts) == {
            "vehicle.sale": 1, "vehicle.ownership": 1, "vehicle.repair_order": 1, "vehicle.plate": 1,
        }  # fmt: skip
        assert list(answer.retained) == []
        (row,) = await garage.sql("SELECT * FROM repair_orders WHERE repair_order_id = $1", order.repair_order_id)
        assert (row["customer_id"], row["fault_description"]) == (None, "")
        assert "loose bolt" in row["lines"]
        assert "squeal" not in row["lines"]
        assert [one.customer_id for one in (await garage.owners_at(car.vin)).ownerships] == [""]
        assert dict((await erase(garage, person)).erased_counts) == {}
        *_, told = await garage.events("VehicleUpdated", car.vin)
        (known,) = await garage.sql("SELECT version, plate_number FROM vehicles WHERE vin = $1", car.vin)
        assert (list(told.changed_fields), told.aggregate_version) == (["plate_number"], known["version"])
        assert known["plate_number"] == ""

    async def test_a_recent_sale_is_kept_for_the_tax_office_and_the_owner_for_the_warranty(self, garage: Any) -> None:
        dealer, person = await garage.make_dealer(), await garage.make_customer()
        car = await garage.make_car(plate_number="沪B77778")
        await garage.make_sale(dealer, car.vin, person)
        await garage.make_order(dealer, car.vin, customer_id=person)
        answer = await erase(garage, person)
        assert {(one.kind, one.count, one.reason) for one in answer.retained} == {
            ("vehicle.sale", 1, "TAX_RECORD"),
            ("vehicle.ownership", 1, "WARRANTY_OPEN"),
            ("vehicle.plate", 1, "WARRANTY_OPEN"),
            ("vehicle.repair_order", 1, "REPAIR_ORDER_OPEN"),
        }
        assert dict(answer.erased_counts) == {}

    async def test_an_open_recall_keeps_the_owner_until_the_car_is_remedied(self, garage: Any) -> None:
        dealer, person, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        await garage.make_sale(dealer, car.vin, person, invoice_date=garage.day(date(2005, 1, 1)))
        recall = uuid.uuid4()
        await garage.sql(
            "INSERT INTO recalls (recall_id, version, create_time, update_time, code, title, state, scope_version)"
            " VALUES ($1, 1, now(), now(), $2, 'Airbag', 2, 1)",
            recall,
            str(recall),
        )
        await garage.sql(
            "INSERT INTO recall_vehicles (recall_id, vin, first_version) VALUES ($1, $2, 1)", recall, car.vin
        )
        answer = await erase(garage, person)
        assert [(one.kind, one.count, one.reason) for one in answer.retained] == [
            ("vehicle.ownership", 1, "RECALL_OPEN")
        ]
        await garage.sql("UPDATE recall_vehicles SET state = 2, remedy_time = now() WHERE recall_id = $1", recall)
        answer = await erase(garage, person)
        assert (dict(answer.erased_counts), list(answer.retained)) == ({"vehicle.ownership": 1}, [])

    async def test_a_hold_keeps_its_kind(self, garage: Any) -> None:
        dealer, person, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        await garage.make_sale(dealer, car.vin, person, invoice_date=garage.day(date(2005, 1, 1)))
        hold = personal.SetLegalHoldRequest(
            customer_id=person, hold_id=str(uuid.uuid4()), reason="RECALL_OPEN", kinds=["vehicle.ownership"]
        )
        await garage.service.call(f"{P}/SetLegalHold", hold)
        answer = await erase(garage, person)
        assert [(one.kind, one.reason) for one in answer.retained] == [("vehicle.ownership", "RECALL_OPEN")]
        assert [one.customer_id for one in (await garage.owners_at(car.vin)).ownerships] == [person]


class TestHears:
    async def publish(self, garage: Any, event: Any, key: str, version: int) -> None:
        """Publishes an event of another service as its relay would."""
        from datetime import UTC, datetime

        from servicekit.messaging import envelope
        from servicekit.service import connect_nats

        kind = event.DESCRIPTOR.full_name
        event.aggregate_version = version
        event.occur_time.GetCurrentTime()
        broker = await connect_nats(garage.platform.nats.url, "test")
        headers = envelope.headers(
            event_id=str(uuid.uuid4()),
            event_type=kind,
            key=key,
            version=version,
            time=datetime.now(UTC),
            traceparent=None,
        )
        await broker.jetstream().publish(kind, event.SerializeToString(), headers=headers)
        await broker.close()

    async def test_a_dealer_that_network_tells_of_can_sell(self, garage: Any) -> None:
        dealer, buyer, car = str(uuid.uuid4()), await garage.make_customer(), await garage.make_car()
        event = dealer_events_pb2.DealerChanged(dealer_id=dealer, code=f"N-{dealer[:8]}", time_zone="Asia/Shanghai")
        await self.publish(garage, event, dealer, 1)

        async def known() -> Any:
            return await garage.sql("SELECT 1 FROM known_dealers WHERE dealer_id = $1", dealer)

        await until(known, 10, "the dealer is not known")
        assert (await garage.make_sale(dealer, car.vin, buyer)).dealer_id == dealer

    async def test_a_merge_is_resolved_on_reading_and_an_unmerge_ends_it(self, garage: Any) -> None:
        dealer, merged, survivor = (
            await garage.make_dealer(),
            await garage.make_customer(),
            await garage.make_customer(),
        )
        car = await garage.make_car()
        sale = await garage.make_sale(dealer, car.vin, merged)
        request = sale_service_pb2.ListSalesRequest(buyer_customer_id=survivor)

        async def ids() -> list[str]:
            return [one.sale_id for one in (await garage.agent.call("vehicle.v1.SaleService/ListSales", request)).sales]

        async def shown() -> bool:
            return await ids() == [sale.sale_id]

        async def hidden() -> bool:
            return await ids() == []

        facts = {"customer_id": survivor, "merged_customer_id": merged, "merge_id": str(uuid.uuid4())}
        await self.publish(garage, customer_events_pb2.CustomersMerged(**facts), survivor, 5)
        await until(shown, 10, "the survivor does not see the sale")
        await self.publish(garage, customer_events_pb2.CustomersUnmerged(**facts), survivor, 6)
        await until(hidden, 10, "the sale is still the survivor's")


class TestSnapshots:
    async def test_every_aggregate_is_said_once_with_its_version(self, garage: Any) -> None:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        await garage.make_sale(dealer, car.vin, buyer)
        order = await garage.make_order(dealer, car.vin)
        await garage.sql(
            "INSERT INTO appointments (appointment_id, version, create_time, update_time, dealer_id, vin, kind, state, start_time, "
            "end_time, calendar_department, calendar_version) "
            "VALUES (gen_random_uuid(), 1, now(), now(), $1, $2, 1, 1, now(), now() + interval '1h', '', 1)",
            dealer, car.vin,
        )  # fmt: skip
        await garage.sql(
            "INSERT INTO car_orders (order_id, version, create_time, update_time, order_code, dealer_id, model_code, trim_code, "
            "option_codes, market, order_date, currency, stage, state, stage_time, vin, promises, reached, tracking_code) "
            "VALUES (gen_random_uuid(), 1, now(), now(), gen_random_uuid()::text, $1, "
            "'M', 'T', '{}', 'CN', '2026-01-02', '', 5, 1, now(), $2, '[]', '[]', '')",
            dealer, car.vin,
        )  # fmt: skip
        database = Database(garage.platform.databases["vehicle"], pool_size=1)
        try:
            moment = {"version": 1, "create_time": NOW, "update_time": NOW}
            async with database.session() as session, session.begin():
                of_order = {
                    "repair_order_id": uuid.UUID(order.repair_order_id),
                    "repair_order_number": "R",
                    "items": [],
                    "claimed": 0,
                }
                session.add(WarrantyClaim(dealer_id=dealer, vin=car.vin, submit_time=NOW, **of_order, **moment))
                part = {"number": "P", "warehouse_code": "W", "part_number": "1", "quantity": "1", "order_time": NOW}
                session.add(PartsOrder(dealer_id=dealer, **part, **moment))
                session.add(RoadsideCase(vin=car.vin, phone="", problem=1, request_time=NOW, **moment))
            for name, read in READERS.items():
                found: list[Any] = []
                async with database.session() as session:
                    after = ""
                    while part := await read(session, after, 2):
                        found += part
                        after = part[-1][0]
                keys = [key for key, _ in found]
                assert len(keys) == len(set(keys)), name
                assert all(event.aggregate_version >= 1 for _, event in found)
                ours = [event for _, event in found if getattr(event, "vin", car.vin) == car.vin]
                assert any("vin" in event.DESCRIPTOR.fields_by_name or event.dealer_id == dealer for event in ours), (
                    name
                )
        finally:
            await database.engine.dispose()
