"""Test drives at a running service: a car is given away once, whoever asks at the same moment; what follows a drive."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from marque.campaign.v1 import event_registration_events_pb2, marketing_event_pb2
from marque.customer.v1 import (
    demo_car_pb2,
    identity_service_pb2,
    interaction_service_pb2,
    lead_pb2,
    lead_service_pb2,
    test_drive_pb2,
)
from marque.customer.v1 import demo_car_service_pb2 as cars
from marque.customer.v1 import test_drive_service_pb2 as rpc
from marque.type.v1 import personal_data_pb2
from servicekit.testing.world import new_vin

LEADS, DRIVES = "customer.v1.LeadService", "customer.v1.TestDriveService"
HOUR = timedelta(hours=1)
WANTS = test_drive_pb2.TEST_DRIVE_OUTCOME_WANTS_IT
DONE, NO_SHOW = test_drive_pb2.TEST_DRIVE_STATE_DONE, test_drive_pb2.TEST_DRIVE_STATE_NO_SHOW
_HOURS = """INSERT INTO known_calendars (dealer_id, version, time_zone, week, fetch_time)
    SELECT $1, 3, 'Asia/Shanghai', jsonb_object_agg(day, '["09:00-18:00"]'::jsonb), now() FROM generate_series(1, 7) AS day"""


def opening(days: int = 2) -> datetime:
    """Nine in the morning in Shanghai, some days ahead."""
    return datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) + timedelta(days=days)


class Showroom:
    """A dealer with hours, two cars and an adviser."""

    def __init__(self, desk: Any, dealer: str) -> None:
        self.desk = desk
        self.dealer = dealer
        self.adviser = desk.dealer(dealer)
        self.manager = desk.dealer(dealer, "dealer.manager")
        self.cars: list[str] = []

    async def car(self) -> str:
        request = cars.CreateDemoCarRequest(demo_car=demo_car_pb2.DemoCar(vin=new_vin(), brand="Marque", model="One"))
        made = await self.manager.call("customer.v1.DemoCarService/CreateDemoCar", request)
        self.cars.append(made.demo_car_id)
        return str(made.demo_car_id)

    async def lead(self) -> Any:
        person = await self.desk.create(self.adviser)
        wish = lead_pb2.Lead(customer_id=person.customer_id, source=lead_pb2.LEAD_SOURCE_SHOWROOM)
        lead = await self.adviser.call(f"{LEADS}/CreateLead", lead_service_pb2.CreateLeadRequest(lead=wish))
        reached = lead_service_pb2.RecordLeadContactRequest(lead_id=lead.lead_id, reached=True)
        return await self.adviser.call(f"{LEADS}/RecordLeadContact", reached)

    async def book(self, lead_id: str, car: str, start: datetime, client: Any = None, minutes: int = 0) -> Any:
        request = rpc.BookTestDriveRequest(lead_id=lead_id, demo_car_id=car, duration_minutes=minutes)
        request.start_time.FromDatetime(start)
        return await (client or self.adviser).call(f"{DRIVES}/BookTestDrive", request)

    async def verb(self, name: str, drive: Any, **more: Any) -> Any:
        request = getattr(rpc, f"{name}Request")(test_drive_id=drive.test_drive_id, **more)
        return await self.adviser.call(f"{DRIVES}/{name}", request)

    async def begun(self, drive: Any) -> None:
        """Lets the time of a drive come."""
        change = (
            "UPDATE test_drives SET start_time = now() - interval '1 minute', end_time = now() WHERE test_drive_id = $1"
        )
        await self.desk.platform.sql("customer", change, uuid.UUID(drive.test_drive_id))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def showroom(desk: Any) -> AsyncIterator[Showroom]:
    dealer = await desk.known_dealer()
    await desk.platform.sql("customer", _HOURS, uuid.UUID(dealer))
    made = Showroom(desk, dealer)
    await made.car()
    await made.car()
    yield made


class TestBooking:
    async def test_of_many_who_book_one_car_at_once_one_has_it(self, showroom: Showroom) -> None:
        leads = [await showroom.lead() for _ in range(6)]
        asked = [
            showroom.book(lead.lead_id, showroom.cars[0], opening() + index * timedelta(minutes=10))
            for index, lead in enumerate(leads)
        ]
        told = await asyncio.gather(*asked, return_exceptions=True)

        assert sum(not isinstance(one, Exception) for one in told) == 1
        assert {one.reason for one in told if isinstance(one, showroom.desk.failure)} == {"DEMO_CAR_BOOKED"}

    async def test_the_database_itself_refuses_what_slipped_past_every_lock(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        drive = await showroom.book(lead.lead_id, showroom.cars[0], opening(3))
        double = """INSERT INTO test_drives SELECT gen_random_uuid(), version, create_time, update_time, lead_id, customer_id, dealer_id,
            demo_car_id, vin, adviser_staff_id, state, start_time + interval '59 minutes', end_time + interval '1 hour',
            calendar_version FROM test_drives WHERE test_drive_id = $1"""
        with pytest.raises(asyncpg.ExclusionViolationError):
            await showroom.desk.platform.sql("customer", double, uuid.UUID(drive.test_drive_id))

    async def test_one_after_another_fits_and_what_is_called_off_is_free_again(self, showroom: Showroom) -> None:
        lead, car, start = await showroom.lead(), showroom.cars[1], opening(4)
        first = await showroom.book(lead.lead_id, car, start)
        await showroom.book(lead.lead_id, car, start + HOUR)
        await showroom.verb("CancelTestDrive", first, reason="Rain")
        again = await showroom.book(lead.lead_id, car, start)

        assert again.state == test_drive_pb2.TEST_DRIVE_STATE_BOOKED
        assert again.calendar_version == 3

    async def test_slots_are_what_can_be_booked(self, showroom: Showroom) -> None:
        lead, start = await showroom.lead(), opening(5)
        await showroom.book(lead.lead_id, showroom.cars[0], start + HOUR)
        local = start + 8 * HOUR
        request = rpc.ListTestDriveSlotsRequest(
            from_date={"year": local.year, "month": local.month, "day": local.day}, demo_car_id=showroom.cars[0]
        )
        told = await showroom.adviser.call(f"{DRIVES}/ListTestDriveSlots", request)
        times = [slot.start_time.ToDatetime(UTC) for slot in told.slots]

        assert (told.time_zone, told.calendar_version) == ("Asia/Shanghai", 3)
        halves = [start + index * HOUR / 2 for index in range(17)]
        assert times == [half for half in halves if half + HOUR <= start + HOUR or half >= start + 2 * HOUR]
        assert (await showroom.book(lead.lead_id, showroom.cars[0], times[0])).test_drive_id

    @pytest.mark.parametrize(
        ("shift", "reason"),
        [
            (timedelta(hours=-1), "OUTSIDE_WORKING_HOURS"),
            (timedelta(hours=8, minutes=30), "OUTSIDE_WORKING_HOURS"),
            (timedelta(seconds=1), "TIME_NOT_A_MINUTE"),
            (timedelta(days=-30), "TIME_IN_PAST"),
            (timedelta(days=200), "TIME_TOO_FAR"),
            (datetime(9999, 12, 31, tzinfo=UTC) - datetime(2030, 1, 1, tzinfo=UTC), "TIME_TOO_FAR"),
        ],
    )
    async def test_a_time_that_cannot_be_is_refused(self, showroom: Showroom, shift: timedelta, reason: str) -> None:
        lead = await showroom.lead()
        with pytest.raises(showroom.desk.failure) as refused:
            await showroom.book(lead.lead_id, showroom.cars[1], opening(6) + shift)
        assert reason in (refused.value.reason, *refused.value.fields.values())

    async def test_a_car_of_another_fleet_or_out_of_the_fleet_is_not_given(self, showroom: Showroom) -> None:
        other = Showroom(showroom.desk, await showroom.desk.known_dealer())
        foreign, mine, lead = await other.car(), await showroom.car(), await showroom.lead()
        off = cars.UpdateDemoCarRequest(
            demo_car=demo_car_pb2.DemoCar(demo_car_id=mine, active=False), update_mask={"paths": ["active"]}
        )
        await showroom.manager.call("customer.v1.DemoCarService/UpdateDemoCar", off)
        for car, reason in ((foreign, "DEMO_CAR_NOT_FOUND"), (mine, "DEMO_CAR_INACTIVE")):
            with pytest.raises(showroom.desk.failure) as refused:
                await showroom.book(lead.lead_id, car, opening(7))
            assert refused.value.reason == reason
        unknown = await other.lead()
        with pytest.raises(showroom.desk.failure) as early:
            await other.book(unknown.lead_id, foreign, opening(7))
        assert early.value.reason == "DEALER_HOURS_UNKNOWN"

    async def test_a_car_stands_in_one_fleet_and_nobody_learns_in_whose(self, showroom: Showroom) -> None:
        vin = new_vin()
        request = cars.CreateDemoCarRequest(demo_car=demo_car_pb2.DemoCar(vin=vin))
        await showroom.manager.call("customer.v1.DemoCarService/CreateDemoCar", request)
        other = showroom.desk.dealer(await showroom.desk.known_dealer(), "dealer.manager")
        with pytest.raises(showroom.desk.failure) as taken:
            await other.call("customer.v1.DemoCarService/CreateDemoCar", request)
        assert taken.value.reason == "DEMO_CAR_TAKEN"
        assert vin not in str(taken.value)


class TestCourse:
    async def test_from_booking_to_the_time_line(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        booked = await showroom.book(lead.lead_id, await showroom.car(), opening(8))
        confirmed = await showroom.verb("ConfirmTestDrive", booked, etag=booked.etag)
        with pytest.raises(showroom.desk.failure) as stale:
            await showroom.verb("CancelTestDrive", booked, reason="No", etag=booked.etag)
        await showroom.begun(confirmed)
        with pytest.raises(showroom.desk.failure) as unseen:
            await showroom.verb("CompleteTestDrive", confirmed, outcome=WANTS)
        seen = await showroom.verb("CheckTestDriveLicence", confirmed)
        done = await showroom.verb("CompleteTestDrive", seen, outcome=WANTS, note="喜欢")
        line = await showroom.adviser.call(
            "customer.v1.InteractionService/ListInteractions",
            interaction_service_pb2.ListInteractionsRequest(customer_id=lead.customer_id),
        )
        got = await showroom.adviser.call(f"{LEADS}/GetLead", lead_service_pb2.GetLeadRequest(lead_id=lead.lead_id))

        assert (stale.value.reason, unseen.value.reason) == ("ETAG_MISMATCH", "LICENCE_NOT_CHECKED")
        assert seen.HasField("licence_check_time")
        assert (done.state, done.outcome, done.note) == (test_drive_pb2.TEST_DRIVE_STATE_DONE, WANTS, "喜欢")
        assert got.stage == lead_pb2.LEAD_STAGE_TEST_DRIVE
        (touch,) = [one for one in line.interactions if one.subject_key == "test_drive.done"]
        assert (touch.reference_id, dict(touch.subject_params)) == (booked.test_drive_id, {"outcome": "WANTS_IT"})
        assert len(await showroom.desk.events("TestDriveBooked", booked.test_drive_id)) == 1
        assert len(await showroom.desk.events("TestDriveStateChanged", booked.test_drive_id)) == 2

    async def test_who_does_not_come_frees_the_car_and_is_noted(self, showroom: Showroom) -> None:
        lead, start, car = await showroom.lead(), opening(9), await showroom.car()
        drive = await showroom.book(lead.lead_id, car, start)
        with pytest.raises(showroom.desk.failure) as early:
            await showroom.verb("MissTestDrive", drive)
        await showroom.begun(drive)
        missed = await showroom.verb("MissTestDrive", drive)

        assert early.value.reason == "TEST_DRIVE_TO_COME"
        assert missed.state == test_drive_pb2.TEST_DRIVE_STATE_NO_SHOW
        assert (await showroom.book(lead.lead_id, car, start)).test_drive_id

    async def test_a_move_that_cannot_be_leaves_all_as_it_was(self, showroom: Showroom) -> None:
        lead, start = await showroom.lead(), opening(10)
        drive = await showroom.book(lead.lead_id, showroom.cars[0], start)
        await showroom.book(lead.lead_id, showroom.cars[1], start)
        wanted = rpc.MoveTestDriveRequest(test_drive_id=drive.test_drive_id, demo_car_id=showroom.cars[1])
        wanted.start_time.FromDatetime(start + HOUR / 2)
        with pytest.raises(showroom.desk.failure) as refused:
            await showroom.adviser.call(f"{DRIVES}/MoveTestDrive", wanted)
        kept = await showroom.adviser.call(
            f"{DRIVES}/GetTestDrive", rpc.GetTestDriveRequest(test_drive_id=drive.test_drive_id)
        )
        wanted.start_time.FromDatetime(start + HOUR)
        moved = await showroom.adviser.call(f"{DRIVES}/MoveTestDrive", wanted)

        assert refused.value.reason == "DEMO_CAR_BOOKED"
        assert kept == drive
        assert (moved.demo_car_id, moved.moves) == (showroom.cars[1], 1)
        assert len(await showroom.desk.events("TestDriveMoved", drive.test_drive_id)) == 1

    async def test_lists_show_a_dealer_its_own_page_by_page(self, showroom: Showroom) -> None:
        lead = await showroom.lead()
        made = [await showroom.book(lead.lead_id, showroom.cars[0], opening(11 + day)) for day in range(3)]

        async def listed(client: Any, **wanted: Any) -> list[str]:
            found, token = [], ""
            while True:
                request = rpc.ListTestDrivesRequest(page_size=2, page_token=token, **wanted)
                page = await client.call(f"{DRIVES}/ListTestDrives", request)
                found += [one.test_drive_id for one in page.test_drives]
                token = page.next_page_token
                if not token:
                    return found

        ids = [one.test_drive_id for one in made]
        assert await listed(showroom.adviser, lead_id=lead.lead_id) == ids
        assert await listed(showroom.manager, customer_id=lead.customer_id, order_by="start_time desc") == ids[::-1]
        assert await listed(showroom.desk.dealer(await showroom.desk.known_dealer()), lead_id=lead.lead_id) == []


class Fair:
    """An event of test drives, as the campaign service tells of it."""

    def __init__(self, showroom: Showroom, publisher: Any, dealer: str) -> None:
        self.showroom, self.publisher, self.dealer = showroom, publisher, dealer
        self.event, self.start = str(uuid.uuid4()), opening(-1)

    async def tell(self, person: str, registration: str, version: int, came: bool, **more: Any) -> None:
        """Says of somebody whether they came; a version above the second is a correction."""
        values = {
            "registration_id": registration, "marketing_event_id": self.event, "session_id": str(uuid.uuid4()),
            "customer_id": person, "dealer_id": self.dealer, "kind": marketing_event_pb2.MARKETING_EVENT_KIND_TEST_DRIVE,
            "start_time": stamp(self.start), "end_time": stamp(self.start + 2 * HOUR), "corrected": version > 2, **more,
        }  # fmt: skip
        event = event_registration_events_pb2.EventAttendanceRecorded(attended=came, **values)
        await self.publisher.heard(event, version)

    async def drives(self, client: Any = None, **wanted: Any) -> list[Any]:
        """The drives of the event that somebody sees."""
        request = rpc.ListTestDrivesRequest(**(wanted or {"marketing_event_id": self.event}))
        return list((await (client or self.showroom.desk.agent).call(f"{DRIVES}/ListTestDrives", request)).test_drives)

    async def said(self, person: str) -> list[Any]:
        """What the person's time line says of test drives."""
        request = interaction_service_pb2.ListInteractionsRequest(customer_id=person)
        line = await self.showroom.desk.agent.call("customer.v1.InteractionService/ListInteractions", request)
        return [
            (one.subject_key, dict(one.subject_params))
            for one in line.interactions
            if one.reference_type == "customer.test_drive"
        ]


def stamp(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


@pytest.fixture
def fair(showroom: Showroom, publisher: Any) -> Fair:
    return Fair(showroom, publisher, showroom.dealer)


class TestAtEvents:
    async def test_who_came_has_driven_once_whatever_is_said_again_late_or_put_right(
        self, showroom: Showroom, fair: Fair
    ) -> None:
        desk, vin, registration = showroom.desk, new_vin(), str(uuid.uuid4())
        person = (await desk.create()).customer_id
        for _ in range(2):
            await fair.tell(person, registration, 2, True, vin=vin)
        (drive,) = await fair.drives(showroom.adviser)
        assert (drive.state, drive.vin, drive.customer_id, drive.dealer_id) == (DONE, vin, person, showroom.dealer)
        assert (drive.lead_id, drive.demo_car_id, drive.event_registration_id) == ("", "", registration)
        assert (drive.start_time.ToDatetime(UTC), drive.end_time.ToDatetime(UTC)) == (fair.start, fair.start + 2 * HOUR)
        params = {"marketing_event_id": fair.event}
        assert await fair.said(person) == [("test_drive.done", params)]

        await fair.tell(person, registration, 3, False)
        await fair.tell(person, registration, 2, True)  # comes late
        assert [one.state for one in await fair.drives(customer_id=person)] == [NO_SHOW]
        assert await fair.said(person) == [("test_drive.missed", params)]

        await fair.tell(person, registration, 4, True)
        assert [(one.state, one.vin) for one in await fair.drives()] == [(DONE, vin)]
        assert await fair.said(person) == [("test_drive.done", params)]
        assert len(await desk.events("TestDriveStateChanged", drive.test_drive_id)) == 3
        assert await fair.drives(desk.dealer(await desk.known_dealer())) == []
        assert not await desk.sees(showroom.adviser, person), "an attendance is no way to see anybody"
        for verb, given in (("MoveTestDrive", {"start_time": stamp(opening())}), ("MissTestDrive", {})):
            with pytest.raises(desk.failure) as over:
                await showroom.verb(verb, drive, **given)
            assert over.value.reason == "TEST_DRIVE_OVER"

    async def test_what_is_no_drive_of_anybody_known_leaves_nothing(self, showroom: Showroom, fair: Fair) -> None:
        person, late = (await showroom.desk.create()).customer_id, str(uuid.uuid4())
        await fair.tell(person, late, 3, False)  # a correction before what it corrects
        await fair.tell(person, late, 2, True)
        for who, came, more in (
            (person, True, {"kind": marketing_event_pb2.MARKETING_EVENT_KIND_LAUNCH}),
            (person, True, {"start_time": None}),
            (person, False, {}),
            (str(uuid.uuid4()), True, {}),
        ):
            await fair.tell(who, str(uuid.uuid4()), 2, came, **more)

        (drive,) = await fair.drives()
        assert (drive.event_registration_id, drive.state) == (late, NO_SHOW)
        assert await fair.said(person) == []
        assert await showroom.desk.events("TestDriveStateChanged", drive.test_drive_id) == []

    async def test_of_an_event_of_the_maker_no_dealer_sees_who_drove(self, showroom: Showroom, publisher: Any) -> None:
        fair, lead = Fair(showroom, publisher, ""), await showroom.lead()
        await fair.tell(lead.customer_id, str(uuid.uuid4()), 2, True)

        (drive,) = await fair.drives()
        assert (drive.state, drive.dealer_id, drive.lead_id) == (DONE, "", "")
        assert await fair.drives(showroom.manager) == []

    async def test_the_open_lead_at_that_dealer_has_the_drive_whoever_is_merged_or_erased(
        self, showroom: Showroom, fair: Fair
    ) -> None:
        desk, lead = showroom.desk, await showroom.lead()
        other = Showroom(desk, await desk.known_dealer())
        wish = lead_pb2.Lead(customer_id=lead.customer_id, source=lead_pb2.LEAD_SOURCE_SHOWROOM)
        await desk.agent.call(
            f"{LEADS}/CreateLead", lead_service_pb2.CreateLeadRequest(lead=wish, dealer_id=other.dealer)
        )
        twin, registration = (await desk.create()).customer_id, str(uuid.uuid4())
        merge = identity_service_pb2.MergeCustomersRequest(
            customer_id=lead.customer_id, from_customer_id=twin, reasons=["SAME_PHONE"]
        )
        await desk.agent.call("customer.v1.IdentityService/MergeCustomers", merge)
        await fair.tell(twin, registration, 2, True)

        (drive,) = await fair.drives(showroom.adviser, lead_id=lead.lead_id)
        assert (drive.customer_id, drive.state) == (twin, DONE)
        assert [one.test_drive_id for one in await fair.drives(customer_id=lead.customer_id)] == [drive.test_drive_id]
        got = await showroom.adviser.call(f"{LEADS}/GetLead", lead_service_pb2.GetLeadRequest(lead_id=lead.lead_id))
        assert got.stage == lead_pb2.LEAD_STAGE_TEST_DRIVE
        told = personal_data_pb2.ExportPersonalDataRequest(customer_id=twin)
        stream = desk.service.stream("customer.v1.CustomerPersonalDataService/ExportPersonalData", told)
        assert drive.test_drive_id in {one.record_id async for one in stream if one.kind == "customer.test_drive"}

        for who in (lead.customer_id, twin):
            erasure = personal_data_pb2.ErasePersonalDataRequest(customer_id=who, erasure_id=str(uuid.uuid4()))
            await desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", erasure)
        await fair.tell(twin, registration, 5, True)
        assert await fair.drives() == []
