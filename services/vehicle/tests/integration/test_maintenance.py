"""Maintenance on real cars: due, told of once, listed by dealer, counted as who comes."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from marque.vehicle.v1 import repair_order_service_pb2 as orders
from marque_vehicle.usecases import maintenance as usecases
from servicekit.db.committed import Committed
from servicekit.db.due import DueWorker
from servicekit.db.engine import Database
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "MaintenanceService"
AHEAD, DUE, OVERDUE = 1, 2, 3
RECOUNT = """
SELECT dealer_id, service_number, milestone_km, count(*), count(*) FILTER (WHERE returned), count(*) FILTER (WHERE returned_to_seller)
FROM vehicle_milestones GROUP BY dealer_id, service_number, milestone_km ORDER BY 1, 2, 3
"""
KEPT = """
SELECT dealer_id, service_number, milestone_km, reached_count, returned_count, returned_to_seller_count
FROM milestone_returns WHERE reached_count <> 0 ORDER BY 1, 2, 3
"""


def today() -> date:
    return datetime.now(UTC).date()


class Plans:
    """A model with a plan of its own, and its cars."""

    def __init__(self, garage: Any) -> None:
        self.garage = garage
        self.model = f"M{garage.new_vin()[-6:]}"

    async def put(self, *steps: tuple[int, int], client: Any = None, **fields: Any) -> Any:
        made = {
            "plan_code": self.model,
            "effective_from": self.garage.day(date(2020, 1, 1)),
            "market": "CN",
            "model": self.model,
            "steps": [{"km": km, "months": months} for km, months in steps],
            "repeat_km": 10_000,
            "repeat_months": 12,
            **fields,
        }
        return await self.garage.ask(f"{SERVICE}/PutMaintenancePlan", client, maintenance_plan=made)

    async def car(self, dealer: str, sold: date, customer: str = "") -> str:
        made = await self.garage.make_car(model=self.model)
        buyer = customer or await self.garage.make_customer()
        await self.garage.make_sale(dealer, made.vin, buyer, invoice_date=self.garage.day(sold))
        return str(made.vin)

    async def visit(self, dealer: str, vin: str, day: date, km: int) -> Any:
        begin = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        line = self.garage.line(labours=[{"operation_code": "SVC-1"}])
        made = await self.garage.make_order(dealer, vin, open_time=begin, odometer_in_km=km, lines=[line])
        request = orders.CloseRepairOrderRequest(repair_order_id=made.repair_order_id)
        request.close_time.FromDatetime(begin + timedelta(hours=2))
        station = self.garage.client("dealer.service", dealers=[dealer])
        return await station.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request)

    async def next(self, vin: str, client: Any = None) -> Any:
        return await self.garage.ask(f"{SERVICE}/GetNextMaintenance", client, vin=vin)

    async def settled(self) -> None:
        """Waits until every car that changed was looked at."""

        async def done() -> bool:
            waiting = "SELECT 1 FROM due_work WHERE kind LIKE 'maintenance.%' AND due_time <= now()"
            return not await self.garage.sql(waiting)

        await until(done, 30, "cars are not looked at")


@pytest.fixture
def plans(garage: Any) -> Plans:
    return Plans(garage)


class TestDue:
    async def test_the_next_service_follows_sale_visit_and_reading(self, garage: Any, plans: Plans) -> None:
        await plans.put((5000, 6), (15_000, 18))
        dealer, other = await garage.make_dealer(), await garage.make_dealer()
        sold = today() - timedelta(days=100)
        vin = await plans.car(dealer, sold)
        first = await plans.next(vin)
        assert (first.service_number, first.dealer_id, first.due_distance_km, first.cause) == (1, dealer, 5000, 2)

        await garage.ask("OdometerService/RecordOdometer", vin=vin, odometer_km=1000)
        slower = await plans.next(vin)
        assert (slower.service_number, slower.metres_per_day < first.metres_per_day) == (1, True)

        await plans.visit(other, vin, today() - timedelta(days=2), 1200)
        second = await plans.next(vin)
        assert (second.service_number, second.dealer_id, second.due_distance_km) == (2, other, 11_200)
        await plans.settled()
        listed = await garage.ask(f"{SERVICE}/ListMaintenanceDues", garage.client("dealer.service", dealers=[other]))
        assert [(one.vin, one.service_number) for one in listed.dues] == [(vin, 2)]
        assert listed.dues[0].due_date == second.due_date

    async def test_a_due_is_told_of_once_and_the_next_one_once_more(self, garage: Any, plans: Plans) -> None:
        await plans.put((500_000, 6))
        dealer = await garage.make_dealer()
        vin = await plans.car(dealer, today() - timedelta(days=190))
        await plans.settled()
        (told,) = await garage.events("MaintenanceDue", vin)
        assert (told.service_number, told.dealer_id, told.cause, told.plan_code) == (1, dealer, 1, plans.model)

        for km in (5000, 5100):
            await garage.ask("OdometerService/RecordOdometer", vin=vin, odometer_km=km)
        await plans.settled()
        assert len(await garage.events("MaintenanceDue", vin)) == 1

        await plans.visit(dealer, vin, today() - timedelta(days=1), 5200)
        await plans.settled()
        assert len(await garage.events("MaintenanceDue", vin)) == 1
        assert (await plans.next(vin)).service_number == 2

    async def test_it_is_told_of_when_its_moment_comes_though_nobody_touches_the_car(
        self, garage: Any, plans: Plans
    ) -> None:
        await plans.put((500_000, 6))
        vin = await plans.car(await garage.make_dealer(), today() - timedelta(days=100))
        await plans.settled()
        assert await garage.events("MaintenanceDue", vin) == []
        (row,) = await garage.sql("SELECT due_time FROM due_work WHERE kind = 'maintenance.watch' AND key = $1", vin)
        due = await plans.next(vin)
        assert row["due_time"].date() == date(due.due_date.year, due.due_date.month, due.due_date.day) - timedelta(
            days=14
        )

        await garage.sql("UPDATE sales SET invoice_date = invoice_date - 90 WHERE vin = $1", vin)  # time goes by
        await garage.sql("UPDATE due_work SET due_time = now() WHERE kind = 'maintenance.watch' AND key = $1", vin)
        await plans.settled()
        assert len(await garage.events("MaintenanceDue", vin)) == 1

    async def test_many_workers_at_the_same_cars_tell_each_due_once(self, garage: Any, plans: Plans) -> None:
        await plans.put((500_000, 6))
        dealer = await garage.make_dealer()
        vins = [await plans.car(dealer, today() - timedelta(days=190)) for _ in range(4)]
        await plans.settled()
        await garage.sql("DELETE FROM maintenance_marks WHERE vin = ANY($1)", vins)
        looks = [str(uuid.uuid4()) for _ in range(12)]
        await garage.sql(
            "INSERT INTO maintenance_looks (look_id, vin) "
            "SELECT look::uuid, vin FROM unnest($1::text[]) AS look, unnest($2::text[]) AS vin",
            looks, vins,
        )  # fmt: skip
        database = Database(garage.platform.databases["vehicle"], pool_size=4)
        look = partial(usecases.look, notice_days=14)
        workers = [DueWorker(database, {usecases.LOOK: look}, Committed()) for _ in range(4)]
        try:
            await garage.sql(
                "INSERT INTO due_work SELECT $1, key, now(), 0 FROM unnest($2::text[]) AS key", usecases.LOOK, looks
            )
            for _ in range(3):
                await asyncio.gather(*(worker.run_one() for worker in workers))
        finally:
            await database.engine.dispose()
        await plans.settled()
        for vin in vins:
            told = await garage.events("MaintenanceDue", vin)
            assert len(told) == 2, "what was forgotten is told once more, and once"
        (kept,) = await garage.sql("SELECT count(*) AS n FROM maintenance_marks WHERE vin = ANY($1)", vins)
        assert kept["n"] == len(vins)

    async def test_of_what_was_due_long_before_it_became_known_nobody_is_told(self, garage: Any, plans: Plans) -> None:
        await plans.put((500_000, 6))
        vin = await plans.car(await garage.make_dealer(), today() - timedelta(days=900))
        await plans.settled()
        assert (await garage.events("MaintenanceDue", vin), (await plans.next(vin)).state) == ([], OVERDUE)

    async def test_cars_sold_before_there_was_a_plan_follow_it_once_there_is(
        self, garage: Any, plans: Plans, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usecases, "_AT_ONCE", 2)  # so that a look takes several steps
        dealer = await garage.make_dealer()
        vins = [await plans.car(dealer, today() - timedelta(days=30)) for _ in range(3)]
        await plans.put((5000, 6))
        await plans.settled()
        listed = await garage.ask(f"{SERVICE}/ListMaintenanceDues", dealer_id=dealer)
        assert sorted(one.vin for one in listed.dues) == sorted(vins)

    async def test_a_car_that_is_scrapped_or_whose_sale_was_reversed_owes_nothing(
        self, garage: Any, plans: Plans
    ) -> None:
        await plans.put((5000, 6))
        dealer = await garage.make_dealer()
        scrapped, back = [await plans.car(dealer, today() - timedelta(days=300)) for _ in range(2)]
        await plans.settled()
        await garage.ask("VehicleService/UpdateVehicle", vehicle={"vin": scrapped, "status": 3})
        (sale,) = (await garage.ask("SaleService/ListSales", vin=back)).sales
        await garage.ask("SaleService/ReverseSale", sale_id=sale.sale_id, reason="CUSTOMER_RETURNED")
        await plans.settled()
        assert not (await garage.ask(f"{SERVICE}/ListMaintenanceDues", dealer_id=dealer)).dues
        assert not (await garage.ask(f"{SERVICE}/ListMilestoneReturns", dealer_id=dealer)).returns
        with pytest.raises(RpcFailure) as failure:
            await plans.next(scrapped)
        assert failure.value.reason == "MAINTENANCE_NOT_PLANNED"


class TestList:
    async def test_pages_of_one_walk_all_cars_of_a_state_in_the_order_of_their_days(
        self, garage: Any, plans: Plans
    ) -> None:
        await plans.put((500_000, 6))
        dealer = await garage.make_dealer()
        ages = {"late": (250, 220), "now": (180, 175), "ahead": (20, 10)}
        cars = {
            name: [await plans.car(dealer, today() - timedelta(days=one)) for one in days]
            for name, days in ages.items()
        }
        await plans.settled()
        for name, state in (("late", OVERDUE), ("now", DUE), ("ahead", AHEAD)):
            found, token = [], ""
            while True:
                asked = {"state": state, "page_size": 1, "page_token": token, "dealer_id": dealer}
                page = await garage.ask(f"{SERVICE}/ListMaintenanceDues", **asked)
                found += [one.vin for one in page.dues]
                assert {one.state for one in page.dues} == {state}
                token = page.next_page_token
                if not token:
                    break
            assert found == cars[name]

    async def test_a_dealer_sees_what_it_sees_to_a_region_its_dealers_and_an_owner_the_own_car(
        self, garage: Any, plans: Plans
    ) -> None:
        await plans.put((5000, 6))
        region, customer = f"R{plans.model}", await garage.make_customer()
        dealer, stranger = await garage.make_dealer(region=region), await garage.make_dealer()
        vin = await plans.car(dealer, today() - timedelta(days=300), customer)
        await plans.settled()
        for client, seen in (
            (garage.client("dealer.care", dealers=[dealer]), [vin]),
            (garage.client("dealer.care", dealers=[stranger]), []),
            (garage.client("oem.region", region=region), [vin]),
        ):
            for rpc in ("ListMaintenanceDues", "ListMilestoneReturns"):
                page = await garage.ask(f"{SERVICE}/{rpc}", client)
                assert len(page.dues if rpc == "ListMaintenanceDues" else page.returns) == len(seen)
        assert (await plans.next(vin, garage.client("owner", customer=customer))).vin == vin
        with pytest.raises(RpcFailure) as failure:
            await plans.next(vin, garage.client("owner", customer=await garage.make_customer()))
        assert failure.value.reason == "VEHICLE_NOT_FOUND"


class TestPlan:
    async def test_a_plan_in_force_only_ends_and_the_same_again_changes_nothing(
        self, garage: Any, plans: Plans
    ) -> None:
        made = await plans.put((5000, 6))
        assert await plans.put((5000, 6)) == made
        with pytest.raises(RpcFailure) as failure:
            await plans.put((7500, 6))
        assert failure.value.reason == "MAINTENANCE_PLAN_IN_FORCE"
        ended = await plans.put((5000, 6), effective_before=garage.day(date(2027, 1, 1)))
        assert ended.effective_before.year == 2027

    @pytest.mark.parametrize("steps", [((5000, 6), (5000, 12)), ((5000, 6), (9000, 6))], ids=["no farther", "no later"])
    async def test_steps_that_do_not_rise_are_refused(self, plans: Plans, steps: Any) -> None:
        with pytest.raises(RpcFailure) as failure:
            await plans.put(*steps)
        assert failure.value.fields == {"maintenance_plan.steps[1]": "STEPS_NOT_RISING"}


class TestReturns:
    async def test_whatever_happens_in_whatever_order_the_counts_are_those_of_a_recount(
        self, garage: Any, plans: Plans
    ) -> None:
        """Random lives of cars of two dealers; the counts kept are compared with their rows, and these with the visits themselves."""
        dice = random.Random(11)
        await plans.put((1000, 2), (5000, 8), (7500, 14))
        dealers = [await garage.make_dealer(), await garage.make_dealer()]
        sold = {
            await plans.car(dealer, today() - timedelta(days=dice.randint(20, 600))): dealer
            for dealer in dealers
            for _ in range(3)
        }
        came: dict[str, list[str]] = {vin: [] for vin in sold}
        for vin, seller in sold.items():
            km = 0
            for ago in sorted({dice.randint(1, 19) * 31 for _ in range(dice.randint(0, 3))}, reverse=True):
                start = (await garage.sql("SELECT invoice_date FROM sales WHERE vin = $1", vin))[0][0]
                day = today() - timedelta(days=ago)
                if day <= start:
                    continue
                km += dice.randint(1100, 6000)
                station = dice.choice(dealers)
                await plans.visit(station, vin, day, km)
                came[vin].append("own" if station == seller else "other")
        await plans.settled()

        assert [tuple(row) for row in await garage.sql(KEPT)] == [tuple(row) for row in await garage.sql(RECOUNT)]
        counted: Counter[tuple[str, int]] = Counter()
        shown: Counter[tuple[str, int]] = Counter()
        for vin, visits in came.items():
            counted.update((sold[vin], number) for number in range(1, min(3, len(visits)) + 1))
        for dealer in dealers:
            for one in (await garage.ask(f"{SERVICE}/ListMilestoneReturns", dealer_id=dealer)).returns:
                shown[(dealer, one.service_number)] = one.returned_count
                assert one.returned_to_seller_count <= one.returned_count <= one.reached_count <= 3
        assert +shown == counted
