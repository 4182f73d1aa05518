"""What one file says of one sale, several things at once: found by the machine of `test_ownership_histories.py`."""

from __future__ import annotations

from typing import Any

from marque.type.v1 import import_pb2
from marque.vehicle.v1 import vehicle_import_rows_pb2, vehicle_import_service_pb2


class Desk:
    """A dealer with a car and a buyer, and the rows that its file says of their sale."""

    def __init__(self, garage: Any) -> None:
        self.garage = garage

    async def open(self) -> Desk:
        self.dealer, self.vin = await self.garage.make_dealer(), (await self.garage.make_car()).vin
        self.code, self.buyer = await self.garage.code_of(self.dealer), await self.garage.make_customer()
        await self.garage.meet(self.dealer, self.buyer)
        return self

    def row(self, delivered: str = "", reversal: str = "") -> Any:
        return vehicle_import_rows_pb2.SaleImportRow(
            dealer_code=self.code, invoice_number=f"INV-{self.vin}", vin=self.vin, customer_id=self.buyer,
            invoice_date="2026-02-10", delivery_date=delivered, use="private", reversal_reason=reversal,
        )  # fmt: skip

    async def say(self, *rows: Any) -> Any:
        request = vehicle_import_service_pb2.ImportSalesRequest(
            header=import_pb2.ImportStreamHeader(source="dms"), rows=rows
        )
        stream = self.garage.manager.stream("vehicle.v1.VehicleImportService/ImportSales", [request])
        (answer,) = [one async for one in stream]
        return answer

    async def spans(self) -> list[Any]:
        return list((await self.garage.ask("OwnershipService/ListOwnerships", vin=self.vin)).ownerships)

    async def state(self) -> int:
        (sale,) = (await self.garage.ask("SaleService/ListSales", vin=self.vin)).sales
        return int(sale.state)


class TestOneFile:
    async def test_another_day_of_delivery_and_the_reversal_in_one_row_are_taken(self, garage: Any) -> None:
        desk = await Desk(garage).open()
        await desk.say(desk.row("2026-02-12"))
        answer = await desk.say(desk.row("2026-02-20", "DEAL_CANCELLED"))
        assert (answer.summary.updated, answer.summary.rejected) == (1, 0)
        assert (await desk.state(), await desk.spans()) == (2, [])

    async def test_two_days_of_delivery_in_one_part_are_two_corrections(self, garage: Any) -> None:
        desk = await Desk(garage).open()
        answer = await desk.say(desk.row(), desk.row("2026-02-12"), desk.row("2026-02-20"))
        assert (answer.summary.created, answer.summary.updated, answer.summary.rejected) == (1, 2, 0)
        (span,) = await desk.spans()
        assert span.valid_start_time.ToDatetime() == garage.at(2026, 2, 19, 16).replace(
            tzinfo=None
        )  # the day begins at the dealer's
        rows = "SELECT known_from, known_until FROM ownerships WHERE vin = $1 ORDER BY version"
        known = [tuple(row) for row in await garage.sql(rows, desk.vin)]
        assert [one[1] for one in known] == [known[1][0], known[2][0], None]
        assert known[0][0] < known[1][0] < known[2][0]

    async def test_a_reversal_that_is_refused_leaves_the_sale_as_it_was(self, garage: Any) -> None:
        desk = await Desk(garage).open()
        await desk.say(desk.row("2026-02-12"))
        (span,) = await desk.spans()
        await garage.transfer(span.ownership_id, await garage.make_customer(), garage.at(2026, 5, 1))
        answer = await desk.say(desk.row("2026-02-12", "DEAL_CANCELLED"))
        assert [one.reason for one in answer.rejected[0].errors] == ["OWNERSHIP_MOVED_ON"]
        assert await desk.state() == 1
        assert await garage.events("SaleReversed", span.sale_id) == []
