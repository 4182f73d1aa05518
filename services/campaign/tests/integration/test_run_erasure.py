"""A customer's rights over where they stand in the steps of campaigns."""

from __future__ import annotations

import uuid
from typing import Any


class TestErasure:
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
