"""A customer's rights over what is held of them here, and campaigns of who has left."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure


class TestErasure:
    async def test_the_person_leaves_every_list_and_only_they(self, office: Any) -> None:
        gone, stays = str(uuid.uuid4()), str(uuid.uuid4())
        lists = [await office.make_list(gone, stays) for _ in range(2)]
        shown = await office.internal("PersonalData", "ExportPersonalData", customer_id=gone)
        assert len(shown) == 2

        person = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
        done = await office.internal("PersonalData", "ErasePersonalData", **person)

        assert await office.internal("PersonalData", "ErasePersonalData", **person) == done
        for one in lists:
            left = await office.call("GetAudienceList", audience_list_id=one.audience_list_id)
            assert left.member_count == 1
        assert not await office.internal("PersonalData", "ExportPersonalData", customer_id=gone)
        assert await office.internal("PersonalData", "ExportPersonalData", customer_id=stays)

    async def test_it_waits_for_a_message_that_is_being_handed_over_and_then_leaves_lines_of_nobody(
        self, office: Any
    ) -> None:
        person, campaign = str(uuid.uuid4()), await office.make()
        await office.sql(
            "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, occurrence, channel, state, lease_time, retry_time, "
            "create_time, update_time) SELECT gen_random_uuid(), $1, $2, n::text, 3, n, CASE WHEN n = 3 THEN now() END, "
            "CASE WHEN n = 1 THEN now() END, now(), now() FROM unnest(ARRAY[1, 3, 4]) AS n",
            campaign.campaign_id, person,
        )  # fmt: skip
        asked = {"customer_id": person, "erasure_id": str(uuid.uuid4())}
        with pytest.raises(RpcFailure) as refused:
            await office.internal("PersonalData", "ErasePersonalData", **asked)
        assert refused.value.reason == "SEND_UNDER_WAY"

        await office.sql("UPDATE campaign_sends SET state = 4, lease_time = NULL WHERE state = 3")
        done = await office.internal("PersonalData", "ErasePersonalData", **asked)
        rows = await office.sql("SELECT customer_id::text AS who, reason FROM campaign_sends WHERE campaign_id = $1",
                                campaign.campaign_id)  # fmt: skip

        assert dict(done.erased_counts) == {"campaign.send": 3}
        assert person not in {row["who"] for row in rows}
        assert sorted(row["reason"] for row in rows) == ["", "", "ERASED"]

    async def test_a_hold_keeps_them(self, office: Any) -> None:
        held = str(uuid.uuid4())
        await office.make_list(held)
        hold = {"customer_id": held, "hold_id": str(uuid.uuid4()), "reason": "COURT_ORDER"}
        await office.internal("PersonalData", "SetLegalHold", **hold)
        person = {"customer_id": held, "erasure_id": str(uuid.uuid4())}
        done = await office.internal("PersonalData", "ErasePersonalData", **person)

        assert [one.reason for one in done.retained] == ["COURT_ORDER"]

    async def test_runs_end_and_keep_no_person_and_no_car(self, office: Any) -> None:
        gone, stays = str(uuid.uuid4()), str(uuid.uuid4())
        campaign = await office.make(gone, stays, steps=[{"code": "one", "send": {}}])
        for number, who in enumerate((gone, stays)):
            await office.sql(
                "INSERT INTO campaign_runs (run_id, campaign_id, customer_id, subject, vin, due_date, state, step_time, wake_time, "
                "create_time, update_time) VALUES (gen_random_uuid(), $1, $2, $3, $3, '2027-01-01', 2, now(), now(), now(), now())",
                campaign.campaign_id, who, f"LVSHERAS0EE00000{number}",
            )  # fmt: skip
        shown = await office.internal("PersonalData", "ExportPersonalData", customer_id=gone)
        asked = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
        done = await office.internal("PersonalData", "ErasePersonalData", **asked)
        again = await office.internal("PersonalData", "ErasePersonalData", **asked)
        rows = await office.sql(
            "SELECT customer_id::text AS who, subject, vin, due_date, state, reason FROM campaign_runs WHERE campaign_id = $1",
            campaign.campaign_id,
        )
        left = [row for row in rows if row["who"] not in (gone, stays)]

        assert "campaign.run" in str(shown)
        assert done.erased_counts["campaign.run"] == 1
        assert again == done
        assert [(row["vin"], row["due_date"], row["state"], row["reason"]) for row in left] == [("", None, 4, "ERASED")]
        assert "LVSHERAS" not in left[0]["subject"]
        assert [row["state"] for row in rows if row["who"] == stays] == [2]

    async def test_the_place_goes_to_who_waits_and_no_row_keeps_the_person(self, office: Any) -> None:
        start = datetime.now(UTC) + timedelta(days=3)
        span = {"start_time": start.isoformat(), "end_time": (start + timedelta(hours=1)).isoformat(), "capacity": 1}
        given = {"name": "Day", "kind": 3, "place": "Hall", "time_zone": "Asia/Shanghai", "sessions": [span]}
        event = await office.call("CreateMarketingEvent", office.manager, marketing_event=given)
        key, session = event.marketing_event_id, event.sessions[0].session_id
        await office.call("AdvanceMarketingEvent", office.manager, marketing_event_id=key, state=2)
        gone, waits = str(uuid.uuid4()), str(uuid.uuid4())
        for who in (gone, waits):
            asked = {"marketing_event_id": key, "session_id": session, "customer_id": who}
            await office.call("RegisterForEvent", office.manager, **asked)

        erasure = {"customer_id": gone, "erasure_id": str(uuid.uuid4())}
        done = await office.internal("PersonalData", "ErasePersonalData", **erasure)
        listed = await office.call("ListEventRegistrations", office.manager, marketing_event_id=key)

        assert dict(done.erased_counts) == {"campaign.event_registration": 1}
        assert [one.state for one in listed.registrations] == [3, 1]
        assert gone not in {one.customer_id for one in listed.registrations}
        assert listed.registrations[1].customer_id == waits


class TestHandOver:
    async def test_open_campaigns_go_to_the_successor_and_those_that_are_over_stay(self, office: Any) -> None:
        leaver, heir = str(uuid.uuid4()), str(uuid.uuid4())
        open_one, over = await office.make(), await office.make()
        await office.do("Cancel", over)
        await office.sql("UPDATE campaigns SET author_staff_id = $1 WHERE campaign_id = ANY($2)", leaver,
                         [open_one.campaign_id, over.campaign_id])  # fmt: skip
        step = {"hand_over_id": str(uuid.uuid4()), "from_staff_id": leaver, "successor_staff_ids": [heir]}
        moved = await office.internal("HandOver", "HandOver", **step)

        assert [(one.kind, one.key) for one in moved.rows] == [("campaign.campaign", open_one.campaign_id)]
        rows = await office.sql("SELECT author_staff_id::text AS who FROM campaigns WHERE campaign_id = $1",
                                over.campaign_id)  # fmt: skip
        assert rows[0]["who"] == leaver
