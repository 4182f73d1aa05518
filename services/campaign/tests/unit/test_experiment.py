"""Draws are even, stable and apart from each other; budgets pay what they pay; deeds are owed by the rule."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import attribution, budget, experiment
from marque_campaign.rules.attribution import FIRST, LAST, WITHIN, Touch

START = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = [uuid.UUID(int=number * 7919) for number in range(4000)]
ARMS = (experiment.Arm("B", 20), experiment.Arm("C", 30))


class TestDraw:
    def test_every_share_is_as_large_as_it_should_be_also_among_those_not_held_out(self) -> None:
        campaign = uuid.UUID(int=1)
        rest = [one for one in PEOPLE if not experiment.is_held_out(campaign, one, 10)]
        codes = [experiment.arm_of(campaign, one, ARMS) for one in rest]

        assert 1 - len(rest) / len(PEOPLE) == pytest.approx(0.10, abs=0.02)
        assert [codes.count(code) / len(rest) for code in ("", "B", "C")] == pytest.approx([0.5, 0.2, 0.3], abs=0.03)

    def test_another_campaign_draws_anew(self) -> None:
        both = [[experiment.is_held_out(uuid.UUID(int=key), one, 50) for one in PEOPLE] for key in (1, 2)]
        alike = sum(one == other for one, other in zip(*both, strict=True))

        assert alike / len(PEOPLE) == pytest.approx(0.5, abs=0.04)

    @given(st.uuids(), st.uuids(), st.integers(0, 49))
    def test_whoever_is_held_out_stays_so_when_more_are(
        self, campaign: uuid.UUID, person: uuid.UUID, percent: int
    ) -> None:
        if experiment.is_held_out(campaign, person, percent):
            assert experiment.is_held_out(campaign, person, percent + 1)

    def test_the_draw_is_the_same_on_every_machine_and_in_every_version(self) -> None:
        assert experiment.place(uuid.UUID(int=1), uuid.UUID(int=2), "holdout") == 7261


class TestBudget:
    @given(st.integers(1, 10**12), st.integers(1, 10**6))
    def test_it_pays_as_many_as_it_can_and_not_one_more(self, most: int, price: int) -> None:
        count = budget.affordable(most, price)

        assert count is not None
        assert budget.cost_of(count, price) <= most
        assert (count + 1) * price > most * budget.THOUSAND

    @pytest.mark.parametrize(("most", "price"), [(0, 5), (5, 0), (0, 0)])
    def test_without_a_budget_or_a_price_there_is_no_end(self, most: int, price: int) -> None:
        assert budget.affordable(most, price) is None


def touch(name: str, day: float | None, rule: int = 0, *, days: int = 10, drawn: float = 0) -> Touch:
    handed = None if day is None else START + timedelta(days=day)
    return Touch(name, name, START + timedelta(days=drawn), handed, rule, days)


def credited(*touches: Touch, day: float) -> set[str]:
    return {one.touch.send_id for one in attribution.owed(touches, START + timedelta(days=day)) if one.credited}


class TestOwed:
    def test_the_first_and_the_last_are_of_all_campaigns(self) -> None:
        first, last = touch("a", 1, FIRST), touch("c", 3, LAST)

        assert credited(first, touch("b", 2, WITHIN), last, day=4) == {"a", "b", "c"}
        assert credited(touch("a", 1, LAST), touch("b", 2, FIRST), touch("c", 3, FIRST), day=4) == set()

    @pytest.mark.parametrize(("day", "found"), [(0.9, set()), (1, {"a"}), (11, {"a"}), (11.1, set())])
    def test_the_days_begin_with_the_message_and_end(self, day: float, found: set[str]) -> None:
        assert credited(touch("a", 1), day=day) == found

    def test_a_message_that_did_not_leave_is_owed_nothing_and_yet_compared(self) -> None:
        (one,) = attribution.owed([touch("a", None)], START + timedelta(days=3))

        assert (one.credited, one.in_trial) == (False, True)

    def test_both_sides_of_the_comparison_count_the_same_days_from_the_draw(self) -> None:
        late = attribution.owed([touch("sent", 9), touch("held", None)], START + timedelta(days=12))

        assert [(one.touch.send_id, one.credited, one.in_trial) for one in late] == [("sent", True, False)]

    @given(
        st.lists(st.tuples(st.integers(0, 20), st.sampled_from([0, FIRST, LAST, WITHIN])), max_size=6),
        st.integers(0, 40),
    )
    def test_one_first_and_one_last_at_most(self, told: list[tuple[int, int]], day: int) -> None:
        touches = [touch(str(number), when, rule) for number, (when, rule) in enumerate(told)]
        found = attribution.owed(touches, START + timedelta(days=day))

        for rule in (FIRST, LAST):
            assert sum(one.credited and one.touch.rule == rule for one in found) <= 1
