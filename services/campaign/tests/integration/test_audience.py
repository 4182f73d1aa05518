"""The read model of people and cars: fed by what their owners say, on real services."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from google.protobuf import json_format
from google.type import date_pb2
from marque.survey.v1.survey_events_pb2 import SurveyScored
from marque.type.v1 import personal_data_pb2
from marque.vehicle.v1 import ownership_service_pb2, sale_pb2, vehicle_service_pb2
from marque.vehicle.v1.sale_events_pb2 import SaleReversed, SaleSnapshot
from marque_campaign.subscribers import audience
from servicekit import aliases
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.envelope import Event
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.testing.platform import Platform, until

VIN = "1M8GDM9AXKP042788"


class Trade:
    """Campaign, customer and vehicle side by side."""

    def __init__(self, platform: Platform, post: Any) -> None:
        self.platform = platform
        self.post = post

    async def settled(self) -> None:
        """Waits until every change that was heard is taken over."""

        async def quiet() -> bool:
            (row,) = await self.platform.sql("campaign", "SELECT count(*) AS n FROM audience_stale")
            return row["n"] == 0

        await until(quiet, 30, "changes are still to be taken over")

    async def known(self, customer: str, check: Any) -> dict[str, Any]:
        """Waits until what is known of somebody passes a check."""

        async def there() -> Any:
            rows = await self.platform.sql("campaign", "SELECT * FROM audience_people WHERE customer_id = $1", customer)
            return dict(rows[0]) if rows and check(rows[0]) else None

        found: dict[str, Any] = await until(there, 30, "the read model does not know it")
        return found

    async def mark(self, *customers: str) -> None:
        """Marks people as an event about them does."""
        sql = "INSERT INTO audience_stale (kind, key) SELECT 1, unnest($1::text[])"
        await self.platform.sql("campaign", sql, list(customers))

    async def visit(self, customer: str, dealer: str, moment: str) -> None:
        """A visit as it would have been heard."""
        sql = (
            "INSERT INTO audience_deeds (kind, deed_id, customer_id, vin, dealer_id, moment, standing, heard_version) "
            "VALUES (3, gen_random_uuid(), $1, $2, $3, $4, true, 1)"
        )
        await self.platform.sql("campaign", sql, customer, VIN, dealer, datetime.fromisoformat(moment))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trade(platform: Platform, make_post: Any) -> AsyncIterator[Trade]:
    """Each service knows those that were started before it."""
    for name in ("customer", "vehicle", "campaign"):
        await platform.start(name)
    yield Trade(platform, make_post(platform, None))


class TestHearing:
    async def test_who_is_written_is_known_with_what_they_agreed_to_until_they_withdraw(self, trade: Trade) -> None:
        born = date_pb2.Date(year=1980, month=2, day=29)
        who = await trade.post.person(language="zh-CN", birth_date=born, interests=["travel"])
        row = await trade.known(who, lambda row: row["consents"] == ["MARKETING:EMAIL"])
        assert (row["kind"], row["language"], row["birth_month"], row["birth_day"]) == ("PERSON", "zh-CN", 2, 29)
        assert (row["stage"], row["interests"], row["restricted"]) == ("PROSPECT", ["travel"], False)
        assert row["time_zone"].startswith("Etc/")

        await trade.post.say("Withdraw", who)
        assert (await trade.known(who, lambda row: not row["consents"]))["consents"] == []

    async def test_a_car_is_its_owners_with_what_is_known_of_it(self, trade: Trade) -> None:
        who = await trade.post.person(agreed=False)
        manager, agent = (trade.platform.client("vehicle", role) for role in ("oem.manager", "oem.agent"))
        car = {
            "vin": VIN,
            "make": "Marque",
            "model": "M1",
            "model_year": 2024,
            "market": "CN",
            "energy": "VEHICLE_ENERGY_ELECTRIC",
        }
        request = json_format.ParseDict({"vehicle": car}, vehicle_service_pb2.RegisterVehicleRequest())
        await manager.call("vehicle.v1.VehicleService/RegisterVehicle", request)
        owned = {
            "vin": VIN,
            "customer_id": who,
            "role": "OWNERSHIP_ROLE_OWNER",
            "source": "registry",
            "valid_start_time": "2025-01-01T00:00:00Z",
        }
        started = json_format.ParseDict({"ownership": owned}, ownership_service_pb2.StartOwnershipRequest())
        await agent.call("vehicle.v1.OwnershipService/StartOwnership", started)

        async def mine() -> Any:
            rows = await trade.platform.sql("campaign", "SELECT * FROM audience_cars WHERE person_id = $1", who)
            return rows[0] if rows else None

        row = await until(mine, 30, "nobody has the car")
        assert (row["vin"], row["model"], row["model_year"], row["energy"]) == (VIN, "M1", 2024, "ELECTRIC")
        assert (row["open_recalls"], row["warranty_end_date"], row["sold_date"]) == (0, None, None)


class TestMerged:
    async def test_the_survivor_has_what_both_did_by_the_days_of_the_market(self, trade: Trade) -> None:
        one, two = await trade.post.person(agreed=False), await trade.post.person(agreed=False)
        here, there = str(uuid.uuid4()), str(uuid.uuid4())
        await trade.visit(one, here, "2026-01-05T10:00:00+00:00")
        await trade.visit(two, there, "2026-01-31T17:00:00+00:00")  # one o'clock of the next day in Shanghai
        database = Database(trade.platform.databases["campaign"])
        async with UnitOfWork(database, Call(SYSTEM, "merge")) as uow:
            await aliases.begin(uow.session, uuid.UUID(two), uuid.UUID(one), now(), 2)
        await trade.mark(two)
        row = await trade.known(one, lambda row: row["visit_count"] == 2)
        assert row["last_visit_date"].isoformat() == "2026-02-01"
        assert {str(dealer) for dealer in row["dealer_ids"]} == {here, there}
        assert not await trade.platform.sql("campaign", "SELECT 1 FROM audience_people WHERE customer_id = $1", two)

        async with UnitOfWork(database, Call(SYSTEM, "merge")) as uow:
            await aliases.end(uow.session, uuid.UUID(two), uuid.UUID(one), now(), 3)
        await trade.mark(one, two)
        await trade.known(two, lambda row: row["visit_count"] == 1)
        assert (await trade.known(one, lambda row: row["visit_count"] == 1))["dealer_ids"] == [uuid.UUID(here)]
        await database.engine.dispose()


class TestErased:
    async def test_an_erasure_leaves_deeds_and_cars_of_nobody(self, trade: Trade) -> None:
        who = await trade.post.person(agreed=False)
        await trade.known(who, lambda row: True)
        await trade.visit(who, str(uuid.uuid4()), "2026-01-05T10:00:00+00:00")
        client = trade.platform.client("campaign", "service")
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=who, erasure_id=str(uuid.uuid4()))
        done = await client.call("campaign.v1.CampaignPersonalDataService/ErasePersonalData", request)
        assert done.erased_counts["campaign.audience_person"] == 2
        for table in ("audience_people", "audience_deeds"):
            rows = await trade.platform.sql("campaign", f"SELECT 1 FROM {table} WHERE customer_id = $1", who)
            assert rows == []


class TestVersions:
    async def test_a_deed_heard_late_does_not_undo_what_is_newer(self, trade: Trade) -> None:
        sale, who, dealer = str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4())
        database = Database(trade.platform.databases["campaign"])
        for version, state in ((3, sale_pb2.SALE_STATE_REVERSED), (1, sale_pb2.SALE_STATE_RECORDED)):
            data = SaleSnapshot(
                sale_id=sale, vin=VIN, dealer_id=dealer, customer_id=who, state=state, aggregate_version=version,
                invoice_date=date_pb2.Date(year=2026, month=1, day=2),
            )  # fmt: skip
            async with UnitOfWork(database, Call(SYSTEM, "test")) as uow:
                event = Event(uuid.uuid4(), data.DESCRIPTOR.full_name, sale, version, now(), data)
                await audience.on_deeds(uow, [event])
        rows = await trade.platform.sql("campaign", "SELECT * FROM audience_deeds WHERE deed_id = $1", sale)
        assert [(row["standing"], row["heard_version"], row["moment"]) for row in rows] == [
            (False, 3, datetime(2026, 1, 2, 12, tzinfo=UTC))
        ]
        await database.engine.dispose()
        await trade.settled()

    async def test_many_at_once_leave_what_one_by_one_leaves(self, trade: Trade) -> None:
        rng = random.Random(20261122)
        people = [str(uuid.uuid4()) for _ in range(3)]
        told = [
            (rng.randrange(4), rng.randint(1, 6), rng.choice(people), rng.randint(1, 28), rng.random() < 0.3)
            for _ in range(60)
        ]

        async def heard(size: int) -> list[tuple[Any, ...]]:
            sales = [str(uuid.uuid4()) for _ in range(4)]
            events = []
            for place, version, who, day, reversed_ in told:
                if reversed_:
                    data: Any = SaleReversed(sale_id=sales[place], vin=VIN, aggregate_version=version)
                else:
                    data = SaleSnapshot(sale_id=sales[place], vin=VIN, customer_id=who, aggregate_version=version,
                        state=sale_pb2.SALE_STATE_RECORDED, invoice_date=date_pb2.Date(year=2026, month=1, day=day))  # fmt: skip
                events.append(Event(uuid.uuid4(), data.DESCRIPTOR.full_name, sales[place], version, now(), data))
            database = Database(trade.platform.databases["campaign"])
            for start in range(0, len(events), size):
                async with UnitOfWork(database, Call(SYSTEM, "test")) as uow:
                    await audience.on_deeds(uow, events[start : start + size])
            await database.engine.dispose()
            sql = "SELECT * FROM audience_deeds WHERE deed_id = ANY($1::uuid[])"
            rows = {str(row["deed_id"]): row for row in await trade.platform.sql("campaign", sql, sales)}
            names = ("customer_id", "moment", "standing", "heard_version")
            return [tuple(rows[sale][name] for name in names) for sale in sales]

        assert await heard(60) == await heard(7) == await heard(1)
        await trade.settled()

    async def test_an_index_by_new_weights_does_not_take_the_place_of_the_first_measure(self, trade: Trade) -> None:
        database, key, who = Database(trade.platform.databases["campaign"]), str(uuid.uuid4()), str(uuid.uuid4())
        told = [(1, [(1, 9.0), (4, 80.0)]), (2, [(4, 70.0)])]
        for version, scores in told:
            data = SurveyScored(invitation_id=key, customer_id=who, aggregate_version=version)
            for measure, score in scores:
                data.scores.add(measure=measure, value=score)
            async with UnitOfWork(database, Call(SYSTEM, "test")) as uow:
                await audience.on_scored(uow, Event(uuid.uuid4(), data.DESCRIPTOR.full_name, key, version, now(), data))
        rows = await trade.platform.sql("campaign", "SELECT score FROM audience_scores WHERE invitation_id = $1", key)
        assert [row["score"] for row in rows] == [9.0]
        await database.engine.dispose()
        await trade.settled()
