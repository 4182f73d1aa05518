"""What happens while the customer service is away: own rows are read, and what needs it says so."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import pytest_asyncio
from devstack.ports import free_port
from marque.vehicle.v1 import vehicle_service_pb2 as cars
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(platform: Platform, make_garage: Any) -> Any:
    """A vehicle service whose neighbour does not answer."""
    await platform.start("vehicle", peers={"customer": f"127.0.0.1:{free_port()}"})
    return make_garage(platform)


class TestCustomerServiceAway:
    async def test_a_sale_is_refused_as_unavailable_and_nothing_is_written(self, alone: Any) -> None:
        dealer, car = await alone.make_dealer(), await alone.make_car()
        client = alone.client("dealer.sales", dealers=[dealer])
        with pytest.raises(RpcFailure) as failure:
            await client.call("vehicle.v1.SaleService/RecordSale", alone.sale(dealer, car.vin, str(uuid.uuid4())))
        assert (failure.value.code, failure.value.reason) == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE")
        assert await alone.sql("SELECT 1 FROM sales") == []

    async def test_own_rows_are_read_and_visits_without_a_customer_are_opened(self, alone: Any) -> None:
        dealer, car = await alone.make_dealer(), await alone.make_car()
        assert (await alone.make_order(dealer, car.vin)).vin == car.vin
        found = await alone.manager.call("vehicle.v1.VehicleService/GetVehicle", cars.GetVehicleRequest(vin=car.vin))
        assert found.vin == car.vin
