"""How runs go through steps: always forward, to an end, each message once, whatever becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import again, dates, kinds, runs, steps
from marque_campaign.rules.ledger import (
    ACCEPTED,
    BOUNCED,
    CLAIMED,
    DELIVERED,
    FAILED,
    FINAL,
    HANDED,
    PLANNED,
    SUPPRESSED,
)
from marque_campaign.rules.segments import evaluate
from marque_campaign.rules.segments.check import read

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ZONE = "Europe/Berlin"
NOBODY = runs.Facts(evaluate.Person({}), {"run": dict.fromkeys(steps.OUTCOMES, ()) | {"days": 0}})


def rule(text: str) -> Any:
    return read(text, steps.names_for(steps.PERSON)).condition


def told(**line: Any) -> SimpleNamespace:
    """A line as it is read."""
    return SimpleNamespace(**{"occurrence": "", "channel": kinds.EMAIL, "reason": "", "responses": [], **line})


def move(plan: steps.Plan, step: int, state: int, facts: runs.Facts = NOBODY, **more: Any) -> runs.Move:
    return runs.advance(plan, runs.Standing(step, state, more.pop("since", NOW)), facts, NOW, ZONE)


@st.composite
def plans(draw: Any) -> steps.Plan:
    """Steps of all kinds that only lead forward, as every checked document does."""
    count = draw(st.integers(1, 8))
    made: list[steps.Step] = []
    for place in range(count):
        ahead = st.integers(place + 1, count)
        kind = draw(st.sampled_from("swbe"))
        code = f"s{place}"
        if kind == "s":
            made.append(steps.Send(code, draw(ahead)))
        elif kind == "w":
            given = draw(st.sampled_from([{"hours": 5}, {"days": 2}, {"local_minute": 540}, {"date": 2}, {"date": 1}]))
            made.append(steps.Wait(code, draw(ahead), **given))
        elif kind == "b":
            text = draw(st.sampled_from(["true", "false", 'person.stage == "LOST"']))
            made.append(steps.Branch(code, rule(text), draw(ahead), draw(ahead)))
        else:
            made.append(steps.Exit(code, "EXIT"))
    return steps.Plan(tuple(made), draw(st.sampled_from([None, rule('person.stage == "WON_BACK"')])))


class TestEveryRun:
    @given(plans(), st.data())
    def test_comes_to_an_end_and_sends_each_step_once(self, plan: steps.Plan, data: st.DataObject) -> None:
        now, at, sent = NOW, runs.Standing(0, runs.GOING, NOW), []
        facts = replace(NOBODY, date_of=lambda which, since: date(2026, 12, 24) if which == 2 else None)
        for _ in range(60):
            found = runs.advance(plan, at, facts, now, ZONE)
            assert found.step >= at.step
            assert (found.wake is None) == (found.state == runs.OVER)
            assert (found.reason != "") == (found.state == runs.OVER)
            if found.state == runs.OVER:
                break
            assert found.wake is not None
            assert found.wake > now
            if found.sends:
                sent.append(found.step)
                state = data.draw(st.sampled_from(sorted(FINAL)))
                facts = replace(facts, line=(state, ""))
            same = (found.step, found.state) == (at.step, at.state)
            at = runs.Standing(found.step, found.state, at.since if same else now)
            now = found.wake
        else:
            pytest.fail("it never ended")
        assert len(sent) == len(set(sent))


class TestSending:
    PLAN = steps.Plan((steps.Send("a", 1), steps.Send("b", 2)))

    @pytest.mark.parametrize("state", sorted(FINAL))
    def test_goes_on_whatever_became_of_the_message(self, state: int) -> None:
        found = move(self.PLAN, 0, runs.SENDING, replace(NOBODY, line=(state, "WITHDRAWN")))
        assert (found.step, found.state, found.sends) == (1, runs.SENDING, True)

    @pytest.mark.parametrize("state", [PLANNED, HANDED])
    def test_waits_for_a_message_on_its_way_ever_more_patiently(self, state: int) -> None:
        facts = replace(NOBODY, line=(state, ""))
        found = [move(self.PLAN, 0, runs.SENDING, facts, since=NOW - timedelta(seconds=one)) for one in (0, 40, 86_400)]
        assert [one.sends for one in found] == [False] * 3
        assert [one.wake - NOW for one in found if one.wake] == [
            timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=10),
        ]  # fmt: skip

    @pytest.mark.parametrize("reason", ["HOLDOUT", "SAME_PERSON", "ERASED"])
    def test_ends_where_the_person_gets_nothing_of_the_campaign(self, reason: str) -> None:
        found = move(self.PLAN, 0, runs.SENDING, replace(NOBODY, line=(SUPPRESSED, reason)))
        assert (found.state, found.reason) == (runs.OVER, reason)

    def test_the_last_message_ends_it(self) -> None:
        found = move(self.PLAN, 1, runs.SENDING, replace(NOBODY, line=(ACCEPTED, "")))
        assert (found.step, found.state, found.reason) == (1, runs.OVER, "DONE")


class TestRules:
    def test_the_exit_rule_is_looked_at_before_every_step(self) -> None:
        plan = steps.Plan((steps.Send("a", 1), steps.Send("b", 2)), rule('"a" in run.responded'))
        bought = replace(NOBODY, line=(ACCEPTED, ""), also={"run": {"responded": ["a"]}})
        first = move(plan, 0, runs.GOING)
        then = move(plan, 0, runs.SENDING, bought)
        assert (first.sends, then.state, then.reason) == (True, runs.OVER, "EXIT_RULE")

    @pytest.mark.parametrize(
        ("columns", "step"), [({"stage": "LOST"}, 1), ({"stage": "OWNER"}, 2), ({"stage": None}, 2)]
    )
    def test_what_has_no_value_does_not_hold(self, columns: dict[str, Any], step: int) -> None:
        plan = steps.Plan(
            (steps.Branch("f", rule('person.stage == "LOST"'), 1, 2), steps.Send("a", 2), steps.Send("b", 3))
        )
        found = move(plan, 0, runs.GOING, replace(NOBODY, person=evaluate.Person(columns)))
        assert (found.step, found.sends) == (step, True)

    def test_what_came_of_messages_is_told_by_their_steps(self) -> None:
        lines = [
            told(step=1, state=ACCEPTED, responses=[1, 2]),
            told(step=2, state=BOUNCED),
            told(step=3, state=SUPPRESSED, responses=[7]),
        ]
        found = runs.outcomes(["a", "b", "c"], lines)
        assert {name: codes for name, codes in found.items() if name not in steps.OF_CALLS} == {
            "sent": ["a", "b"], "opened": ["a"], "clicked": ["a"], "replied": [], "responded": ["c"], "bounced": ["b"],
            "suppressed": ["c"],
        }  # fmt: skip


class TestCalls:
    PLAN = steps.Plan((steps.Send("call", 1, calls=True, expire_days=7), steps.Send("b", 2)))
    LEAVES = steps.Plan(PLAN.steps, rule('person.stage == "LOST"'))

    @pytest.mark.parametrize(
        ("line", "days", "step", "leaves"),
        [
            ((PLANNED, "QUIET_HOURS"), 0, 0, False),
            ((HANDED, ""), 0, 0, False),
            ((ACCEPTED, ""), 6.9, 0, False),
            ((ACCEPTED, ""), 7, 0, True),  # nobody called: the task is not to be done any more
            ((ACCEPTED, again.EXPIRED), 7.9, 0, False),  # and that it is cancelled is waited for
            ((ACCEPTED, again.EXPIRED), 8, 1, False),
            ((DELIVERED, ""), 0, 1, False),
            ((DELIVERED, "NOT_AGAIN"), 0, 1, False),
            ((FAILED, "NOT_REACHED"), 0, 1, False),
            ((BOUNCED, "WRONG_NUMBER"), 0, 1, False),
            ((SUPPRESSED, "NEVER_GRANTED"), 0, 1, False),
        ],
    )
    def test_goes_on_once_it_is_told_what_came_of_it(
        self, line: tuple[int, str], days: float, step: int, leaves: bool
    ) -> None:
        found = move(self.PLAN, 0, runs.SENDING, replace(NOBODY, line=line, handed=NOW - timedelta(days=days)))
        assert (found.step, found.state, found.sends, found.leaves) == (step, runs.SENDING, step == 1, leaves)

    @pytest.mark.parametrize("state", [PLANNED, CLAIMED, HANDED, ACCEPTED])
    def test_who_leaves_meanwhile_is_not_called_unless_a_worker_has_it(self, state: int) -> None:
        lost = replace(NOBODY, person=evaluate.Person({"stage": "LOST"}), line=(state, ""), handed=NOW)
        found = move(self.LEAVES, 0, runs.SENDING, lost)
        over = state in (PLANNED, ACCEPTED)
        assert (found.state, found.leaves) == (runs.OVER if over else runs.SENDING, over)
        assert found.reason == ("EXIT_RULE" if over else "")

    @pytest.mark.parametrize(
        ("state", "reason", "name"),
        [
            (DELIVERED, "", "reached"), (DELIVERED, "NOT_AGAIN", "refused"), (DELIVERED, "CALL_LATER", "call_later"),
            (DELIVERED, "DONE_ELSEWHERE", ""), (FAILED, "NOT_REACHED", "not_reached"), (FAILED, again.EXPIRED, "not_reached"),
            (BOUNCED, "WRONG_NUMBER", "not_reached"), (ACCEPTED, "", ""), (SUPPRESSED, "NEVER_GRANTED", ""),
        ],
    )  # fmt: skip
    def test_of_several_calls_of_a_step_the_last_counts(self, state: int, reason: str, name: str) -> None:
        calls = {"step": 1, "channel": kinds.PHONE}
        last = told(**calls, state=state, reason=reason, occurrence="x~call10")
        before = [told(**calls, state=DELIVERED, reason="CALL_LATER", occurrence=one) for one in ("x", "x~call9")]
        found = runs.outcomes(["call"], [last, *before])
        assert {one: codes for one, codes in found.items() if one in steps.OF_CALLS and codes} == (
            {name: ["call"]} if name else {}
        )
        assert found["sent"] == ["call"]


class TestWaits:
    TEN = steps.Plan((steps.Wait("w", 1, days=2, local_minute=600), steps.Send("a", 2)))

    @pytest.mark.parametrize(
        ("own", "ends"),
        [
            ("", datetime(2026, 11, 25, 9, tzinfo=UTC)),  # 10:00 of Berlin is over two days on, by a moment
            ("Asia/Shanghai", datetime(2026, 11, 25, 2, tzinfo=UTC)),
            ("America/New_York", datetime(2026, 11, 24, 15, tzinfo=UTC)),
        ],
    )
    def test_the_hour_is_the_person_s_where_their_zone_is_known(self, own: str, ends: datetime) -> None:
        since = NOW + timedelta(minutes=1)
        facts = replace(NOBODY, zone=own)
        wait = self.TEN.steps[0]
        assert isinstance(wait, steps.Wait)
        assert runs.until_when(wait, since, facts, ZONE) == ends
        first = runs.advance(self.TEN, runs.Standing(0, runs.GOING, since), facts, since, ZONE)
        assert first.wake == ends - timedelta(hours=26)  # looked at once more, before any zone's hour

    def test_who_moves_meanwhile_is_waited_for_where_they_are_and_gets_one_message(self) -> None:
        at, now, sent, woke = runs.Standing(0, runs.GOING, NOW), NOW, 0, []
        zones = iter(["", "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Shanghai"])
        while at.state != runs.OVER:
            facts = replace(NOBODY, zone=next(zones), line=(ACCEPTED, ""))
            found = runs.advance(self.TEN, at, facts, now, ZONE)
            sent += found.sends
            woke.append(found.wake)
            at = runs.Standing(found.step, found.state, at.since if found.state == at.state else now)
            now = found.wake or now

        assert sent == 1
        assert woke == [
            datetime(2026, 11, 23, 7, tzinfo=UTC),  # 26 hours before ten o'clock of Berlin
            datetime(2026, 11, 24, 0, tzinfo=UTC),  # 26 hours before ten o'clock of Shanghai
            datetime(2026, 11, 24, 15, tzinfo=UTC),  # ten o'clock of New York
            datetime(2026, 11, 24, 15, 0, 1, tzinfo=UTC),  # it is past ten in Berlin: it goes at once
            None,
        ]

    def test_until_the_hour_comes_in_the_zone(self) -> None:
        plan = steps.Plan((steps.Wait("w", 1, hours=1, local_minute=9 * 60), steps.Send("a", 2)))
        found = move(plan, 0, runs.GOING)
        assert found.wake == datetime(2026, 11, 23, 8, tzinfo=UTC)

    def test_days_keep_the_hour_over_a_change_of_clocks(self) -> None:
        plan = steps.Plan((steps.Wait("w", 1, days=1), steps.Send("a", 2)))
        before = datetime(2026, 3, 28, 11, tzinfo=UTC)  # noon, the day before the clocks go forward
        found = runs.advance(plan, runs.Standing(0, runs.GOING, before), NOBODY, before, ZONE)
        assert found.wake == datetime(2026, 3, 29, 10, tzinfo=UTC)

    def test_a_date_that_changes_meanwhile_counts_as_it_is_then(self) -> None:
        plan = steps.Plan((steps.Wait("w", 1, date=dates.NEXT_SERVICE, offset_days=-7), steps.Send("a", 2)))
        known = replace(NOBODY, date_of=lambda which, since: date(2027, 1, 1))
        first = move(plan, 0, runs.GOING, known)
        sooner = move(plan, 0, runs.WAITING, replace(NOBODY, date_of=lambda which, since: date(2026, 11, 25)))
        gone = move(plan, 0, runs.WAITING)
        assert (first.state, first.wake) == (runs.WAITING, NOW + timedelta(days=1))
        assert (sooner.step, sooner.sends) == (1, True)
        assert (gone.state, gone.reason) == (runs.OVER, "DATE_UNKNOWN")

    def test_a_run_whose_date_became_another_one_ends(self) -> None:
        due = (dates.NEXT_SERVICE, date(2026, 12, 1))
        served = replace(NOBODY, due=due, due_now=date(2027, 12, 1))
        same = replace(NOBODY, due=due, due_now=due[1])
        assert move(TestSending.PLAN, 0, runs.GOING, served).reason == "DATE_CHANGED"
        assert move(TestSending.PLAN, 0, runs.GOING, same).sends
