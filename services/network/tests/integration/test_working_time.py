"""Answers by working hours over gRPC: open or not, due, worked; copies; days closed for a whole region."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from servicekit.testing.client import RpcFailure

SERVICE = "CalendarService"
SHANGHAI = ZoneInfo("Asia/Shanghai")
SPLIT = [{"start": "08:30", "end": "12:00"}, {"start": "13:00", "end": "17:30"}]
WEEK = [{"day": day, "intervals": SPLIT} for day in range(1, 6)]


def at(text: str, zone: Any = SHANGHAI) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC))
    return found


async def dealer_with(network: Any, **hours: Any) -> str:
    dealer = await network.make_dealer(**hours.pop("dealer", {}))
    await network.put_hours(dealer_id=dealer.dealer_id, **{"week": WEEK, **hours})
    found: str = dealer.dealer_id
    return found


class TestGetOpening:
    async def test_it_tells_whether_it_is_open_and_what_comes_next(self, network: Any) -> None:
        dealer = await dealer_with(network)
        found = await network.ask(f"{SERVICE}/GetOpening", dealer_id=dealer, time=at("2026-11-20T10:00"))
        assert (found.open, found.open_time, found.close_time) == (
            True,
            at("2026-11-20T10:00"),
            at("2026-11-20T12:00"),
        )
        found = await network.ask(f"{SERVICE}/GetOpening", dealer_id=dealer, time=at("2026-11-20T17:30"))
        assert (found.open, found.open_time, found.close_time) == (
            False,
            at("2026-11-23T08:30"),
            at("2026-11-23T12:00"),
        )

    async def test_chinese_holidays_and_make_up_days_hold(self, network: Any) -> None:
        dealer = await dealer_with(network, holiday_country="CN")
        found = await network.ask(f"{SERVICE}/GetOpening", dealer_id=dealer, time=at("2026-09-30T18:00"))
        assert found.open_time == at("2026-10-08T08:30")
        found = await network.ask(f"{SERVICE}/GetOpening", dealer_id=dealer, time=at("2026-10-10T09:00"))
        assert found.open

    async def test_round_the_clock_has_no_closing(self, network: Any) -> None:
        week = [{"day": day, "intervals": [{"start": "00:00", "end": "24:00"}]} for day in range(1, 8)]
        dealer = await dealer_with(network, week=week)
        found = await network.ask(f"{SERVICE}/GetOpening", dealer_id=dealer)
        assert found.open
        assert not found.HasField("close_time")

    async def test_what_cannot_be_known_is_not_guessed(self, network: Any) -> None:
        dealer = await dealer_with(network, holiday_country="CN")
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/GetOpening", dealer_id=dealer, time=at("2099-05-05T10:00"))
        assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "HOLIDAYS_UNKNOWN")
        assert failure.value.metadata == {"country": "CN", "year": "2099"}
        closed = await dealer_with(network, week=[])
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/GetOpening", dealer_id=closed)
        assert failure.value.reason == "CALENDAR_NEVER_OPEN"

    async def test_hours_of_others_are_hidden(self, network: Any, new_id: Any) -> None:
        dealer = await dealer_with(network)
        stranger = network.client("dealer.sales", dealers=[new_id()])
        for rpc in ("GetOpening", "ComputeDueTime"):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(f"{SERVICE}/{rpc}", stranger, dealer_id=dealer)
            assert failure.value.reason == "CALENDAR_NOT_FOUND"


class TestComputeDueTime:
    @pytest.mark.parametrize(
        ("start", "hours", "due"),
        [
            ("2026-11-20T11:30", 1, "2026-11-20T13:30"),
            ("2026-11-20T17:00", 1, "2026-11-23T09:00"),
            ("2026-11-20T08:30", 3.5, "2026-11-20T12:00"),
            ("2026-11-21T10:00", 0, "2026-11-21T10:00"),
        ],
    )
    async def test_working_hours_pass_only_while_somebody_is_there(
        self, network: Any, start: str, hours: float, due: str
    ) -> None:
        dealer = await dealer_with(network)
        given = {"dealer_id": dealer, "start_time": at(start), "working_seconds": int(hours * 3600)}
        found = await network.ask(f"{SERVICE}/ComputeDueTime", **given)
        assert (found.due_time, found.version, found.time_zone) == (at(due), 1, "Asia/Shanghai")

    async def test_what_was_computed_under_an_older_version_stays(self, network: Any) -> None:
        dealer = await dealer_with(network)
        question = {"dealer_id": dealer, "start_time": at("2026-11-20T17:00"), "working_seconds": 7200}
        first = await network.ask(f"{SERVICE}/ComputeDueTime", **question)
        measured = {"dealer_id": dealer, "start_time": at("2026-11-20T17:00"), "end_time": at("2026-11-24T00:00")}
        worked = await network.ask(f"{SERVICE}/MeasureWorkingTime", **measured)
        # Every kind of edit: other hours, a closed day, a day closed for the region, a move of the dealer.
        region = f"R{network.number()}"
        await network.put_hours(dealer_id=dealer, week=[{"day": 1, "intervals": [{"start": "10:00", "end": "11:00"}]}])
        await network.update_dealer([], dealer_id=dealer, time_zone="America/New_York", region_code=region)
        day = {"date": {"year": 2026, "month": 11, "day": 23}, "intervals": [], "reason": "Stocktaking"}
        await network.ask(f"{SERVICE}/CloseDays", region_code=region, exceptions=[day])
        await network.put_hours(dealer_id=dealer, week=[])
        assert await network.ask(f"{SERVICE}/ComputeDueTime", **question, version=first.version) == first
        assert await network.ask(f"{SERVICE}/MeasureWorkingTime", **measured, version=worked.version) == worked
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/ComputeDueTime", **question)
        assert failure.value.reason == "CALENDAR_NEVER_OPEN"

    async def test_hours_that_would_take_longer_than_ten_years_are_refused(self, network: Any) -> None:
        dealer = await dealer_with(network, week=[{"day": 1, "intervals": [{"start": "10:00", "end": "10:01"}]}])
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/ComputeDueTime", dealer_id=dealer, working_seconds=315_360_000)
        assert failure.value.reason == "CALENDAR_NEVER_OPEN"

    @pytest.mark.parametrize("seconds", [-1, 315_360_001])
    async def test_a_time_out_of_range_is_refused(self, network: Any, seconds: int) -> None:
        dealer = await dealer_with(network)
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/ComputeDueTime", dealer_id=dealer, working_seconds=seconds)
        assert list(failure.value.fields) == ["working_seconds"]

    async def test_an_instant_of_another_age_is_refused(self, network: Any) -> None:
        dealer = await dealer_with(network)
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/ComputeDueTime", dealer_id=dealer, start_time=Timestamp(seconds=10**11))
        assert failure.value.fields == {"start_time": "TIME_INVALID"}


class TestMeasureWorkingTime:
    async def test_a_week_of_split_shifts_is_forty_hours(self, network: Any) -> None:
        dealer = await dealer_with(network)
        span = {"start_time": at("2026-11-16T00:00"), "end_time": at("2026-11-23T00:00")}
        found = await network.ask(f"{SERVICE}/MeasureWorkingTime", dealer_id=dealer, **span)
        assert timedelta(seconds=found.working_seconds) == timedelta(hours=40)

    @pytest.mark.parametrize(
        ("end", "reason"), [("2026-11-15T00:00", "TIMES_REVERSED"), ("2037-01-01T00:00", "SPAN_TOO_LONG")]
    )
    async def test_a_span_that_is_none_is_refused(self, network: Any, end: str, reason: str) -> None:
        dealer = await dealer_with(network)
        span = {"start_time": at("2026-11-16T00:00"), "end_time": at(end)}
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/MeasureWorkingTime", dealer_id=dealer, **span)
        assert failure.value.fields == {"end_time": reason}


class TestCopyDealerCalendar:
    async def test_the_hours_of_one_become_a_version_of_anothers(self, network: Any) -> None:
        day = {"date": {"year": 2027, "month": 2, "day": 6}, "intervals": []}
        source = await dealer_with(network, exceptions=[day], holiday_country="CN")
        other = (await network.make_dealer(time_zone="Asia/Urumqi")).dealer_id
        copy = {"dealer_id": other, "from_dealer_id": source, "department": "service"}
        made = await network.ask(f"{SERVICE}/CopyDealerCalendar", **copy)
        assert (made.version, made.time_zone, made.holiday_country) == (1, "Asia/Shanghai", "CN")
        assert made.week == (await network.get_hours(source)).week
        assert len(made.exceptions) == 1
        own = await network.ask(f"{SERVICE}/CopyDealerCalendar", **copy, own_time_zone=True, without_exceptions=True)
        assert (own.version, own.time_zone, len(own.exceptions)) == (2, "Asia/Urumqi", 0)
        assert (await network.ask(f"{SERVICE}/CopyDealerCalendar", **copy, from_version=1)).version == 3

    async def test_both_must_be_the_callers(self, network: Any) -> None:
        mine, theirs = await dealer_with(network), await dealer_with(network)
        manager = network.client("dealer.manager", dealers=[mine])
        for fields, reason in (
            ({"dealer_id": mine, "from_dealer_id": theirs}, "CALENDAR_NOT_FOUND"),
            ({"dealer_id": theirs, "from_dealer_id": mine}, "DEALER_NOT_FOUND"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(f"{SERVICE}/CopyDealerCalendar", manager, **fields)
            assert failure.value.reason == reason


class TestCloseDays:
    DAY: ClassVar = {"date": {"year": 2026, "month": 12, "day": 24}, "intervals": [], "reason": "Year-end count"}

    async def test_all_calendars_of_the_region_get_the_day_once(self, network: Any) -> None:
        region = f"R{network.number()}"
        dealers = [await dealer_with(network, dealer={"region_code": region}) for _ in range(3)]
        await network.put_hours(dealer_id=dealers[0], department="service", week=WEEK)
        bare = (await network.make_dealer(region_code=region)).dealer_id
        elsewhere = await dealer_with(network)
        keeper = network.client("oem.region", region=region)

        done = await network.ask(f"{SERVICE}/CloseDays", keeper, region_code=region, exceptions=[self.DAY])
        assert sorted((one.dealer_id, one.department, one.version) for one in done.calendars) == sorted(
            [*((one, "", 2) for one in dealers), (dealers[0], "service", 2)]
        )
        assert list(done.dealer_ids_without_calendar) == [bare]
        assert (await network.get_hours(elsewhere)).version == 1
        hours = await network.get_hours(dealers[0], department="service")
        assert [one.reason for one in hours.exceptions] == ["Year-end count"]
        told = [one for one in await network.events(dealers[0]) if one.DESCRIPTOR.name == "CalendarChanged"]
        assert sorted(one.aggregate_version for one in told) == [1, 2, 3, 4]

        again = await network.ask(f"{SERVICE}/CloseDays", keeper, region_code=region, exceptions=[self.DAY])
        assert (len(again.calendars), again.unchanged) == (0, 4)

    async def test_another_region_is_out_of_reach(self, network: Any) -> None:
        region = f"R{network.number()}"
        dealer = await dealer_with(network, dealer={"region_code": region})
        keeper = network.client("oem.region", region=f"{region}X")
        done = await network.ask(f"{SERVICE}/CloseDays", keeper, region_code=region, exceptions=[self.DAY])
        assert not done.calendars
        assert (await network.get_hours(dealer)).version == 1

    async def test_a_writer_of_one_calendar_at_the_same_time_is_not_lost(self, network: Any) -> None:
        region = f"R{network.number()}"
        dealer = await dealer_with(network, dealer={"region_code": region})
        week = [{"day": 2, "intervals": SPLIT}]
        await asyncio.gather(
            network.put_hours(dealer_id=dealer, week=week),
            network.ask(f"{SERVICE}/CloseDays", region_code=region, exceptions=[self.DAY]),
        )
        assert (await network.get_hours(dealer)).version == 3

    @pytest.mark.parametrize(
        ("fields", "place", "reason"),
        [
            ({"region_code": ""}, "region_code", "SCOPE_NEEDED"),
            ({"exceptions": [DAY, DAY]}, "exceptions[1]", "DAY_REPEATED"),
            (
                {"exceptions": [{"date": {"year": 2026, "month": 2, "day": 30}}]},
                "exceptions[0].date",
                "DATE_INVALID",
            ),
        ],
    )
    async def test_what_makes_no_sense_is_named(
        self, network: Any, fields: dict[str, Any], place: str, reason: str
    ) -> None:
        given = {"region_code": "R", "exceptions": [self.DAY], **fields}
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/CloseDays", **given)
        assert failure.value.fields == {place: reason}


class TestOpenNow:
    async def test_only_dealers_open_in_their_own_zone_by_the_departments_hours(self, network: Any) -> None:
        brand = f"B{network.number()}"
        shared = {"brands": [brand], "kinds": [1, 2]}
        here = await network.make_dealer(**shared, location={"latitude": 1.0, "longitude": 1.0})
        late = await network.make_dealer(
            **shared, location={"latitude": 1.1, "longitude": 1.0}, time_zone="America/New_York"
        )
        bare = await network.make_dealer(**shared, location={"latitude": 1.2, "longitude": 1.0})
        for dealer in (here, late):
            await network.put_hours(dealer_id=dealer.dealer_id, week=WEEK)
        always = [{"day": day, "intervals": [{"start": "00:00", "end": "24:00"}]} for day in range(1, 8)]
        await network.put_hours(dealer_id=late.dealer_id, department="service", week=always)

        async def search(**fields: Any) -> list[tuple[str, int]]:
            place = {"latitude": 1.0, "longitude": 1.0, "brand": brand}
            answer = await network.ask("DealerService/FindNearestDealers", network.client(), **place, **fields)
            return [(one.dealer.code, one.open_state) for one in answer.dealers]

        assert await search() == [(here.code, 0), (late.code, 0), (bare.code, 0)]
        assert await search(open_at_time=at("2026-11-20T10:00")) == [(here.code, 1)]
        evening = at("2026-11-20T10:00", ZoneInfo("America/New_York"))
        assert await search(open_at_time=evening) == [(late.code, 1)]
        assert await search(open_at_time=at("2026-11-20T10:00"), kind=1) == [(here.code, 1)]
        assert await search(open_at_time=at("2026-11-21T10:00"), kind=2) == [(late.code, 1)]
        assert await search(open_at_time=at("2026-11-21T10:00")) == []
