"""Events that people register for: seats under races and kills, the waiting list, changes, and who came."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

CONFIRMED, WAITING, CANCELLED, ATTENDED, NO_SHOW = range(1, 6)
OPEN, CLOSED, HELD, CALLED_OFF = range(2, 6)


class Fair:
    """Events of the office that is started."""

    def __init__(self, office: Any) -> None:
        self.office = office

    async def call(self, rpc: str, client: Any = None, **request: Any) -> Any:
        for name in ("MarketingEventService", "EventRegistrationService"):
            method = contract.methods(f"marque.campaign.v1.{name}").get(rpc)
            if method is not None:
                message = json_format.ParseDict(request, method.input())
                return await (client or self.office.marketing).call(f"campaign.v1.{name}/{rpc}", message)
        raise KeyError(rpc)

    async def make(self, *capacities: int, hours: float = 48, opened: bool = True, **fields: Any) -> Any:
        """An event with sessions of some capacities, a day apart, the first of which begins in some hours."""
        first = datetime.now(UTC) + timedelta(hours=hours)
        sessions = [span(first + timedelta(days=day), capacity) for day, capacity in enumerate(capacities)]
        given = {
            "name": "Drive day", "kind": "MARKETING_EVENT_KIND_TEST_DRIVE", "place": "Track", "time_zone": "Asia/Shanghai",
            "sessions": sessions, **fields,
        }  # fmt: skip
        made = await self.call("CreateMarketingEvent", marketing_event=given)
        if opened:
            made = await self.advance(made, OPEN)
        return made

    async def advance(self, event: Any, state: int, **request: Any) -> Any:
        return await self.call(
            "AdvanceMarketingEvent", marketing_event_id=event.marketing_event_id, state=state, **request
        )

    async def register(self, event: Any, person: str = "", session: int = 0, **request: Any) -> Any:
        return await self.call(
            "RegisterForEvent", marketing_event_id=event.marketing_event_id,
            session_id=event.sessions[session].session_id, customer_id=person or str(uuid.uuid4()), **request,
        )  # fmt: skip

    async def settle(self, one: Any, state: int, **request: Any) -> Any:
        return await self.call("SettleEventRegistration", registration_id=one.registration_id, state=state, **request)

    async def states(self, event: Any) -> list[int]:
        """The states of all registrations, in the order of arrival, over pages of three."""
        found, token = [], ""
        while True:
            page = await self.call(
                "ListEventRegistrations", marketing_event_id=event.marketing_event_id, page_size=3, page_token=token
            )
            found += [one.state for one in page.registrations]
            token = page.next_page_token
            if not token:
                return found

    async def taken(self, event: Any) -> list[int]:
        found = await self.call("GetMarketingEvent", marketing_event_id=event.marketing_event_id)
        return [one.taken_count for one in found.sessions]

    async def told(self, kind: str, key: str) -> int:
        """How often an event of a kind was said about a registration."""
        rows = await self.office.sql(
            "SELECT count(*) AS n FROM outbox_messages WHERE event_type LIKE '%' || $1 AND aggregate_id = $2", kind, key
        )
        return int(rows[0]["n"])


def span(start: datetime, capacity: int, **more: Any) -> dict[str, Any]:
    end = start + timedelta(hours=2)
    return {"start_time": start.isoformat(), "end_time": end.isoformat(), "capacity": capacity, **more}


@pytest.fixture
def fair(office: Any) -> Fair:
    return Fair(office)


class TestSeats:
    async def test_of_many_at_once_exactly_as_many_as_there_are_seats_get_one(self, fair: Fair) -> None:
        event = await fair.make(4)
        made = await asyncio.gather(*(fair.register(event) for _ in range(12)))

        by_arrival = [one.state for one in sorted(made, key=lambda one: one.arrival_number)]
        assert by_arrival == [CONFIRMED] * 4 + [WAITING] * 8
        assert len({one.arrival_number for one in made}) == 12
        assert await fair.states(event) == by_arrival
        assert await fair.taken(event) == [4]

    async def test_each_that_leaves_gives_the_place_to_exactly_the_first_who_waits(self, fair: Fair) -> None:
        event = await fair.make(3)
        people = [await fair.register(event) for _ in range(8)]
        await asyncio.gather(*(fair.settle(one, CANCELLED) for one in people[:2]))

        assert await fair.states(event) == [CANCELLED] * 2 + [CONFIRMED] * 3 + [WAITING] * 3
        assert [await fair.told("EventRegistered", one.registration_id) for one in people] == [1] * 5 + [0] * 3
        assert await fair.taken(event) == [3]

    async def test_leaving_while_others_come_never_gives_a_seat_twice(self, fair: Fair) -> None:
        event = await fair.make(5)
        people = [await fair.register(event) for _ in range(6)]
        await asyncio.gather(
            *(fair.settle(one, CANCELLED) for one in people[:4]), *(fair.register(event) for _ in range(6))
        )

        states = Counter(await fair.states(event))
        assert states == {CANCELLED: 4, CONFIRMED: 5, WAITING: 3}
        assert await fair.taken(event) == [5]

    async def test_guests_take_seats_and_nobody_overtakes_a_party_that_waits(self, fair: Fair) -> None:
        event = await fair.make(4, most_guests=3)
        first = await fair.register(event, guest_count=2)
        party = await fair.register(event, guest_count=1)
        single = await fair.register(event)
        assert [one.state for one in (first, party, single)] == [CONFIRMED, WAITING, WAITING]

        await fair.register(event, first.customer_id, guest_count=1)
        assert await fair.states(event) == [CONFIRMED, CONFIRMED, WAITING]
        with pytest.raises(RpcFailure) as refused:
            await fair.register(event, guest_count=4)
        assert refused.value.fields == {"guest_count": "GUESTS_TOO_MANY"}

    async def test_the_same_person_again_is_the_same_registration(self, fair: Fair) -> None:
        event, person = await fair.make(2), str(uuid.uuid4())
        made = await asyncio.gather(*(fair.register(event, person) for _ in range(6)))

        assert len({one.registration_id for one in made}) == 1
        assert await fair.taken(event) == [1]
        gone = await fair.settle(made[0], CANCELLED)
        again = await fair.register(event, person)
        assert (gone.state, again.state, again.registration_id) == (CANCELLED, CONFIRMED, made[0].registration_id)
        assert again.arrival_number > made[0].arrival_number


class TestChange:
    async def test_who_changes_the_session_frees_the_place_and_keeps_it_where_there_is_none(self, fair: Fair) -> None:
        event = await fair.make(1, 1)
        one, other, waits = [await fair.register(event, session=at) for at in (0, 1, 0)]
        with pytest.raises(RpcFailure) as refused:
            await fair.register(event, one.customer_id, session=1)
        assert refused.value.reason == "EVENT_SESSION_FULL"
        assert await fair.taken(event) == [1, 1]

        await fair.settle(other, CANCELLED)
        moved = await fair.register(event, one.customer_id, session=1)
        listed = await fair.call("ListEventRegistrations", marketing_event_id=event.marketing_event_id, state=CONFIRMED)

        assert (moved.state, await fair.taken(event)) == (CONFIRMED, [1, 1])
        assert {found.registration_id for found in listed.registrations} == {one.registration_id, waits.registration_id}

    async def test_more_seats_move_up_those_who_wait_and_fewer_than_taken_are_refused(self, fair: Fair) -> None:
        event = await fair.make(1)
        for _ in range(4):
            await fair.register(event)
        key, kept = event.sessions[0].session_id, event.sessions[0].start_time.ToDatetime(UTC)
        update = {"marketing_event_id": event.marketing_event_id, "sessions": [span(kept, 3, session_id=key)]}
        made = await fair.call("UpdateMarketingEvent", marketing_event=update, update_mask="sessions")

        assert (made.sessions[0].capacity, made.sessions[0].taken_count) == (3, 3)
        for sessions in ([span(kept, 2, session_id=key)], []):
            with pytest.raises(RpcFailure) as refused:
                await fair.call(
                    "UpdateMarketingEvent", marketing_event={**update, "sessions": sessions}, update_mask="sessions"
                )
            assert refused.value.reason == "EVENT_SESSION_TAKEN"
        assert await fair.states(event) == [CONFIRMED] * 3 + [WAITING]

    async def test_an_event_that_is_called_off_ends_every_registration_once(self, fair: Fair) -> None:
        event = await fair.make(2)
        people = [await fair.register(event) for _ in range(3)]
        await fair.advance(event, CALLED_OFF)

        async def over() -> bool:
            return await fair.states(event) == [CANCELLED] * 3

        await until(over, 20, "the registrations are not ended")
        assert [await fair.told("RegistrationCancelled", one.registration_id) for one in people] == [1] * 3
        for refused_by in (fair.register(event), fair.advance(event, OPEN)):
            with pytest.raises(RpcFailure) as refused:
                await refused_by
            assert refused.value.reason in ("EVENT_REGISTRATION_CLOSED", "MARKETING_EVENT_STATE")


class TestAttendance:
    async def test_who_came_is_said_once_and_corrected_and_counts_as_a_drive(self, fair: Fair) -> None:
        event = await fair.make(3, hours=1)
        came, missed = await fair.register(event), await fair.register(event)
        await fair.settle(came, ATTENDED)
        with pytest.raises(RpcFailure) as early:
            await fair.settle(missed, NO_SHOW)
        assert early.value.reason == "EVENT_REGISTRATION_STATE"
        await fair.office.sql(
            "UPDATE event_sessions SET start_time = now() - interval '1 minute' WHERE marketing_event_id = $1",
            event.marketing_event_id,
        )
        await fair.settle(missed, NO_SHOW)
        held = await fair.advance(event, HELD)

        assert (held.state, await fair.states(event)) == (HELD, [ATTENDED, NO_SHOW])
        told = [await fair.told("EventAttendanceRecorded", one.registration_id) for one in (came, missed)]
        assert told == [1, 1]

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"time_zone": "Mars/Base"}, "marketing_event.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"time_zone": "../etc"}, "marketing_event.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"name": "  "}, "marketing_event.name", "FIELD_REQUIRED"),
        ],
    )
    async def test_what_makes_no_sense_is_refused_by_name(
        self, fair: Fair, fields: dict[str, Any], field: str, reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as refused:
            await fair.make(1, **fields)

        assert refused.value.fields == {field: reason}

    async def test_nobody_registers_for_a_draft_and_an_empty_one_does_not_open(self, fair: Fair) -> None:
        draft = await fair.make(1, opened=False)
        with pytest.raises(RpcFailure) as refused:
            await fair.register(draft)
        assert refused.value.reason == "EVENT_REGISTRATION_CLOSED"

        with pytest.raises(RpcFailure) as incomplete:
            await fair.make(place="")
        assert incomplete.value.reason == "MARKETING_EVENT_INCOMPLETE"
