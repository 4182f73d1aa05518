"""Working hours over gRPC: versions that never change, told by event, seen by scope."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from marque.network.v1 import calendar_service_pb2 as api
from servicekit.testing.client import RpcFailure

MORNING, AFTERNOON = {"start": "08:30", "end": "12:00"}, {"start": "13:00", "end": "24:00"}
MONDAY = {"day": 1, "intervals": [MORNING, AFTERNOON]}
FESTIVAL = {"date": {"year": 2027, "month": 2, "day": 6}, "intervals": [], "reason": "Spring Festival"}


class TestPutDealerCalendar:
    async def test_what_was_written_is_read(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        made = await network.put_hours(
            dealer_id=dealer,
            week=[{"day": 6, "intervals": [MORNING]}, MONDAY],
            exceptions=[FESTIVAL],
            holiday_country="CN",
        )
        assert made == await network.get_hours(dealer)
        assert (made.version, made.time_zone, made.etag) == (1, "Asia/Shanghai", "v1")
        assert [day.day for day in made.week] == [1, 6]
        assert [(one.start, one.end) for one in made.week[0].intervals] == [("08:30", "12:00"), ("13:00", "24:00")]
        assert made.exceptions[0].reason == "Spring Festival"

    async def test_equal_hours_make_no_version_and_no_event(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        first = await network.put_hours(dealer_id=dealer, week=[MONDAY])
        same = await network.put_hours(dealer_id=dealer, week=[{"day": 7}, MONDAY], time_zone="Asia/Shanghai")
        assert same == first
        assert len(await network.events(dealer)) == 2  # the dealer's creation and the first hours

    async def test_a_change_is_a_new_version_and_the_old_one_stays(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        first = await network.put_hours(dealer_id=dealer, week=[MONDAY])
        await network.put_hours(dealer_id=dealer, week=[], etag=first.etag)
        old = await network.get_hours(dealer, version=1)
        assert old.week == first.week
        assert old.etag == (await network.get_hours(dealer)).etag == "v2"

    async def test_a_version_keeps_its_zone_when_the_dealer_moves(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        await network.put_hours(dealer_id=dealer, week=[MONDAY])
        await network.update_dealer([], dealer_id=dealer, time_zone="Asia/Urumqi")
        assert (await network.get_hours(dealer)).time_zone == "Asia/Shanghai"
        assert (await network.put_hours(dealer_id=dealer, week=[MONDAY])).time_zone == "Asia/Urumqi"

    async def test_changes_of_all_departments_are_counted_together_in_events(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        await network.put_hours(dealer_id=dealer, week=[MONDAY])
        await network.put_hours(dealer_id=dealer, department="service", week=[MONDAY])
        await network.put_hours(dealer_id=dealer, department="service", week=[])
        told = [
            (event.aggregate_version, event.department, event.version) for event in (await network.events(dealer))[1:]
        ]
        assert told == [(1, "", 1), (2, "service", 1), (3, "service", 2)]

    async def test_of_two_writers_with_one_etag_one_wins(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        first = await network.put_hours(dealer_id=dealer, week=[MONDAY])

        async def write(end: str) -> str:
            week = [{"day": 2, "intervals": [{"start": "08:00", "end": end}]}]
            try:
                await network.put_hours(dealer_id=dealer, week=week, etag=first.etag)
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        assert sorted(await asyncio.gather(write("10:00"), write("11:00"))) == ["ETAG_MISMATCH", "OK"]

    async def test_writers_without_an_etag_make_one_version_each(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        weeks = [[{"day": day, "intervals": [MORNING]}] for day in range(1, 6)]
        made = await asyncio.gather(*(network.put_hours(dealer_id=dealer, week=week) for week in weeks))
        assert sorted(one.version for one in made) == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("fields", "place", "reason"),
        [
            ({"week": [MONDAY, MONDAY]}, "calendar.week[1]", "DAY_REPEATED"),
            (
                {"week": [{"day": 1, "intervals": [AFTERNOON, MORNING]}]},
                "calendar.week[0].intervals",
                "INTERVALS_OVERLAP",
            ),
            (
                {"week": [{"day": 1, "intervals": [MORNING, MORNING]}]},
                "calendar.week[0].intervals",
                "INTERVALS_OVERLAP",
            ),
            (
                {"week": [{"day": 1, "intervals": [{"start": "12:00", "end": "12:00"}]}]},
                "calendar.week[0].intervals",
                "INTERVAL_REVERSED",
            ),
            ({"exceptions": [FESTIVAL, FESTIVAL]}, "calendar.exceptions[1]", "DAY_REPEATED"),
            (
                {"exceptions": [{"date": {"year": 2027, "month": 2, "day": 29}}]},
                "calendar.exceptions[0].date",
                "DATE_INVALID",
            ),
            ({"time_zone": "Asia/Nowhere"}, "calendar.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"time_zone": "/etc/localtime"}, "calendar.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"holiday_country": "ZZ"}, "calendar.holiday_country", "HOLIDAY_COUNTRY_UNKNOWN"),
        ],
    )
    async def test_hours_that_make_no_sense_are_named(
        self, network: Any, fields: dict[str, Any], place: str, reason: str
    ) -> None:
        dealer = (await network.make_dealer()).dealer_id
        with pytest.raises(RpcFailure) as failure:
            await network.put_hours(dealer_id=dealer, **fields)
        assert (failure.value.code, failure.value.fields) == ("INVALID_ARGUMENT", {place: reason})

    async def test_an_unknown_dealer_and_one_of_others_give_the_same_answer(self, network: Any, new_id: Any) -> None:
        own, other = await network.make_dealer(), await network.make_dealer()
        manager = network.client("dealer.manager", dealers=[own.dealer_id])
        await network.put_hours(manager, dealer_id=own.dealer_id, week=[MONDAY])
        for dealer_id in (other.dealer_id, new_id()):
            with pytest.raises(RpcFailure) as failure:
                await network.put_hours(manager, dealer_id=dealer_id, week=[MONDAY])
            assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "DEALER_NOT_FOUND")


class TestGetDealerCalendar:
    async def test_a_department_without_hours_gets_the_dealers(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        whole = await network.put_hours(dealer_id=dealer, week=[MONDAY])
        assert await network.get_hours(dealer, department="service") == whole
        own = await network.put_hours(dealer_id=dealer, department="service", week=[])
        assert await network.get_hours(dealer, department="service") == own
        assert await network.get_hours(dealer) == whole

    @pytest.mark.parametrize("version", [0, 1, 2, 2147483647])
    async def test_what_is_not_there_is_not_found(self, network: Any, version: int) -> None:
        dealer = (await network.make_dealer()).dealer_id
        if version > 1:
            await network.put_hours(dealer_id=dealer, week=[MONDAY])
        with pytest.raises(RpcFailure) as failure:
            await network.get_hours(dealer, version=version)
        assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "CALENDAR_NOT_FOUND")

    async def test_who_sees_hours(self, network: Any) -> None:
        region, group = f"R{network.number()}", f"G{network.number()}"
        dealer = (await network.make_dealer(region_code=region, group_code=group)).dealer_id
        other = (await network.make_dealer()).dealer_id
        await network.put_hours(dealer_id=dealer, week=[MONDAY])
        for role, scope in (
            ("dealer.technician", {"dealers": [dealer]}),
            ("dealer.manager", {"dealers": [other], "dealer_group": group}),
            ("oem.region", {"region": region}),
            ("oem.agent", {}),
            ("service", {}),
        ):
            assert (await network.get_hours(dealer, network.client(role, **scope))).version == 1
        for role, scope in (
            ("dealer.manager", {"dealers": [other]}),
            ("dealer.manager", {"dealers": [other], "dealer_group": "OTHER"}),
            ("oem.region", {"region": "OTHER"}),
        ):
            with pytest.raises(RpcFailure) as failure:
                await network.get_hours(dealer, network.client(role, **scope))
            assert failure.value.reason == "CALENDAR_NOT_FOUND"
        with pytest.raises(RpcFailure) as failure:
            await network.get_hours(dealer, network.client("owner"))
        assert failure.value.code == "PERMISSION_DENIED"


class TestListDealerCalendarVersions:
    @pytest.mark.parametrize(
        ("order", "expected"), [("", [3, 2, 1]), ("version desc", [3, 2, 1]), ("version", [1, 2, 3])]
    )
    async def test_pages_hold_every_version_once(self, network: Any, order: str, expected: list[int]) -> None:
        dealer = (await network.make_dealer()).dealer_id
        for day in (1, 2, 3):
            await network.put_hours(dealer_id=dealer, week=[{"day": day, "intervals": [MORNING]}])
        request = api.ListDealerCalendarVersionsRequest(dealer_id=dealer, page_size=2, order_by=order)
        seen = []
        while True:
            answer = await network.manager.call("network.v1.CalendarService/ListDealerCalendarVersions", request)
            seen += answer.calendars
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        assert [one.version for one in seen] == expected
        assert {one.etag for one in seen} == {"v3"}

    async def test_versions_of_other_dealers_are_not_listed(self, network: Any, new_id: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        await network.put_hours(dealer_id=dealer, week=[MONDAY])
        client = network.client("dealer.sales", dealers=[new_id()])
        request = api.ListDealerCalendarVersionsRequest(dealer_id=dealer)
        answer = await client.call("network.v1.CalendarService/ListDealerCalendarVersions", request)
        assert not answer.calendars
