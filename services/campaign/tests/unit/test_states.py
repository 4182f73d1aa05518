"""The way of a campaign: every sequence of verbs, judged by a list of what each needs, written apart from the rules."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import kinds
from marque_campaign.rules.states import VERBS, Refused, Standing, after, lacking

DRAFT, SUBMITTED, REVIEWED, SCHEDULED, RUNNING, PAUSED, FINISHED, CANCELLED = kinds.STATES
# verb → where it leads from each state that allows it
WAYS = {
    "update": {DRAFT: DRAFT},
    "submit": {DRAFT: SUBMITTED},
    "send_back": {SUBMITTED: DRAFT, REVIEWED: DRAFT},
    "approve": {SUBMITTED: REVIEWED},
    "schedule": {REVIEWED: SCHEDULED, SCHEDULED: SCHEDULED},
    "launch": {SCHEDULED: RUNNING},
    "pause": {RUNNING: PAUSED},
    "resume": {PAUSED: RUNNING},
    "finish": {RUNNING: FINISHED},
    "cancel": dict.fromkeys((DRAFT, SUBMITTED, REVIEWED, SCHEDULED, RUNNING, PAUSED), CANCELLED),
}


class TestVerbs:
    @pytest.mark.parametrize(("verb", "state"), itertools.product(WAYS, kinds.STATES))
    def test_a_verb_leads_where_the_list_says_and_is_refused_elsewhere(self, verb: str, state: int) -> None:
        now = Standing(state, settled=True, authors=frozenset({"ann"}))
        if state in WAYS[verb]:
            assert after(verb, now, actor="ben") == WAYS[verb][state]
        else:
            with pytest.raises(Refused, match="CAMPAIGN_STATE"):
                after(verb, now, actor="ben")

    def test_the_list_names_every_verb(self) -> None:
        assert set(WAYS) == set(VERBS)

    @pytest.mark.parametrize("actor", ["ann", "sam", ""])
    def test_whoever_wrote_or_submitted_it_cannot_approve_it(self, actor: str) -> None:
        with pytest.raises(Refused, match="CAMPAIGN_SAME_PERSON"):
            after("approve", Standing(SUBMITTED, authors=frozenset({"ann", "sam"})), actor=actor)

    def test_it_is_not_finished_before_everybody_is(self) -> None:
        with pytest.raises(Refused, match="CAMPAIGN_UNFINISHED"):
            after("finish", Standing(RUNNING, settled=False))

    @given(st.lists(st.sampled_from(sorted(VERBS)), max_size=30))
    def test_nothing_runs_that_nobody_else_approved(self, verbs: list[str]) -> None:
        state, approved = DRAFT, False
        for verb in verbs:
            try:
                state = after(verb, Standing(state, authors=frozenset({"ann"}), settled=True), actor="ben")
            except Refused:
                continue
            approved = (approved or verb == "approve") and verb not in ("send_back", "submit")
            if state in (SCHEDULED, RUNNING, PAUSED, FINISHED):
                assert approved


class TestLacking:
    @given(st.sampled_from([0, 3]), st.sampled_from([0, 2]), st.booleans(), st.booleans(), st.booleans())
    def test_a_submission_needs_channel_words_people_and_a_right(
        self, channel: int, purpose: int, legal: bool, template: bool, audience: bool
    ) -> None:
        found = lacking(channel=channel, purpose=purpose, legal_notice=legal, template=template, audience=audience)

        assert ("channel" in found) == (channel == 0)
        assert ("purpose" in found) == (purpose == 0 and not legal)
        assert ("template_id" in found, "audience_list_id" in found) == (not template, not audience)
