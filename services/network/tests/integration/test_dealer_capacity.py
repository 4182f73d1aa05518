"""What a dealer can take on, by RPC and by file; lists by place."""

from __future__ import annotations

from typing import Any

import pytest
from marque.network.v1 import network_import_service_pb2 as rows_pb
from servicekit.testing.client import RpcFailure

CAPACITY = {"service_bays": 12, "loan_cars": 4, "service_cars_per_day": 60, "handovers_per_day": 8}


def capacity(dealer: Any) -> dict[str, int]:
    return {name: getattr(dealer, name) for name in CAPACITY}


class TestCapacity:
    async def test_it_is_written_changed_and_told(self, network: Any) -> None:
        made = await network.make_dealer(**CAPACITY)
        assert capacity(made) == CAPACITY
        changed = await network.update_dealer(["loan_cars"], dealer_id=made.dealer_id, loan_cars=0)
        assert capacity(changed) == {**CAPACITY, "loan_cars": 0}
        assert list((await network.events(made.dealer_id))[-1].changed_fields) == ["loan_cars"]

    async def test_a_file_says_it_too_and_an_empty_cell_says_nothing(self, network: Any) -> None:
        code = f"F-{network.number()}"
        row = {"code": code, "names": {"zh-CN": "沈阳浑南汽车"}, "kinds": "service", "time_zone": "Asia/Shanghai"}
        given = {**row, **CAPACITY, "open_date": "2019-08-08"}
        for expected in ("created", "unchanged"):
            answer = await network.do_import("Dealers", [rows_pb.DealerImportRow(**given)])
            assert getattr(answer.summary, expected) == 1
        answer = await network.do_import("Dealers", [rows_pb.DealerImportRow(**row, loan_cars=0)])
        assert answer.summary.updated == 1
        (found,) = await network.pages("DealerService/ListDealers", "dealers", code=code)
        assert capacity(found) == {**CAPACITY, "loan_cars": 0}
        assert (found.open_date.year, found.open_date.day) == (2019, 8)

    async def test_a_day_that_is_none_is_refused_in_its_row(self, network: Any) -> None:
        row = rows_pb.DealerImportRow(code=f"F-{network.number()}", open_date="8.8.2019")
        answer = await network.do_import("Dealers", [row])
        assert "DATE_INVALID" in [error.reason for error in answer.rejected[0].errors]

    async def test_the_verbs_own_fields_are_not_written(self, network: Any) -> None:
        made = await network.make_dealer()
        for name in ("status_reason", "successor_dealer_id"):
            with pytest.raises(RpcFailure) as failure:
                await network.update_dealer([name], dealer_id=made.dealer_id)
            assert failure.value.fields == {f"dealer.{name}": "FIELD_NOT_WRITABLE"}


class TestPlaces:
    async def test_lists_by_country_province_and_city(self, network: Any) -> None:
        city = f"城{network.number()}"
        near = {"country_code": "CN", "province": f"{city}省", "city": city}
        made = [await network.make_dealer(address=near) for _ in range(3)]
        await network.make_dealer(address={**near, "city": f"{city}外"})
        for fields, count in (
            ({"city": city}, 3),
            ({"province": f"{city}省"}, 4),
            ({"province": f"{city}省", "country_code": "DE"}, 0),
        ):
            assert len(await network.pages("DealerService/ListDealers", "dealers", **fields)) == count
        found = await network.pages("DealerService/ListDealers", "dealers", city=city, order_by="update_time")
        assert [one.code for one in found] == [one.code for one in made]
