from __future__ import annotations

import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

RECALL = str(uuid.uuid4())
NOTICE = {"kind": "CAMPAIGN_KIND_RECALL_NOTICE", "legal_notice": True, "recall_id": RECALL, "audience_list_id": ""}


class TestWhatANoticeOfARecallMayBe:
    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"legal_notice": False}, "campaign.recall_id", "LEGAL_NOTICE_NEEDED"),
            ({"kind": "CAMPAIGN_KIND_NEWSLETTER"}, "campaign.legal_notice", "LEGAL_NOTICE_NOT_ALLOWED"),
            ({"trigger": "CAMPAIGN_RESPONSE_KIND_VISIT"}, "campaign.trigger", "RECALL_HAS_OWNERS"),
            ({"owners_time": "2036-01-01T00:00:00Z"}, "campaign.owners_time", "TIME_IN_FUTURE"),
            ({"due_date": {"date": "CAMPAIGN_DATE_BIRTHDAY"}}, "campaign.due_date", "RECALL_HAS_OWNERS"),
            ({"recall_id": "", "owners_time": "2026-01-01T00:00:00Z"}, "campaign.owners_time", "RECALL_MISSING"),
        ],
    )
    async def test_what_is_no_such_notice_is_refused_by_field(
        self, office: Any, fields: dict[str, Any], field: str, reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as refused:
            await office.make(**{**NOTICE, **fields})

        assert refused.value.code == "INVALID_ARGUMENT"
        assert refused.value.fields == {field: reason}

    async def test_it_goes_to_owners_alone_and_is_shown_as_it_was_given(self, office: Any) -> None:
        listed = await office.make_list()
        with pytest.raises(RpcFailure) as refused:
            await office.make(**{**NOTICE, "audience_list_id": listed.audience_list_id})
        made = await office.make(**{**NOTICE, "owners_time": "2026-01-01T00:00:00Z"})
        submitted = await office.do("Submit", made)

        assert refused.value.fields == {"campaign.audience_list_id": "RECALL_HAS_OWNERS"}
        assert (submitted.recall_id, submitted.owners_time.ToJsonString()) == (RECALL, "2026-01-01T00:00:00Z")
