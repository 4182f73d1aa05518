"""Campaigns through their verbs, templates and lists, on a real database."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure


async def refused(call: Any, reason: str) -> RpcFailure:
    with pytest.raises(RpcFailure) as failure:
        await call
    assert reason in {failure.value.reason, *failure.value.fields.values()}, failure.value
    return failure.value


class TestReview:
    async def test_what_was_submitted_is_sent_whatever_becomes_of_its_template(self, office: Any) -> None:
        template = await office.make_template()
        made = await office.make(template_id=template.template_id)
        submitted = await office.do("Submit", made)
        words = [{"language": "en", "subject": "Other", "text": "Other"}]
        key = template.template_id
        await office.call("UpdateMessageTemplate", template={"template_id": key, "contents": words})

        (row,) = await office.sql("SELECT frozen::text AS f FROM campaigns WHERE campaign_id = $1", made.campaign_id)
        assert "Dear {{ name }}" in row["f"]
        assert submitted.template_version == 1
        await refused(_rename(office, made), "CAMPAIGN_STATE")

    async def test_the_writer_cannot_approve_and_somebody_else_can(self, office: Any) -> None:
        made = await office.make()
        await refused(office.do("Approve", made, office.manager), "CAMPAIGN_STATE")
        await office.do("Submit", made)
        await refused(office.do("Approve", made), "CAMPAIGN_SAME_PERSON")

        assert (await office.do("Approve", made, office.manager)).state == 3

    async def test_who_only_submitted_what_another_wrote_cannot_approve_it_either(self, office: Any) -> None:
        made = await office.make(client=office.manager)
        await office.do("Submit", made)

        await refused(office.do("Approve", made), "CAMPAIGN_SAME_PERSON")
        await refused(office.do("Approve", made, office.manager), "CAMPAIGN_SAME_PERSON")

    async def test_sent_back_it_is_a_draft_that_must_be_reviewed_again(self, office: Any) -> None:
        approved = await office.approved()
        back = await office.do("SendBack", approved)
        await _rename(office, back)

        assert (back.state, back.template_version) == (1, 0)
        await refused(office.do("Schedule", back), "CAMPAIGN_STATE")

    async def test_a_draft_that_lacks_something_names_it(self, office: Any) -> None:
        made = await office.call("CreateCampaign", campaign={"name": "x", "kind": 1})
        failure = await refused(office.do("Submit", made), "CAMPAIGN_INCOMPLETE")
        assert "channel, purpose, template_id, audience_list_id" in str(failure)

    async def test_a_value_that_the_template_needs_must_be_given(self, office: Any) -> None:
        words = [{"language": "en", "subject": "s", "text": "{{ code }}"}]
        template = await office.make_template(variables=[{"name": "code"}], contents=words)
        made = await office.make(template_id=template.template_id)
        await refused(office.do("Submit", made), "TEMPLATE_VALUE_MISSING")
        values = {"campaign_id": made.campaign_id, "values": [{"name": "code", "value": "A1"}]}
        await office.call("UpdateCampaign", campaign=values)

        assert (await office.do("Submit", made)).state == 2

    async def test_two_who_decide_at_once_are_told_apart_by_the_etag(self, office: Any) -> None:
        made = await office.approved()
        calls = [office.do(verb, made, etag=made.etag) for verb in ("Schedule", "Cancel", "SendBack")]
        found = await asyncio.gather(*calls, return_exceptions=True)

        assert sorted(one.reason for one in found if isinstance(one, RpcFailure)) == ["ETAG_MISMATCH"] * 2

    async def test_a_retry_gives_the_first_answer(self, office: Any) -> None:
        made, key = await office.make(), str(uuid.uuid4())
        first = await office.do("Submit", made, request_id=key)

        assert await office.do("Submit", made, request_id=key) == first


async def _rename(office: Any, made: Any) -> Any:
    return await office.call("UpdateCampaign", campaign={"campaign_id": made.campaign_id, "name": "Other"})


class TestScope:
    async def test_a_dealer_has_its_own_and_may_use_and_not_change_the_makers_words(self, office: Any) -> None:
        mine, other = await office.make_dealer(), await office.make_dealer()
        dealer = office.client("dealer.manager", dealers=[mine])
        template = await office.make_template()
        made = await office.make(client=dealer, template_id=template.template_id)
        theirs = await office.make(dealer_id=other, audience_list_id="", template_id=template.template_id)
        listed = await office.call("ListCampaigns", dealer)

        assert made.dealer_id == mine
        assert [one.campaign_id for one in listed.campaigns] == [made.campaign_id]
        await refused(office.call("GetCampaign", dealer, campaign_id=theirs.campaign_id), "CAMPAIGN_NOT_FOUND")
        change = {"template_id": template.template_id, "name": "Mine"}
        await refused(office.call("UpdateMessageTemplate", dealer, template=change), "TEMPLATE_NOT_FOUND")
        makers = await office.make_list()
        values = {"campaign_id": made.campaign_id, "audience_list_id": makers.audience_list_id}
        await refused(office.call("UpdateCampaign", dealer, campaign=values), "AUDIENCE_LIST_NOT_FOUND")

    async def test_only_the_maker_says_that_the_law_demands_it(self, office: Any) -> None:
        mine = await office.make_dealer()
        dealer = office.client("dealer.manager", dealers=[mine])
        notice = {"name": "x", "kind": "CAMPAIGN_KIND_RECALL_NOTICE", "legal_notice": True}

        await refused(office.call("CreateCampaign", dealer, campaign=notice), "LEGAL_NOTICE_NOT_ALLOWED")
        await refused(
            office.call("CreateCampaign", campaign={**notice, "kind": "CAMPAIGN_KIND_NEWSLETTER"}),
            "LEGAL_NOTICE_NOT_ALLOWED",
        )
        assert (await office.call("CreateCampaign", campaign=notice)).legal_notice


class TestTemplates:
    async def test_every_fault_is_named_with_its_field(self, office: Any) -> None:
        contents = [
            {"language": "en", "subject": "", "text": "{{ other }}"},
            {"language": "EN", "subject": "s", "text": "{% for x in y %}{% endfor %}"},
        ]
        with pytest.raises(RpcFailure) as failure:
            await office.make_template(contents=contents, default_language="fr")

        assert failure.value.fields == {
            "template.contents[1].language": "LANGUAGE_DOUBLE",
            "template.default_language": "LANGUAGE_MISSING",
            "template.contents[0].subject": "SUBJECT_MISSING",
            "template.contents[0].text": "VARIABLE_UNDECLARED",
            "template.contents[1].text": "TEMPLATE_NOT_ALLOWED",
        }

    async def test_an_update_is_judged_with_what_stays(self, office: Any) -> None:
        made = await office.make_template()
        await refused(
            office.call("UpdateMessageTemplate", template={"template_id": made.template_id}, update_mask="variables"),
            "VARIABLE_UNDECLARED",
        )

    async def test_a_preview_shows_what_would_leave(self, office: Any) -> None:
        made = await office.make_template()
        shown = await office.call("PreviewMessageTemplate", template_id=made.template_id, values=["name=王小明"])

        assert (shown.language, shown.subject, shown.text) == ("en", "News", "Dear 王小明, news.")


class TestLists:
    async def test_people_are_counted_once_however_often_they_come(self, office: Any) -> None:
        people = [str(uuid.uuid4()) for _ in range(5)]
        made = await office.make_list()
        key = made.audience_list_id
        change = "ChangeAudienceListMembers"
        calls = [office.call(change, audience_list_id=key, add_customer_ids=people[start:] * 2) for start in (0, 2, 3)]
        await asyncio.gather(*calls)
        gone = await office.call(change, audience_list_id=key, remove_customer_ids=[people[0], str(uuid.uuid4())])

        rows = await office.sql("SELECT 1 FROM audience_list_members WHERE audience_list_id = $1", key)
        assert (gone.member_count, len(rows)) == (4, 4)
