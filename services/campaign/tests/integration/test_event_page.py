"""The page on which people register: by the link of a message, of their registration, or by what they type."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.clients.visitors import Visitor, document
from servicekit import contract
from servicekit.testing.client import RpcFailure
from tradekit import adf

CONFIRMED, WAITING, CANCELLED = 1, 2, 3
OPEN, CLOSED = 2, 3


async def call(post: Any, service: str, rpc: str, **request: Any) -> Any:
    method = contract.methods(f"marque.campaign.v1.{service}Service")[rpc]
    client = post.client("") if service == "EventPage" else post.marketing
    message = json_format.ParseDict(request, method.input())
    return await client.call(f"campaign.v1.{service}Service/{rpc}", message, timeout=60)


async def event_of(post: Any, capacity: int, **fields: Any) -> tuple[Any, str, str]:
    """An open event: itself, the token of its page, its session."""
    start = (datetime.now(UTC) + timedelta(hours=48)).replace(microsecond=0)
    end = start + timedelta(hours=1)
    span = {"start_time": start.isoformat(), "end_time": end.isoformat(), "capacity": capacity}
    given = {
        "name": "Open day", "kind": "MARKETING_EVENT_KIND_LAUNCH", "place": "Hall", "time_zone": "Asia/Shanghai",
        "sessions": [span], **fields,
    }  # fmt: skip
    made = await call(post, "MarketingEvent", "CreateMarketingEvent", marketing_event=given)
    await advance(post, made, OPEN)
    return made, made.page_path.rpartition("/")[2], made.sessions[0].session_id


async def advance(post: Any, event: Any, state: int) -> None:
    key = event.marketing_event_id
    await call(post, "MarketingEvent", "AdvanceMarketingEvent", marketing_event_id=key, state=state)


def visitor(session: str, **fields: Any) -> dict[str, Any]:
    typed = {"name": "Wang Xiaoming", "email": f"{uuid.uuid4().hex}@example.com", "contact_allowed": True}
    return {"session_id": session, **typed, **fields}


class TestStranger:
    async def test_who_comes_by_the_open_page_becomes_a_lead_once_and_gets_a_link_of_their_own(self, post: Any) -> None:
        event, token, session = await event_of(post, 1)
        before = await call(post, "EventPage", "GetEventPage", token=token)
        who = visitor(session)
        first = await call(post, "EventPage", "SaveEventPage", token=token, **who)
        again = await call(post, "EventPage", "SaveEventPage", token=token, **who)
        second = await call(post, "EventPage", "SaveEventPage", token=token, **visitor(session))

        assert (before.stranger, before.open, [one.free_count for one in before.sessions]) == (True, True, [1])
        assert (first.registration_state, first.stranger, first.changeable) == (CONFIRMED, False, True)
        assert (again.token, second.registration_state, second.waiting_place) == (first.token, WAITING, 1)
        rows = await post.platform.sql(
            "customer", "SELECT count(*) AS leads FROM lead_intakes WHERE sender_key LIKE 'id:marque-event:%'"
        )
        assert rows[0]["leads"] == 2
        listed = await call(
            post, "EventRegistration", "ListEventRegistrations", marketing_event_id=event.marketing_event_id
        )
        assert len(listed.registrations) == 2

    async def test_who_types_the_address_of_another_neither_sees_nor_changes_their_registration(
        self, post: Any
    ) -> None:
        _, token, session = await event_of(post, 4)
        who = visitor(session)
        own = await call(post, "EventPage", "SaveEventPage", token=token, **who)
        # Whether other words are the same person is the customer service's to say; either way they open nothing of the first.
        others = ({"name": "Somebody else"}, {"phone": "+8613912345678"})
        tried = await asyncio.gather(
            *(call(post, "EventPage", "SaveEventPage", token=token, **{**who, **other}) for other in others),
            return_exceptions=True,
        )
        refused = [one.reason for one in tried if isinstance(one, RpcFailure)]
        assert set(refused) <= {"EVENT_REGISTRATION_KNOWN"}
        assert own.token not in {one.token for one in tried if not isinstance(one, BaseException)}
        after = await call(post, "EventPage", "GetEventPage", token=own.token)
        assert after.registration_state == CONFIRMED

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"name": " "}, "name", "FIELD_REQUIRED"),
            ({"email": ""}, "email", "CONTACT_MISSING"),
            ({"email": "nobody"}, "email", "CONTACT_INVALID"),
            ({"contact_allowed": False}, "contact_allowed", "CONSENT_MISSING"),
            ({"session_id": ""}, "session_id", "FIELD_REQUIRED"),
        ],
    )
    async def test_what_is_missing_is_named(self, post: Any, fields: dict[str, Any], field: str, reason: str) -> None:
        _, token, session = await event_of(post, 2)
        with pytest.raises(RpcFailure) as refused:
            await call(post, "EventPage", "SaveEventPage", token=token, **{**visitor(session), **fields})

        assert refused.value.fields == {field: reason}

    async def test_nobody_becomes_a_lead_by_an_event_that_is_closed(self, post: Any) -> None:
        event, token, session = await event_of(post, 2)
        await advance(post, event, CLOSED)
        asked = visitor(session)
        with pytest.raises(RpcFailure) as refused:
            await call(post, "EventPage", "SaveEventPage", token=token, **asked)
        page = await call(post, "EventPage", "GetEventPage", token=token)

        assert (refused.value.reason, page.open) == ("EVENT_REGISTRATION_CLOSED", False)


class TestOwnLink:
    async def test_it_changes_and_takes_back_and_whoever_waits_moves_up(self, post: Any) -> None:
        _, token, session = await event_of(post, 2, most_guests=1)
        first = await call(post, "EventPage", "SaveEventPage", token=token, **visitor(session, guest_count=1))
        second = await call(post, "EventPage", "SaveEventPage", token=token, **visitor(session))
        fewer = await call(post, "EventPage", "SaveEventPage", token=first.token, session_id=session)
        moved = await call(post, "EventPage", "GetEventPage", token=second.token)
        gone = [await call(post, "EventPage", "SaveEventPage", token=first.token) for _ in range(2)]

        assert (first.guest_count, second.registration_state) == (1, WAITING)
        assert (fewer.guest_count, moved.registration_state, moved.waiting_place) == (0, CONFIRMED, 0)
        assert [one.registration_state for one in gone] == [CANCELLED] * 2
        assert fewer.calendar_sequence > first.calendar_sequence

    async def test_too_late_nobody_takes_back_by_themselves(self, post: Any) -> None:
        _, token, session = await event_of(post, 2, cancel_hours=72)
        own = await call(post, "EventPage", "SaveEventPage", token=token, **visitor(session))
        with pytest.raises(RpcFailure) as refused:
            await call(post, "EventPage", "SaveEventPage", token=own.token)

        assert (own.changeable, refused.value.reason) == (False, "EVENT_REGISTRATION_STATE")

    async def test_a_link_that_is_not_ours_or_of_a_draft_opens_nothing(self, post: Any) -> None:
        _, token, _ = await event_of(post, 1)
        draft = await call(
            post, "MarketingEvent", "CreateMarketingEvent",
            marketing_event={"name": "Later", "kind": 3, "time_zone": "Asia/Shanghai"},
        )  # fmt: skip
        swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
        for wrong in (swapped, token[:-1], token * 2, "é" * 44, draft.page_path.rpartition("/")[2]):
            with pytest.raises(RpcFailure) as refused:
                await call(post, "EventPage", "GetEventPage", token=wrong)
            assert refused.value.reason == "EVENT_LINK_UNKNOWN"


class TestDocument:
    @given(name=st.text(min_size=1, max_size=40), email=st.text(max_size=40), phone=st.text(max_size=20))
    def test_whatever_somebody_types_is_one_prospect_with_our_key(self, name: str, email: str, phone: str) -> None:
        found = adf.parse(document(Visitor("key-1", name, email, phone, "D1")), "")

        assert [one.ids[0] for one in found.prospects] == [("marque-event", "key-1")]
