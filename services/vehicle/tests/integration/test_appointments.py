"""Appointments: slots, booking, moving, calling off, coming and not coming, and who sees which."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from google.type import date_pb2
from marque.vehicle.v1 import repair_order_pb2, vehicle_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

BOOKED, ARRIVED, CANCELLED, MISSED = 1, 2, 3, 4


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return failure.value.reason


def when(stamp: Any) -> datetime:
    return stamp.ToDatetime(UTC)


async def slots(diary: Any, dealer: str, **fields: Any) -> list[str]:
    """The beginnings on one day to come, on the station's clock."""
    day = diary.at(0).date()
    first = date_pb2.Date(year=day.year, month=day.month, day=day.day)
    answer = await diary.ask("ListAppointmentSlots", dealer_id=dealer, from_date=first, **fields)
    return [when(one.start_time).astimezone(diary.at(0).tzinfo).strftime("%H:%M") for one in answer.slots]


class TestSlots:
    async def test_they_are_those_of_the_stations_hours_in_which_all_is_free(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=1)
        await diary.book(dealer, diary.at(10), duration_minutes=60)
        assert await slots(diary, dealer, duration_minutes=60) == [
            "09:00", "11:00", "13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00",
        ]  # fmt: skip
        assert await slots(diary, dealer, duration_minutes=240, step_minutes=60) == ["13:00"]
        assert await slots(diary, dealer, loan_car=True) == []

    async def test_a_station_without_hours_or_unknown_says_so(self, diary: Any) -> None:
        dealer = await diary.make_station(open=False)
        assert await refused(slots(diary, dealer)) == "CALENDAR_MISSING"
        assert await refused(slots(diary, str(uuid.uuid4()))) == "DEALER_NOT_FOUND"
        assert await refused(slots(diary, dealer, duration_minutes=14)) == "INVALID_ARGUMENT"

    async def test_the_wished_adviser_alone_decides(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=2, advisers=1)
        other = await diary.make_resource(dealer, 2, "A2")
        await diary.book(dealer, diary.at(9), duration_minutes=180, adviser_resource_id=other.resource_id)
        assert "09:00" in await slots(diary, dealer)
        assert (await slots(diary, dealer, adviser_resource_id=other.resource_id))[0] == "13:00"


class TestBook:
    async def test_a_visit_takes_bay_adviser_and_loan_car_and_is_told(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=1, advisers=1, loan_cars=1)
        made = await diary.book(dealer, diary.at(9), loan_car=True, wish="oil")
        assert (made.state, made.calendar_version, made.duration_minutes) == (BOOKED, 1, 60)
        assert all((made.bay_resource_id, made.adviser_resource_id, made.loan_car_resource_id))
        assert when(made.remind_time) == diary.at(9) - timedelta(days=1)
        (event,) = await diary.garage.events("AppointmentBooked", made.appointment_id)
        assert (event.vin, event.dealer_id, when(event.start_time)) == (made.vin, dealer, diary.at(9))

    async def test_what_is_not_free_is_named(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=3, advisers=2, loan_cars=1)
        await diary.book(dealer, diary.at(9), loan_car=True)
        with pytest.raises(RpcFailure) as failure:
            await diary.book(dealer, diary.at(9, 30), loan_car=True)
        assert (failure.value.reason, "loan car" in str(failure.value)) == ("SLOT_TAKEN", True)
        await diary.book(dealer, diary.at(9, 30))
        with pytest.raises(RpcFailure, match="adviser"):
            await diary.book(dealer, diary.at(9, 30))
        await diary.book(dealer, diary.at(10, 30), loan_car=True)  # the moment at which the first ends

    @pytest.mark.parametrize(
        ("hour", "minute", "length", "reason"),
        [
            (9, 0, 180, ""), (9, 1, 180, "OUTSIDE_WORKING_HOURS"), (8, 59, 60, "OUTSIDE_WORKING_HOURS"), (16, 0, 60, ""),
            (16, 1, 60, "OUTSIDE_WORKING_HOURS"), (12, 15, 15, "OUTSIDE_WORKING_HOURS"), (11, 30, 120, "OUTSIDE_WORKING_HOURS"),
        ],
    )  # fmt: skip
    async def test_the_whole_span_lies_in_working_hours(
        self, diary: Any, hour: int, minute: int, length: int, reason: str
    ) -> None:
        dealer = await diary.make_station()
        work = diary.book(dealer, diary.at(hour, minute), duration_minutes=length)
        assert (await refused(work) if reason else (await work) and "") == reason

    async def test_bad_requests_are_named(self, diary: Any) -> None:
        dealer = await diary.make_station()
        assert await refused(diary.book(dealer, diary.at(10, days=-1))) == "INVALID_ARGUMENT"
        assert await refused(diary.book(dealer, diary.at(10, days=400))) == "INVALID_ARGUMENT"
        assert await refused(diary.book(dealer, diary.at(10) + timedelta(seconds=1))) == "INVALID_ARGUMENT"
        assert await refused(diary.book(dealer, diary.at(10), vin=diary.garage.new_vin())) == "VEHICLE_NOT_FOUND"
        scrapped = await diary.garage.make_car(status=vehicle_pb2.VEHICLE_STATUS_SCRAPPED)
        assert await refused(diary.book(dealer, diary.at(10), vin=scrapped.vin)) == "VEHICLE_SCRAPPED"
        nobody = str(uuid.uuid4())
        assert await refused(diary.book(dealer, diary.at(10), customer_id=nobody)) == "CUSTOMER_NOT_FOUND"

    async def test_a_car_does_not_come_twice_at_a_time(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=2)
        made = await diary.book(dealer, diary.at(9))
        assert await refused(diary.book(dealer, diary.at(9, 30), vin=made.vin)) == "CAR_BOOKED_ALREADY"
        assert (await diary.book(dealer, diary.at(10), vin=made.vin)).state == BOOKED

    async def test_the_same_request_again_books_nothing_more(self, diary: Any) -> None:
        dealer, car = await diary.make_station(), await diary.garage.make_car()
        again = {"vin": car.vin, "request_id": str(uuid.uuid4())}
        first, second = [await diary.book(dealer, diary.at(9), **again) for _ in range(2)]
        assert first == second

    async def test_new_hours_hold_for_what_is_booked_after_them(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=2)
        before = await diary.book(dealer, diary.at(9))
        version = await diary.put_hours(dealer, "10:00-12:00")
        assert await refused(diary.book(dealer, diary.at(9))) == "OUTSIDE_WORKING_HOURS"
        after = await diary.book(dealer, diary.at(10))
        assert (before.calendar_version, after.calendar_version) == (1, version)
        kept = await diary.garage.sql("SELECT version FROM dealer_hours WHERE dealer_id = $1 ORDER BY 1", dealer)
        assert [row["version"] for row in kept] == [1, version]


class TestRaces:
    async def test_many_clients_for_the_same_hours_never_take_anything_twice(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=3, advisers=2)
        cars = [await diary.garage.make_car() for _ in range(24)]
        clients = [diary.garage.client("dealer.service", dealers=[dealer], subject=f"desk-{n}") for n in range(8)]
        hours = [diary.at(9), diary.at(9, 30), diary.at(10)]
        answers = await asyncio.gather(
            *(diary.book(dealer, hours[n % 3], clients[n % 8], vin=car.vin) for n, car in enumerate(cars)),
            return_exceptions=True,
        )
        made = [one for one in answers if not isinstance(one, BaseException)]
        assert {one.reason for one in answers if isinstance(one, RpcFailure)} == {"SLOT_TAKEN"}
        # Two advisers: any two that overlap take both. At least two and at most four fit between nine and eleven.
        assert 2 <= len(made) <= 4
        spans = [
            (when(one.start_time), when(one.end_time), one.adviser_resource_id, one.bay_resource_id) for one in made
        ]
        for index, (start, end, adviser, bay) in enumerate(spans):
            for other_start, other_end, other_adviser, other_bay in spans[index + 1 :]:
                if start < other_end and other_start < end:
                    assert adviser != other_adviser
                    assert bay != other_bay

    async def test_the_database_itself_refuses_a_double_booking(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=2)
        first = await diary.book(dealer, diary.at(9))
        second = await diary.book(dealer, diary.at(9))
        with pytest.raises(asyncpg.ExclusionViolationError):
            await diary.garage.sql(
                "UPDATE resource_bookings SET resource_id = $1 WHERE appointment_id = $2",
                first.bay_resource_id, second.appointment_id,
            )  # fmt: skip

    async def test_visits_that_change_places_at_once_do_not_lock_each_other_out(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=1)
        early, late = await diary.book(dealer, diary.at(9)), await diary.book(dealer, diary.at(10))
        answers = await asyncio.gather(
            diary.ask("MoveAppointment", appointment_id=early.appointment_id, start_time=diary.at(10)),
            diary.ask("MoveAppointment", appointment_id=late.appointment_id, start_time=diary.at(9)),
            return_exceptions=True,
        )
        assert [one.reason for one in answers if isinstance(one, RpcFailure)] == ["SLOT_TAKEN", "SLOT_TAKEN"]


class TestMove:
    async def test_it_takes_the_new_time_and_gives_the_old_one_back(self, diary: Any) -> None:
        dealer = await diary.make_station()
        made = await diary.book(dealer, diary.at(9))
        moved = await diary.ask(
            "MoveAppointment", appointment_id=made.appointment_id, start_time=diary.at(9, 30), etag=made.etag
        )
        assert (when(moved.start_time), moved.moves, moved.duration_minutes) == (diary.at(9, 30), 1, 60)
        (event,) = await diary.garage.events("AppointmentMoved", made.appointment_id)
        assert when(event.former_start_time) == diary.at(9)
        await diary.book(dealer, diary.at(9), duration_minutes=30)

    async def test_where_it_cannot_be_it_stays_as_it_was(self, diary: Any) -> None:
        dealer = await diary.make_station()
        made, other = await diary.book(dealer, diary.at(9)), await diary.book(dealer, diary.at(10))
        move = {"appointment_id": made.appointment_id}
        assert await refused(diary.ask("MoveAppointment", start_time=diary.at(10, 30), **move)) == "SLOT_TAKEN"
        assert await refused(diary.ask("MoveAppointment", start_time=diary.at(20), **move)) == "OUTSIDE_WORKING_HOURS"
        stale = {**move, "etag": '"v99"', "start_time": diary.at(11)}
        assert await refused(diary.ask("MoveAppointment", **stale)) == "ETAG_MISMATCH"
        after = await diary.ask("GetAppointment", appointment_id=made.appointment_id)
        assert after == made
        assert await refused(diary.book(dealer, diary.at(9))) == "SLOT_TAKEN"
        assert other.state == BOOKED


class TestEnds:
    async def test_what_was_cancelled_is_free_again_and_not_to_come(self, diary: Any) -> None:
        dealer = await diary.make_station()
        made = await diary.book(dealer, diary.at(9))
        end = {"appointment_id": made.appointment_id, "reason": "OWNER_CANCELLED"}
        assert (await diary.ask("CancelAppointment", **end)).state == CANCELLED
        assert await refused(diary.ask("CancelAppointment", **end)) == "APPOINTMENT_OVER"
        move = diary.ask("MoveAppointment", appointment_id=made.appointment_id, start_time=diary.at(10))
        assert await refused(move) == "APPOINTMENT_OVER"
        (event,) = await diary.garage.events("AppointmentCancelled", made.appointment_id)
        assert event.reason == "OWNER_CANCELLED"
        assert (await diary.book(dealer, diary.at(9), vin=made.vin)).state == BOOKED

    async def test_the_car_that_came_is_tied_to_its_visit(self, diary: Any) -> None:
        dealer = await diary.make_station()
        made = await diary.book(dealer, diary.at(9))
        order: repair_order_pb2.RepairOrder = await diary.garage.make_order(dealer, made.vin)
        other = await diary.garage.make_order(dealer, (await diary.garage.make_car()).vin)
        came = {"appointment_id": made.appointment_id}
        wrong = diary.ask("CheckInAppointment", repair_order_id=other.repair_order_id, **came)
        assert await refused(wrong) == "REPAIR_ORDER_NOT_FOUND"
        found = await diary.ask("CheckInAppointment", repair_order_id=order.repair_order_id, **came)
        assert (found.state, found.repair_order_id) == (ARRIVED, order.repair_order_id)
        assert await refused(diary.ask("CheckInAppointment", **came)) == "APPOINTMENT_OVER"

    async def test_time_reminds_once_and_then_says_that_nobody_came(self, diary: Any) -> None:
        dealer = await diary.make_station()
        made = await diary.book(dealer, diary.at(9))
        called_off = await diary.book(dealer, diary.at(10))
        await diary.ask("CancelAppointment", appointment_id=called_off.appointment_id, reason="NOT_NEEDED")
        await self.bring_forward(diary, made, called_off)

        async def missed() -> bool:
            found = await diary.ask("GetAppointment", appointment_id=made.appointment_id)
            return bool(found.state == MISSED)

        await until(missed, 15, "the appointment was not missed")
        for kind in ("AppointmentReminderDue", "AppointmentMissed"):
            assert len(await diary.garage.events(kind, made.appointment_id)) == 1
            assert await diary.garage.events(kind, called_off.appointment_id) == []
        taken = await diary.garage.sql("SELECT 1 FROM resource_bookings WHERE appointment_id = $1", made.appointment_id)
        assert taken == []
        late = await diary.ask("CheckInAppointment", appointment_id=made.appointment_id)
        assert late.state == ARRIVED

    async def test_a_visit_that_was_moved_is_not_missed_at_its_former_time(self, diary: Any) -> None:
        dealer = await diary.make_station()
        made = await diary.book(dealer, diary.at(9))
        await diary.garage.sql("UPDATE due_work SET due_time = now() WHERE key = $1", made.appointment_id)

        async def put_off() -> bool:
            rows = await diary.garage.sql(
                "SELECT min(due_time) > now() AS later FROM due_work WHERE key = $1", made.appointment_id
            )
            return bool(rows[0]["later"])

        await until(put_off, 15, "the work was not put off")
        assert (await diary.ask("GetAppointment", appointment_id=made.appointment_id)).state == BOOKED

    @staticmethod
    async def bring_forward(diary: Any, *made: Any) -> None:
        """Lets three days pass for some appointments."""
        ids = [uuid.UUID(one.appointment_id) for one in made]
        await diary.garage.sql(
            "UPDATE appointments SET start_time = now() - interval '2 hours', end_time = now() - interval '1 hour', "
            "remind_time = now() - interval '26 hours' WHERE appointment_id = ANY($1)", ids,
        )  # fmt: skip
        keys = [one.appointment_id for one in made]
        await diary.garage.sql("UPDATE due_work SET due_time = now() WHERE key = ANY($1)", keys)


class TestVisibility:
    async def test_a_station_sees_its_diary_and_an_owner_their_visits(self, diary: Any) -> None:
        dealer, other = await diary.make_station(bays=2), await diary.make_station()
        customer, garage = await diary.garage.make_customer(), diary.garage
        car = await garage.make_car()
        await garage.make_sale(dealer, car.vin, customer)
        owner = garage.client("owner", customer=customer)

        mine = await diary.book(other, diary.at(9), owner, vin=car.vin, customer_id=str(uuid.uuid4()))
        theirs = await diary.book(dealer, diary.at(9))
        assert mine.customer_id == customer

        async def seen(client: Any) -> list[str]:
            return [one.appointment_id for one in (await diary.ask("ListAppointments", client)).appointments]

        assert await seen(owner) == [mine.appointment_id]
        assert await seen(garage.client("dealer.service", dealers=[dealer])) == [theirs.appointment_id]
        assert await seen(garage.client("dealer.service", dealers=[other])) == [mine.appointment_id]
        get = diary.ask("GetAppointment", owner, appointment_id=theirs.appointment_id)
        assert await refused(get) == "APPOINTMENT_NOT_FOUND"
        assert await refused(diary.book(dealer, diary.at(10), owner)) == "VEHICLE_NOT_FOUND"
        move = {"appointment_id": mine.appointment_id, "start_time": diary.at(10)}
        assert (await diary.ask("MoveAppointment", owner, **move)).moves == 1
        technician = garage.client("dealer.technician", dealers=[other])
        shown = await diary.ask("GetAppointment", technician, appointment_id=mine.appointment_id)
        assert (shown.customer_id, "customer_id" in shown.masked_fields) == ("", True)

    async def test_a_list_is_read_in_pages_by_its_filters(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=1)
        made = [await diary.book(dealer, diary.at(hour)) for hour in (9, 10, 11)]
        found, token = [], ""
        while True:
            page = await diary.ask("ListAppointments", dealer_id=dealer, page_size=2, page_token=token)
            found += [one.appointment_id for one in page.appointments]
            token = page.next_page_token
            if not token:
                break
        assert found == [one.appointment_id for one in made]
        later = await diary.ask(
            "ListAppointments", dealer_id=dealer, start_time_from=diary.at(10), order_by="start_time desc"
        )
        assert [one.appointment_id for one in later.appointments] == [made[2].appointment_id, made[1].appointment_id]
