"""The channel feed: one row for a dealer, a day and a source, however often and by whomever it is told."""

from __future__ import annotations

from typing import Any

from marque.type.v1 import import_pb2
from marque.vehicle.v1 import channel_day_import_rows_pb2, vehicle_import_service_pb2
from servicekit.testing.car_orders import ask


async def tell(client: Any, source: str, *rows: dict[str, Any]) -> Any:
    request = vehicle_import_service_pb2.ImportChannelDaysRequest(
        header=import_pb2.ImportStreamHeader(source=source),
        rows=[channel_day_import_rows_pb2.ChannelDayImportRow(**row) for row in rows],
    )
    (answer,) = [one async for one in client.stream("vehicle.v1.VehicleImportService/ImportChannelDays", [request])]
    return answer


async def days(client: Any, **fields: Any) -> list[Any]:
    return list((await ask(client, "ChannelDayService/ListChannelDays", **fields)).channel_days)


class TestChannelDays:
    async def test_the_last_word_of_a_source_about_a_day_counts(self, garage: Any) -> None:
        dealer = await garage.make_dealer()
        code, system = await garage.code_of(dealer), garage.client("dealer.system", dealers=[dealer])
        row = {"dealer_code": code, "date": "2026-03-02", "stock_count": "10", "stock_age_days": "250"}
        more = {**row, "currency_code": "CNY", "receipts": "12.50"}
        assert (await tell(system, "dms", row)).summary.created == 1
        assert (await tell(system, "dms", row)).summary.unchanged == 1
        assert (await tell(system, "dms", more, {**more, "stock_count": "11"})).summary.updated == 2
        assert (await tell(system, "bank", row)).summary.created == 1
        found = await days(garage.client("dealer.manager", dealers=[dealer]), dealer_id=dealer)
        assert [(one.source, one.stock_count, one.receipts.nanos) for one in found] == [
            ("dms", 11, 500_000_000),
            ("bank", 10, 0),
        ]

    async def test_a_dealer_tells_and_sees_its_own_and_pages_end(self, garage: Any) -> None:
        mine, other = await garage.make_dealer(), await garage.make_dealer()
        system = garage.client("dealer.system", dealers=[mine])
        rows = [{"dealer_code": await garage.code_of(mine), "date": f"2026-03-{day:02}"} for day in range(1, 6)]
        foreign = {"dealer_code": await garage.code_of(other), "date": "2026-03-02"}
        answer = await tell(system, "dms", *rows, foreign)
        assert (answer.summary.created, answer.rejected[0].errors[0].reason) == (5, "DEALER_NOT_FOUND")
        await tell(garage.manager, "dms", foreign)
        seen, token = [], ""
        while True:
            page = await ask(system, "ChannelDayService/ListChannelDays", page_size=2, page_token=token)
            seen += [one.date.day for one in page.channel_days]
            token = page.next_page_token
            if not token:
                break
        assert seen == [5, 4, 3, 2, 1]
        assert {one.dealer_id for one in await days(garage.manager, page_size=1000)} >= {mine, other}
        assert await days(system, dealer_id=other) == []
