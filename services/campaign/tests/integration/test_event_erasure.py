"""Somebody who is erased leaves the events that they registered for, and the place goes on."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import json_format
from servicekit import contract


async def call(office: Any, service: str, rpc: str, role: str = "oem.manager", **request: Any) -> Any:
    method = contract.methods(f"marque.campaign.v1.{service}Service")[rpc]
    message = json_format.ParseDict(request, method.input())
    return await office.client(role).call(f"campaign.v1.{service}Service/{rpc}", message)


class TestErasure:
    async def test_the_place_goes_to_who_waits_and_no_row_keeps_the_person(self, office: Any) -> None:
        start = datetime.now(UTC) + timedelta(days=3)
        span = {"start_time": start.isoformat(), "end_time": (start + timedelta(hours=1)).isoformat(), "capacity": 1}
        given = {"name": "Day", "kind": 3, "place": "Hall", "time_zone": "Asia/Shanghai", "sessions": [span]}
        event = await call(office, "MarketingEvent", "CreateMarketingEvent", marketing_event=given)
        key, session = event.marketing_event_id, event.sessions[0].session_id
        await call(office, "MarketingEvent", "AdvanceMarketingEvent", marketing_event_id=key, state=2)
        gone, waits = str(uuid.uuid4()), str(uuid.uuid4())
        for who in (gone, waits):
            asked = {"marketing_event_id": key, "session_id": session, "customer_id": who}
            await call(office, "EventRegistration", "RegisterForEvent", **asked)

        erasure = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
        done = await call(office, "CampaignPersonalData", "ErasePersonalData", "service", **erasure)
        listed = await call(office, "EventRegistration", "ListEventRegistrations", marketing_event_id=key)

        assert dict(done.erased_counts) == {"campaign.event_registration": 1}
        assert [one.state for one in listed.registrations] == [3, 1]
        assert gone not in {one.customer_id for one in listed.registrations}
        assert listed.registrations[1].customer_id == waits
