"""How runs go through steps: always forward, to an end, each message once, whatever becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import dates, runs, steps
from marque_campaign.rules.ledger import ACCEPTED, BOUNCED, FINAL, HANDED, PLANNED, SUPPRESSED
from marque_campaign.rules.segments import evaluate
from marque_campaign.rules.segments.check import read

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ZONE = "Europe/Berlin"
NOBODY = runs.Facts(evaluate.Person({}), {"run": dict.fromkeys(steps.OUTCOMES, ()) | {"days": 0}})


def rule(text: str) -> Any:
    return read(text, steps.names_for(steps.PERSON)).condition


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
            SimpleNamespace(step=1, state=ACCEPTED, responses=[1, 2]),
            SimpleNamespace(step=2, state=BOUNCED, responses=[]),
            SimpleNamespace(step=3, state=SUPPRESSED, responses=[7]),
        ]
        found = runs.outcomes(["a", "b", "c"], lines)
        assert found == {
            "sent": ["a", "b"], "opened": ["a"], "clicked": ["a"], "replied": [], "responded": ["c"], "bounced": ["b"],
            "suppressed": ["c"],
        }  # fmt: skip


class TestWaits:
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
