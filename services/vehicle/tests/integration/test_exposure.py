"""Cars in use by month: counted by region and mileage, the same however often, and read by who may."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from marque_vehicle.repository import exposure as repository
from marque_vehicle.usecases import exposure as usecases
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "VehicleExposureService"


class Fleet:
    """Cars of a model that nobody else has, sold by a dealer of a region that nobody else has."""

    def __init__(self, garage: Any, name: str) -> None:
        self.garage, self.name, self.region = garage, name, f"R-{name}"

    async def add(self, sold: date, *readings: tuple[date, int]) -> str:
        garage = self.garage
        dealer = await garage.make_dealer(region=self.region)
        car = await garage.make_car(model=self.name, model_year=2024)
        await garage.make_sale(dealer, car.vin, await garage.make_customer(), invoice_date=garage.day(sold))
        for day, km in readings:
            moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            await garage.ask("OdometerService/RecordOdometer", vin=car.vin, odometer_km=km, read_time=moment)
        return str(car.vin)

    async def counts(self, month: date) -> dict[tuple[int, bool], int]:
        """The counts of a month by band and whether it is known."""
        day = self.garage.day(month)
        page = await self.garage.ask(f"{SERVICE}/ListExposure", month_from=day, month_to=day, model=self.name)
        assert all(one.region_code == self.region and one.model_year == 2024 for one in page.exposures)
        return {(one.mileage_from_km, one.mileage_known): one.vehicle_count for one in page.exposures}

    async def count(self, first: date) -> Any:
        made = await self.garage.ask(f"{SERVICE}/CountExposure", month_from=self.garage.day(first))

        async def done() -> bool:
            waiting = "SELECT 1 FROM due_work WHERE kind = 'exposure.count' AND due_time <= now()"
            return not await self.garage.sql(waiting)

        await until(done, 60, "the months are not counted")
        return made


@pytest.fixture
def fleet(garage: Any) -> Fleet:
    return Fleet(garage, f"E{garage.new_vin()[-6:]}")


class TestCount:
    async def test_a_month_holds_the_cars_that_were_sold_by_then_in_the_band_of_that_day(self, fleet: Fleet) -> None:
        await fleet.add(
            date(2026, 3, 2), (date(2026, 5, 1), 19_999), (date(2026, 7, 1), 20_000), (date(2026, 9, 1), 91_000)
        )
        await fleet.add(date(2026, 6, 2))
        made = await fleet.count(date(2026, 3, 17))

        assert (made.month_from.month, made.month_count >= 8) == (3, True)
        assert await fleet.counts(date(2026, 3, 1)) == {}
        assert await fleet.counts(date(2026, 4, 1)) == {(0, False): 1}
        assert await fleet.counts(date(2026, 6, 1)) == {(0, True): 1}
        assert await fleet.counts(date(2026, 7, 1)) == {(0, True): 1, (0, False): 1}
        assert await fleet.counts(date(2026, 8, 1)) == {(20_000, True): 1, (0, False): 1}
        assert await fleet.counts(date(2026, 10, 1)) == {(60_000, True): 1, (0, False): 1}

    async def test_counting_again_in_steps_of_two_cars_gives_the_same(
        self, garage: Any, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            await fleet.add(date(2026, 3, 2), (date(2026, 5, 1), 45_000))
        await fleet.count(date(2026, 9, 1))
        before = await garage.sql(
            "SELECT month, cell, vehicle_count FROM vehicle_exposures WHERE month = '2026-09-01' ORDER BY cell"
        )
        monkeypatch.setattr(usecases, "_STEP", 2)
        await fleet.count(date(2026, 9, 1))
        after = await garage.sql(
            "SELECT month, cell, vehicle_count FROM vehicle_exposures WHERE month = '2026-09-01' ORDER BY cell"
        )

        assert [tuple(row) for row in after] == [tuple(row) for row in before]
        assert await fleet.counts(date(2026, 9, 1)) == {(40_000, True): 3}

    async def test_a_car_that_is_scrapped_or_whose_sale_was_reversed_is_not_in_use(
        self, garage: Any, fleet: Fleet
    ) -> None:
        await fleet.add(date(2026, 3, 2))
        scrapped, back = await fleet.add(date(2026, 3, 2)), await fleet.add(date(2026, 3, 2))
        await garage.ask("VehicleService/UpdateVehicle", vehicle={"vin": scrapped, "status": 3})
        (sale,) = (await garage.ask("SaleService/ListSales", vin=back)).sales
        await garage.ask("SaleService/ReverseSale", sale_id=sale.sale_id, reason="CUSTOMER_RETURNED")
        await fleet.count(date(2026, 10, 1))

        assert await fleet.counts(date(2026, 10, 1)) == {(0, False): 1}

    async def test_the_month_after_is_due_when_it_begins(self, garage: Any, fleet: Fleet) -> None:
        today = datetime.now(UTC).date()
        await fleet.count(today)
        following = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
        (row,) = await garage.sql("SELECT key, due_time FROM due_work WHERE kind = 'exposure.count'")

        assert (row["key"], row["due_time"].date()) == (following.isoformat(), following)

    @pytest.mark.parametrize("month", [date(1989, 12, 31), date(2100, 1, 1)], ids=["before cars", "to come"])
    async def test_a_month_out_of_range_is_refused(self, garage: Any, month: date) -> None:
        with pytest.raises(RpcFailure) as failure:
            await garage.ask(f"{SERVICE}/CountExposure", month_from=garage.day(month))
        assert failure.value.fields == {"month_from": "MONTH_OUT_OF_RANGE"}


class TestRead:
    async def test_pages_of_one_hold_every_cell_once(self, garage: Any, fleet: Fleet) -> None:
        await fleet.add(date(2026, 3, 2), (date(2026, 5, 1), 45_000))
        await fleet.add(date(2026, 3, 2))
        await fleet.count(date(2026, 9, 1))
        found, token = [], ""
        while True:
            asked = {"model": fleet.name, "page_size": 1, "page_token": token}
            page = await garage.ask(f"{SERVICE}/ListExposure", month_from=garage.day(date(2026, 9, 5)), **asked)
            found += [(one.month.month, one.mileage_from_km, one.vehicle_count) for one in page.exposures]
            token = page.next_page_token
            if not token:
                break
        assert [one for one in found if one[0] == 9] == [(9, 0, 1), (9, 40_000, 1)]
        assert len(found) == len(set(found))

    async def test_a_month_that_is_being_counted_shows_what_was_counted_before(self, garage: Any, fleet: Fleet) -> None:
        await fleet.add(date(2026, 3, 2))
        await fleet.count(date(2026, 9, 1))
        await garage.sql("INSERT INTO vehicle_exposures SELECT month, run + 1, cell, make, model, model_year, market, region_code, band, "
                         "vehicle_count FROM vehicle_exposures WHERE model = $1", fleet.name)  # fmt: skip

        assert await fleet.counts(date(2026, 9, 1)) == {(0, False): 1}

    def test_a_step_names_every_band_of_the_contract(self) -> None:
        assert [repository.BANDS[0], repository.BANDS[-1]] == [0, 150_000]
