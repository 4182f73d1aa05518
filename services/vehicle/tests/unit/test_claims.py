"""The states of claims under warranty and of orders of parts, step by step, and the sums of a claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_vehicle import errors
from marque_vehicle.models import PartsOrder, WarrantyClaim
from marque_vehicle.rules import claims as rules
from marque_vehicle.rules import lines as line_rules
from servicekit.errors import DomainError, InvalidArgument

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
COVERED, TIME_OVER = 1, 2
amounts = st.integers(0, 10**9)
lines = st.lists(st.tuples(st.integers(1, 6), amounts, amounts), max_size=6)


def claim(*items: tuple[int, int, int], state: int = WarrantyClaim.CHECKED) -> WarrantyClaim:
    """A claim with lines of (labour, parts, coverage)."""
    made = [
        {"line_number": number, "component_code": "", "labour": labour, "parts": parts, "coverage": coverage, "term_code": "T"}
        for number, (labour, parts, coverage) in enumerate(items or ((300, 200, COVERED),), 1)
    ]  # fmt: skip
    return WarrantyClaim(
        state=state, items=made, claimed=rules.claimed(made), currency="CNY", submissions=1, parts_return=0
    )


class TestItems:
    @given(lines)
    def test_what_is_claimed_is_what_the_order_says_the_warranty_owes(
        self, given_lines: list[tuple[int, int, int]]
    ) -> None:
        numbered = line_rules.numbered(
            {"pay_type": payer, "labours": [{"amount": labour}], "parts": [{"amount": parts}, {}]}
            for payer, labour, parts in given_lines
        )
        owed = [one for one in line_rules.totals(numbered) if one["pay_type"] == rules.PAID_BY_WARRANTY]
        assert rules.claimed(rules.items_of(numbered)) == sum(one["labour"] + one["parts"] for one in owed)


STEPS: dict[str, Callable[[WarrantyClaim], object]] = {
    "check": lambda one: one.check({item["line_number"]: (COVERED, "T") for item in one.items}),
    "send back": lambda one: one.send_back("PHOTOS_MISSING"),
    "submit again": lambda one: one.submit_again(one.items, "CNY", NOW),
    "approve": lambda one: one.approve({}, None, NOW, parts=False),
    "refuse": lambda one: one.refuse("NOT_COVERED", NOW),
    "pay": lambda one: one.pay("PAY-1", NOW),
}
MAY = {
    WarrantyClaim.SUBMITTED: {"check": 2, "send back": 3, "refuse": 5},
    WarrantyClaim.CHECKED: {"check": 2, "send back": 3, "approve": 4, "refuse": 5},
    WarrantyClaim.RETURNED: {"submit again": 1},
    WarrantyClaim.APPROVED: {"pay": 6},
    WarrantyClaim.REFUSED: {},
    WarrantyClaim.PAID: {},
    WarrantyClaim.REVERSED: {},
}


class TestStates:
    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("state", MAY)
    def test_each_step_is_taken_where_it_may_be_and_nowhere_else(self, state: int, step: str) -> None:
        made = claim(state=state)
        made.parts_return = made.NOT_NEEDED
        if step in MAY[state]:
            STEPS[step](made)
            assert made.state == MAY[state][step]
        else:
            with pytest.raises(errors.WarrantyClaimStateWrong):
                STEPS[step](made)
            assert made.state == state

    def test_parts_that_are_asked_for_come_before_the_money(self) -> None:
        made = claim()
        made.approve({}, None, NOW, parts=True)
        with pytest.raises(errors.PartsReturnStateWrong):
            made.move_parts(made.SENT, made.RECEIVED)
        for before, after in ((made.REQUESTED, made.SENT), (made.SENT, made.RECEIVED)):
            with pytest.raises(errors.WarrantyPartsMissing):
                made.pay("PAY-1", NOW)
            made.move_parts(before, after)
        made.pay("PAY-1", NOW)
        assert made.state == made.PAID

    @pytest.mark.parametrize("paid", [True, False])
    def test_what_was_paid_is_taken_back_with_the_repair_order(self, paid: bool) -> None:
        made = claim()
        made.approve({}, None, NOW, parts=False)
        if paid:
            made.pay("PAY-1", NOW)
        assert (made.reverse(), made.recoverable, made.state) == (paid, 500 if paid else None, made.REVERSED)


class TestApprove:
    def test_without_a_word_all_that_is_covered_is_approved(self) -> None:
        made = claim((300, 200, COVERED), (50, 0, TIME_OVER), (10, 5, COVERED))
        made.approve({}, None, NOW, parts=False)
        assert (made.approved, [item["approved"] for item in made.items]) == (515, [500, 0, 15])

    @pytest.mark.parametrize(
        ("given_", "limit", "problem"),
        [
            ({1: 500}, 500, None),
            ({1: 500}, 499, errors.WarrantyClaimAboveLimit),
            ({1: 501}, None, InvalidArgument),
            ({7: 1}, None, InvalidArgument),
            ({2: 1}, None, errors.WarrantyClaimNotCovered),
            ({1: 1, 2: 0}, None, None),
        ],
        ids=[
            "at the limit",
            "above the limit",
            "above the claim",
            "no such line",
            "not covered",
            "nothing of what is not covered",
        ],
    )
    def test_it_is_bounded_by_claim_clause_and_limit(
        self, given_: dict[int, int], limit: int | None, problem: type[DomainError] | None
    ) -> None:
        made = claim((300, 200, COVERED), (50, 0, TIME_OVER))
        if problem is None:
            made.approve(given_, limit, NOW, parts=False)
            assert made.approved == sum(given_.values())
        else:
            with pytest.raises(problem):
                made.approve(given_, limit, NOW, parts=False)
            assert (made.state, made.approved) == (made.CHECKED, None)

    @given(st.lists(st.tuples(amounts, amounts, st.integers(1, 6)), min_size=1, max_size=6), st.data())
    def test_the_sum_approved_is_that_of_its_lines_and_never_above_the_claim(
        self, items: list[tuple[int, int, int]], data: st.DataObject
    ) -> None:
        made = claim(*items)
        given_ = {
            item["line_number"]: data.draw(st.integers(0, rules.total(item)))
            for item in made.items
            if rules.covered(item)
        }
        made.approve(given_, None, NOW, parts=False)
        assert made.approved == sum(item["approved"] for item in made.items)
        assert 0 <= made.approved <= made.claimed


def part() -> PartsOrder:
    return PartsOrder(state=PartsOrder.ORDERED, order_time=NOW, promise_changes=0, cancel_reason="")


class TestParts:
    def test_a_promise_that_changes_is_counted_and_the_same_again_is_not(self) -> None:
        made = part()
        assert [made.promise(date(2026, 3, day)) for day in (5, 5, 9)] == [True, False, True]
        assert (made.promise_changes, made.promised_date) == (1, date(2026, 3, 9))

    @pytest.mark.parametrize("over", ["arrived", "cancelled"])
    def test_what_is_over_stands_as_it_is(self, over: str) -> None:
        made = part()
        made.arrive(NOW) if over == "arrived" else made.cancel("NOT_NEEDED")
        for step in (lambda: made.arrive(NOW), lambda: made.cancel("X"), lambda: made.promise(date(2026, 3, 9))):
            with pytest.raises(errors.PartsOrderOver):
                step()

    def test_nothing_arrives_or_is_promised_before_it_was_ordered(self) -> None:
        with pytest.raises(InvalidArgument):
            part().arrive(NOW - timedelta(seconds=1))
        with pytest.raises(InvalidArgument):
            part().promise(date(2026, 3, 3))
