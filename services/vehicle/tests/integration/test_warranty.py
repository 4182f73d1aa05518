"""Clauses of the warranty, and the answer for a car."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

COVERED, TIME_OVER, KILOMETRES_OVER, EXCLUDED, NOT_STARTED = 1, 2, 3, 4, 6


async def put(garage: Any, code: str, **fields: Any) -> Any:
    first = fields.pop("sold_from", date(2020, 1, 1))
    term = {"term_code": code, "market": "JP", "months": 36, "km": 60_000, "clause": code.title(), **fields}
    request = {"warranty_term": {**term, "sold_from": garage.day(first)}}
    return await garage.ask("WarrantyService/PutWarrantyTerm", **request)


class TestWarranty:
    async def test_a_car_is_judged_from_its_first_sale_by_the_closest_clause(self, garage: Any) -> None:
        await put(garage, "BASE")
        await put(garage, "PADS", component_prefix="BRAKES:PADS", months=0)
        dealer, car = await garage.make_dealer(), await garage.make_car(market="JP")

        async def check(**fields: Any) -> Any:
            return await garage.ask("WarrantyService/CheckCoverage", vin=car.vin.lower(), **fields)

        assert (await check()).reason == NOT_STARTED
        sold, delivered = date(2025, 3, 1), date(2025, 3, 9)
        await garage.make_sale(
            dealer,
            car.vin,
            await garage.make_customer(),
            invoice_date=garage.day(sold),
            delivery_date=garage.day(delivered),
        )
        found = await check(date=garage.day(date(2028, 3, 8)), odometer_km=60_000)
        assert (found.covered, found.reason, found.term.clause) == (True, COVERED, "Base")
        assert (found.start_date, found.end_date) == (garage.day(delivered), garage.day(date(2028, 3, 9)))
        assert (await check(date=garage.day(date(2028, 3, 9)))).reason == TIME_OVER
        assert (await check(date=garage.day(sold), odometer_km=1)).reason == NOT_STARTED
        assert (await check(date=garage.day(delivered), odometer_km=60_001)).reason == KILOMETRES_OVER
        pads = await check(component_code="BRAKES:PADS", date=garage.day(delivered))
        assert (pads.covered, pads.reason, pads.term.term_code) == (False, EXCLUDED, "PADS")
        await garage.make_order(dealer, car.vin, odometer_in_km=60_001)
        assert (await check()).reason == KILOMETRES_OVER, "without a reading the latest known one is judged"

    async def test_what_was_promised_stands(self, garage: Any) -> None:
        first = await put(garage, "STANDS")
        assert (await put(garage, "STANDS")).update_time == first.update_time
        with pytest.raises(RpcFailure) as failure:
            await put(garage, "STANDS", months=12)
        assert failure.value.reason == "WARRANTY_TERM_IN_FORCE"
        ended = await put(garage, "STANDS", sold_before=garage.day(date(2027, 1, 1)))
        assert ended.sold_before == garage.day(date(2027, 1, 1))
        tomorrow = datetime.now(UTC).date() + timedelta(days=2)
        await put(garage, "STANDS", sold_from=tomorrow, months=12)
        assert (await put(garage, "STANDS", sold_from=tomorrow, months=24)).months == 24
        with pytest.raises(RpcFailure) as reversed_:
            await put(garage, "STANDS", sold_before=garage.day(date(2020, 1, 1)))
        assert reversed_.value.fields == {"warranty_term.sold_before": "RANGE_REVERSED"}

    async def test_many_who_write_one_clause_at_once_write_it_once(self, garage: Any) -> None:
        answers = await asyncio.gather(*(put(garage, "ONCE", market="KP") for _ in range(8)))
        assert len({one.update_time.ToNanoseconds() for one in answers}) == 1

    async def test_clauses_are_read_in_pages(self, garage: Any) -> None:
        for code in ("C", "A", "B"):
            await put(garage, code, market="KR")
        found, token = [], ""
        while True:
            ask = {"market": "KR", "page_size": 2, "page_token": token}
            page = await garage.ask("WarrantyService/ListWarrantyTerms", **ask)
            found += [one.term_code for one in page.warranty_terms]
            token = page.next_page_token
            if not token:
                break
        assert found == ["A", "B", "C"]
