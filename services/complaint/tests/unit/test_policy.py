"""Which promises hold for a case."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules.policy import Facts, Line, Policy, doubles, holds_for_all

EVERYBODY = Line((60, 960, 4800))
DEALER = "11111111-1111-1111-1111-111111111111"
CHOICES = {
    "kind": st.sampled_from([0, 1, 2]),
    "severity": st.sampled_from([0, 1, 4]),
    "channel": st.sampled_from([0, 1, 3]),
    "customer_tier": st.sampled_from(["", "GOLD"]),
    "dealer_id": st.sampled_from(["", DEALER]),
}
LINES = st.lists(st.builds(Line, minutes=st.tuples(*[st.integers(0, 9999)] * 3), **CHOICES), max_size=12)


class TestLineFor:
    @given(LINES, st.builds(Facts, **CHOICES))
    def test_every_case_finds_the_most_telling_line_that_speaks_of_it(self, lines: list[Line], facts: Facts) -> None:
        found = Policy(1, [EVERYBODY, *lines]).line_for(facts)

        assert found.fits(facts)
        assert not [one for one in lines if one.fits(facts) and one.weight > found.weight]

    def test_a_dealer_goes_before_all_else_together(self) -> None:
        rest = Line((2, 2, 2), kind=1, severity=4, channel=3, customer_tier="GOLD")
        own = Line((1, 1, 1), dealer_id=DEALER)
        facts = Facts(1, 4, 3, "GOLD", DEALER)

        assert Policy(1, [EVERYBODY, rest, own]).line_for(facts) is own

    def test_a_line_for_what_was_not_assessed_is_that_for_all(self) -> None:
        grave = Line((15, 480, 2400), severity=4)

        assert Policy(1, [EVERYBODY, grave]).line_for(Facts(1, 0)) is EVERYBODY


class TestWhatIsWrongWithLines:
    def test_a_second_line_for_the_same_cases_is_named(self) -> None:
        assert doubles([EVERYBODY, Line((1, 1, 1), kind=1), Line((2, 2, 2))]) == [2]

    def test_one_line_must_hold_for_all(self) -> None:
        assert holds_for_all([Line((1, 1, 1), kind=1), EVERYBODY])
        assert not holds_for_all([Line((1, 1, 1), kind=1)])
