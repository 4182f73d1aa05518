"""Dealers over gRPC: written, read, listed, searched, changed, told to others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.type import date_pb2, latlng_pb2
from marque.network.v1 import dealer_pb2
from marque.network.v1 import dealer_service_pb2 as api
from marque.type.v1 import address_pb2
from servicekit.testing.client import RpcFailure

SERVICE = "network.v1.DealerService"
SALES, SERVICE_KIND = dealer_pb2.DEALER_KIND_SALES, dealer_pb2.DEALER_KIND_SERVICE


class TestCreateDealer:
    async def test_what_was_written_is_read(self, network: Any) -> None:
        made = await network.make_dealer(
            names={"zh-CN": "上海东方汽车", "en": "Shanghai Oriental"},
            kinds=[SERVICE_KIND, SALES],
            brands=["Marque", "Other"],
            address=address_pb2.Address(country_code="CN", city="上海", lines=["南京路 1"]),
            location=latlng_pb2.LatLng(latitude=31.23, longitude=121.47),
            open_date=date_pb2.Date(year=2020, month=2, day=29),
            service_bays=12,
        )

        assert await network.get_dealer(made.dealer_id) == made
        assert list(made.kinds) == [SALES, SERVICE_KIND]
        assert made.location.latitude == 31.23
        assert made.open_date == date_pb2.Date(year=2020, month=2, day=29)

    async def test_without_a_status_it_is_planned(self, network: Any) -> None:
        made = await network.make_dealer(status=0)
        assert made.status == dealer_pb2.DEALER_STATUS_PLANNED

    async def test_a_code_is_taken_once(self, network: Any) -> None:
        made = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await network.make_dealer(code=made.code)
        assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "DEALER_CODE_TAKEN")

    @pytest.mark.parametrize(
        ("fields", "place", "reason"),
        [
            ({"time_zone": "Mars/Olympus"}, "dealer.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"time_zone": "../../etc/passwd"}, "dealer.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"names": {"en": "  "}}, "dealer.names", "FIELD_REQUIRED"),
            ({"names": {"not a tag": "X"}}, "dealer.names", "LANGUAGE_INVALID"),
            ({"open_date": date_pb2.Date(year=2025, month=2, day=29)}, "dealer.open_date", "DATE_INVALID"),
            ({"open_date": date_pb2.Date(year=2025)}, "dealer.open_date", "DATE_INVALID"),
        ],
    )
    async def test_bad_values_are_named(self, network: Any, fields: dict[str, Any], place: str, reason: str) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.make_dealer(**fields)
        assert failure.value.code == "INVALID_ARGUMENT"
        assert failure.value.fields == {place: reason}

    async def test_it_closes_after_it_opens(self, network: Any) -> None:
        dates = {"open_date": {"year": 2025, "month": 5, "day": 2}, "close_date": {"year": 2025, "month": 5, "day": 1}}
        with pytest.raises(RpcFailure) as failure:
            await network.make_dealer(**dates)
        assert failure.value.fields == {"dealer.close_date": "DATES_REVERSED"}

    async def test_a_double_submit_makes_one_dealer(self, network: Any) -> None:
        request = api.CreateDealerRequest(dealer=network.dealer(), request_id="double")
        answers = await asyncio.gather(*(network.manager.call(f"{SERVICE}/CreateDealer", request) for _ in range(4)))
        assert len({answer.dealer_id for answer in answers}) == 1

    @pytest.mark.parametrize("role", ["dealer.manager", "oem.agent", "oem.region", "owner", "partner"])
    async def test_only_the_maker_admits_dealers(self, network: Any, role: str) -> None:
        request = api.CreateDealerRequest(dealer=network.dealer())
        with pytest.raises(RpcFailure) as failure:
            await network.client(role).call(f"{SERVICE}/CreateDealer", request)
        assert failure.value.code == "PERMISSION_DENIED"


class TestReadDealers:
    @pytest.mark.parametrize("role", ["owner", "dealer.sales", "oem.region", "oem.quality", "partner"])
    async def test_every_signed_in_caller_with_the_permission_reads_any_dealer(self, network: Any, role: str) -> None:
        made = await network.make_dealer()
        request = api.GetDealerRequest(dealer_id=made.dealer_id)
        assert await network.client(role).call(f"{SERVICE}/GetDealer", request) == made

    async def test_an_unknown_dealer_is_not_found(self, network: Any, new_id: Any) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.get_dealer(new_id())
        assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "DEALER_NOT_FOUND")

    async def test_a_batch_tells_what_is_missing(self, network: Any, new_id: Any) -> None:
        one, two, nobody = await network.make_dealer(), await network.make_dealer(), new_id()
        request = api.BatchGetDealersRequest(
            dealer_ids=[one.dealer_id, one.dealer_id, nobody], codes=[two.code, one.code, "NO-SUCH"]
        )
        answer = await network.service.call(f"{SERVICE}/BatchGetDealers", request)
        assert {dealer.dealer_id for dealer in answer.dealers} == {one.dealer_id, two.dealer_id}
        assert len(answer.dealers) == 2
        assert list(answer.missing_dealer_ids) == [nobody]
        assert list(answer.missing_codes) == ["NO-SUCH"]

    @pytest.mark.parametrize("order", ["", "code", "code desc", "update_time desc"])
    async def test_pages_hold_everything_once_in_order(self, network: Any, order: str) -> None:
        group = f"G{network.number()}"
        made = [await network.make_dealer(group_code=group) for _ in range(7)]
        request = api.ListDealersRequest(page_size=3, order_by=order, group_code=group)
        seen = []
        while True:
            answer = await network.manager.call(f"{SERVICE}/ListDealers", request)
            seen += [dealer.code for dealer in answer.dealers]
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        codes = sorted(dealer.code for dealer in made)
        assert seen == (codes[::-1] if order.endswith("desc") else codes)

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ({"kind": SALES}, [0, 1]),
            ({"kind": SERVICE_KIND}, [1]),
            ({"brand": "Only"}, [0]),
            ({"status": dealer_pb2.DEALER_STATUS_SUSPENDED}, [1]),
            ({"region_code": "R-LIST"}, [0, 1]),
            ({"channel_type": dealer_pb2.CHANNEL_TYPE_AGENT}, [0]),
        ],
    )
    async def test_filters_narrow(self, network: Any, filters: dict[str, Any], found: list[int]) -> None:
        group = f"G{network.number()}"
        one = await network.make_dealer(
            group_code=group, brands=["Only"], region_code="R-LIST", channel_type=dealer_pb2.CHANNEL_TYPE_AGENT
        )
        two = await network.make_dealer(
            group_code=group,
            kinds=[SALES, SERVICE_KIND],
            region_code="R-LIST",
            status=dealer_pb2.DEALER_STATUS_SUSPENDED,
        )
        request = api.ListDealersRequest(group_code=group, **filters)
        answer = await network.manager.call(f"{SERVICE}/ListDealers", request)
        assert [dealer.code for dealer in answer.dealers] == [(one, two)[index].code for index in found]

    async def test_a_token_of_another_question_is_refused(self, network: Any) -> None:
        group = f"G{network.number()}"
        for _ in range(2):
            await network.make_dealer(group_code=group)
        request = api.ListDealersRequest(group_code=group, page_size=1)
        token = (await network.manager.call(f"{SERVICE}/ListDealers", request)).next_page_token
        for wrong in (
            api.ListDealersRequest(group_code="OTHER", page_token=token),
            api.ListDealersRequest(group_code=group, page_token="garbage"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await network.manager.call(f"{SERVICE}/ListDealers", wrong)
            assert failure.value.fields == {"page_token": "PAGE_TOKEN_INVALID"}

    async def test_an_export_holds_every_dealer_once_and_goes_on_at_its_cursor(self, network: Any) -> None:
        made = [(await network.make_dealer()).dealer_id for _ in range(3)]
        answers = [
            answer async for answer in network.service.stream(f"{SERVICE}/ExportDealers", api.ExportDealersRequest())
        ]
        ids = [dealer.dealer_id for answer in answers for dealer in answer.dealers]
        assert len(ids) == len(set(ids))
        assert set(made) <= set(ids)
        assert answers[-1].cursor == ids[-1]
        request = api.ExportDealersRequest(cursor=made[0])
        rest = [answer async for answer in network.service.stream(f"{SERVICE}/ExportDealers", request)]
        assert [dealer.dealer_id for answer in rest for dealer in answer.dealers] == ids[ids.index(made[0]) + 1 :]

    async def test_an_export_is_for_services_only(self, network: Any) -> None:
        with pytest.raises(RpcFailure) as failure:
            async for _ in network.manager.stream(f"{SERVICE}/ExportDealers", api.ExportDealersRequest()):
                pass
        assert failure.value.code == "PERMISSION_DENIED"


class TestSearchDealers:
    async def _found(self, network: Any, query: str, **fields: Any) -> list[str]:
        request = api.SearchDealersRequest(query=query, **fields)
        answer = await network.client("owner").call(f"{SERVICE}/SearchDealers", request)
        scores = [match.score for match in answer.results]
        assert scores == sorted(scores, reverse=True)
        return [match.dealer.code for match in answer.results]

    async def test_found_by_parts_of_every_name_by_city_and_code(self, network: Any) -> None:
        number = network.number()
        made = await network.make_dealer(
            code=f"QZ-{number}",
            names={"zh-CN": "泉州蓝湖汽车销售", "en": "Bluelake O’Malley Automobile"},
            address=address_pb2.Address(country_code="CN", city="泉州", province="福建"),
        )
        typed = ["蓝湖", "泉州", "藍湖", "BLUELAKE", "blue lake".replace(" ", ""), "o'malley", "lanhu", "福建"]
        typed += [f"qz-{number}", f"QZ{number}", f"qz {number}", str(number)]
        for query in typed:
            assert made.code in await self._found(network, query), query

    async def test_the_exact_code_comes_first(self, network: Any) -> None:
        number = network.number()
        for code in (f"XA{number}9", f"XA{number}", f"AXA{number}"):
            await network.make_dealer(code=code)
        assert (await self._found(network, f"xa{number}"))[0] == f"XA{number}"

    async def test_no_match_is_an_empty_answer(self, network: Any) -> None:
        assert await self._found(network, "zzqqxx") == []

    @pytest.mark.parametrize("query", ["--", "%%", "__", "\\\\"])
    async def test_signs_alone_are_refused_rather_than_match_all(self, network: Any, query: str) -> None:
        with pytest.raises(RpcFailure) as failure:
            await self._found(network, query)
        assert failure.value.fields == {"query": "QUERY_EMPTY"}

    async def test_a_cut_answer_says_so(self, network: Any) -> None:
        for _ in range(3):
            await network.make_dealer(names={"en": "Cutoffville"})
        request = api.SearchDealersRequest(query="cutoffville", page_size=2)
        answer = await network.manager.call(f"{SERVICE}/SearchDealers", request)
        assert (len(answer.results), answer.truncated) == (2, True)

    async def test_a_new_name_is_found_and_the_old_one_is_not(self, network: Any) -> None:
        made = await network.make_dealer(names={"en": "Oldnamering"})
        await network.update_dealer(["names"], dealer_id=made.dealer_id, names={"en": "Newnamering"})
        assert await self._found(network, "oldnamering") == []
        assert await self._found(network, "newnamering") == [made.code]
