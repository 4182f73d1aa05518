"""Stages of a customer: boundaries, the same whether judged step by step or at once, and against a walk day by day written otherwise."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_customer.rules.lifecycle import (
    ACTIVE,
    AT_RISK,
    LOST,
    OWNER,
    PROSPECT,
    WON_BACK,
    Facts,
    StageRules,
    count_since,
    leaves_window,
    standing,
    walk,
)

DAY = timedelta(days=1)
ZERO = datetime(2020, 1, 1, tzinfo=UTC)


def day(number):
    return ZERO + number * DAY


def rules(version=1, since=-1000, risk=30, lost=60, alone=20, back=15):
    return StageRules(version, day(since), risk * DAY, lost * DAY, alone * DAY, back * DAY)


ONE = (rules(),)


def stage(facts, number, versions=ONE):
    return standing(facts, versions, day(number)).stage


def facts(purchases=(), visits=(), spans=()):
    return Facts(
        tuple(map(day, purchases)),
        tuple(map(day, visits)),
        tuple((day(start), None if end is None else day(end)) for start, end in spans),
    )


OWNING = facts([0], [], [(0, None)])


class TestStage:
    def test_nobody_with_a_car_is_a_prospect_whatever_they_do(self):
        assert stage(facts(), 10) == PROSPECT
        assert stage(facts([], [1, 2]), 10) == PROSPECT

    @pytest.mark.parametrize(
        ("number", "wanted"), [(-1, PROSPECT), (0, OWNER), (29, OWNER), (30, AT_RISK), (59, AT_RISK), (60, LOST)]
    )
    def test_owner_who_never_comes_passes_every_threshold_on_its_day(self, number, wanted):
        assert stage(OWNING, number) == wanted

    def test_a_microsecond_before_a_threshold_is_before_it(self):
        found = standing(OWNING, ONE, day(30) - timedelta(microseconds=1))
        assert (found.stage, found.next_time) == (OWNER, day(30))

    def test_visit_makes_an_owner_active_and_begins_the_wait_anew(self):
        came = facts([0], [20], [(0, None)])
        assert [stage(came, number) for number in (19, 20, 49, 50, 79, 80)] == [
            *(OWNER, ACTIVE, ACTIVE, AT_RISK, AT_RISK, LOST)
        ]

    @pytest.mark.parametrize(("number", "wanted"), [(9, OWNER), (10, AT_RISK), (29, AT_RISK), (30, LOST)])
    def test_who_has_no_car_any_more_is_lost_sooner(self, number, wanted):
        assert stage(facts([0], [], [(0, 10)]), number) == wanted

    def test_end_of_a_second_car_does_not_hide_the_threshold_of_the_last_visit(self):
        two = facts([0], [5], [(0, None), (0, 20)])
        assert standing(two, ONE, day(20)).next_time == day(35)
        assert [stage(two, number) for number in (34, 35, 65)] == [ACTIVE, AT_RISK, LOST]

    @pytest.mark.parametrize(
        ("number", "wanted"), [(69, LOST), (70, WON_BACK), (84, WON_BACK), (85, ACTIVE), (100, AT_RISK)]
    )
    def test_who_was_lost_and_comes_again_is_won_back_for_a_while(self, number, wanted):
        assert stage(facts([0], [70], [(0, None)]), number) == wanted

    def test_who_bought_again_after_being_lost_without_a_car_is_won_back(self):
        again = facts([0, 90], [], [(0, 10), (90, None)])
        assert [one.stage for one in walk(again, ONE, day(200))] == [
            *(OWNER, AT_RISK, LOST, WON_BACK, OWNER, AT_RISK, LOST)
        ]

    def test_standing_says_why_since_when_and_how_long(self):
        found = standing(OWNING, ONE, day(33))
        assert (found.reason, found.since, found.days, found.next_time) == ("NOT_SEEN", day(30), 30, day(60))

    def test_rules_hold_from_their_own_day_on(self):
        versions = (*ONE, rules(2, since=25, risk=10, lost=100))
        assert [stage(OWNING, number, versions) for number in (24, 25, 60, 99, 100)] == [
            *(OWNER, AT_RISK, AT_RISK, AT_RISK, LOST)
        ]

    def test_a_later_version_may_bring_somebody_back_from_being_at_risk(self):
        versions = (*ONE, rules(2, since=40, risk=50, lost=100))
        assert [stage(OWNING, number, versions) for number in (39, 40, 49, 50)] == [AT_RISK, OWNER, OWNER, AT_RISK]

    def test_a_span_that_ends_before_it_begins_never_was(self):
        assert stage(facts([], [], [(10, 5)]), 20) == PROSPECT


days = st.integers(0, 150)
spans = st.tuples(days, st.none() | days)
lives = st.builds(facts, st.lists(days, max_size=4), st.lists(days, max_size=6), st.lists(spans, max_size=4))
version_lists = st.lists(
    st.builds(
        lambda since, risk, more, alone, back: (since, risk, risk + more, alone, back),
        *(st.integers(-5, 150), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40)),
    ),
    min_size=1,
    max_size=3,
).map(lambda found: tuple(rules(number, *one) for number, one in enumerate(sorted(found), 1)))


def day_by_day(life, versions, last):
    """The same rules, for every day one after the other, with nothing but counters."""
    found, lost, won = [], False, None
    for number in range(-5, last + 1):
        now = day(number)
        in_force = [one for one in versions if one.effective <= now]
        by = in_force[-1] if in_force else versions[0]
        real = [(start, end) for start, end in life.spans if end is None or end > start]
        began = [start for start, _ in real if start <= now]
        acts = [one for one in (*life.purchases, *life.visits) if one <= now] + began
        has_car = any(start <= now and (end is None or end > now) for start, end in real)
        if not began:
            state = PROSPECT
        elif not has_car:
            since = max([*acts, *(end for _, end in real if end is not None and end <= now)])
            state = LOST if now - since >= by.lost_without_car else AT_RISK
        else:
            gap = now - max(acts)
            came = any(one <= now for one in life.visits)
            state = LOST if gap >= by.lost_after else AT_RISK if gap >= by.at_risk_after else ACTIVE if came else OWNER
        if state in (OWNER, ACTIVE):
            if lost:
                lost, won = False, now
            if won is not None and now - won < by.won_back:
                state = WON_BACK
            else:
                won = None
        else:
            won = None
            lost = state == LOST or (lost and state == AT_RISK)
        found.append((number, state))
    return found


class TestProperties:
    @given(lives, version_lists)
    @settings(max_examples=50)
    def test_a_walk_day_by_day_finds_the_same_stages(self, life, versions):
        assert [(number, stage(life, number, versions)) for number, _ in day_by_day(life, versions, 260)] == day_by_day(
            life, versions, 260
        )

    @given(lives, version_lists)
    @settings(max_examples=150)
    def test_who_is_looked_at_only_when_due_or_told_of_a_fact_passes_the_same_stages_as_all_at_once(
        self, life, versions
    ):
        told = sorted({*life.purchases, *life.visits, *(one for span in life.spans for one in span if one is not None)})
        seen, now, end = [], day(-5), day(400)
        while now is not None and now <= end:
            known = Facts(
                tuple(one for one in life.purchases if one <= now),
                tuple(one for one in life.visits if one <= now),
                tuple(
                    (start, None if stop is None or stop > now else stop) for start, stop in life.spans if start <= now
                ),
            )
            found = standing(known, versions, now)
            if found.stage != (seen[-1] if seen else PROSPECT):
                seen.append(found.stage)
            coming = [
                one for one in (found.next_time, next((one for one in told if one > now), None)) if one is not None
            ]
            now = min(coming, default=None)
        assert seen == [step.stage for step in walk(life, versions, end)]

    @given(lives, version_lists, st.integers(-5, 260), st.randoms())
    def test_order_and_repetition_of_facts_change_nothing(self, life, versions, number, rng):
        mixed = [[*part, *part[:1]] for part in (life.purchases, life.visits)]
        spans = list(life.spans)
        for part in (*mixed, spans):
            rng.shuffle(part)
        assert standing(Facts(*mixed, spans), versions, day(number)) == standing(life, versions, day(number))

    @given(lives, version_lists, st.integers(-5, 260))
    def test_the_next_moment_lies_ahead_and_nothing_happens_before_it(self, life, versions, number):
        found = standing(life, versions, day(number))
        assert found.next_time is None or found.next_time > day(number)
        before = (found.next_time - timedelta(microseconds=1)) if found.next_time else day(2000)
        assert standing(life, versions, before).stage == found.stage


class TestWindow:
    @given(st.lists(days, max_size=8), st.integers(1, 60), st.integers(0, 200))
    def test_count_stays_until_something_leaves_or_enters(self, numbers, window, number):
        moments, now = sorted(map(day, numbers)), day(number)
        count = count_since(moments, now - window * DAY, now)
        assert count == sum(now - window * DAY < one <= now for one in moments)
        following = leaves_window(moments, window * DAY, now)
        for later in range(number, number + 70):
            if following is not None and day(later) >= following:
                break
            assert count_since(moments, day(later) - window * DAY, day(later)) == count
