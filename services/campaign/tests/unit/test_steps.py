"""Steps as they are written: what is wrong with them is told by step and place."""

from __future__ import annotations

from typing import Any

import pytest
from marque_campaign.rules import steps


def send(code: str, next_: str = "") -> dict[str, Any]:
    return {"code": code, "next": next_, "send": {"template_id": "", "channel": 0, "purpose": 0}}


def wait(code: str, **given: Any) -> dict[str, Any]:
    told = {"hours": 0, "days": 0, "date": 0, "offset_days": 0, "local_minute": None, **given}
    return {"code": code, "next": "", "wait": told}


def branch(code: str, rule: str, then: str = "", otherwise: str = "") -> dict[str, Any]:
    return {"code": code, "next": "", "branch": {"rule": rule, "then": then, "otherwise": otherwise}}


def leave(code: str, reason: str = "") -> dict[str, Any]:
    return {"code": code, "next": "", "exit": {"reason": reason}}


class TestFaults:
    @pytest.mark.parametrize(
        ("document", "path", "reason"),
        [
            ([send("a"), send("a")], "steps[1].code", "STEP_DOUBLE"),
            ([send("a", "z")], "steps[0].next", "STEP_UNKNOWN"),
            ([send("a"), send("b", "a")], "steps[1].next", "STEP_BACKWARDS"),
            ([send("a", "a")], "steps[0].next", "STEP_BACKWARDS"),
            ([send("a"), branch("b", "true", then="a")], "steps[1].branch.then", "STEP_BACKWARDS"),
            ([send("a"), branch("b", "true", otherwise="c")], "steps[1].branch.otherwise", "STEP_UNKNOWN"),
            ([send("a"), branch("b", "person.nothing")], "steps[1].branch.rule", "CEL_NAME"),
            ([send("a"), branch("b", "1 +")], "steps[1].branch.rule", "CEL_SYNTAX"),
            ([send("a"), branch("b", '"z" in run.clicked')], "steps[1].branch.rule", "STEP_UNKNOWN"),
            ([branch("b", '"a" in run.clicked'), send("a")], "steps[0].branch.rule", "STEP_UNKNOWN"),
            ([send("a"), branch("b", "car.open_recalls > 0")], "steps[1].branch.rule", "CEL_NAME"),
            ([send("a"), wait("w")], "steps[1].wait", "WAIT_EMPTY"),
            ([send("a"), wait("w", hours=1, date=1)], "steps[1].wait.date", "WAIT_BOTH"),
            ([send("a"), wait("w", hours=1, offset_days=1)], "steps[1].wait.offset_days", "WAIT_EMPTY"),
            ([wait("w", hours=1)], "steps", "STEPS_SEND_NOTHING"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_place(self, document: list[dict[str, Any]], path: str, reason: str) -> None:
        found = steps.faults(document, "", steps.PERSON)

        assert (path, reason) in [(one.path, one.reason) for one in found]

    def test_a_rule_that_names_a_segment_is_refused(self) -> None:
        rule = '"00000000-0000-0000-0000-000000000001" in segments'
        assert [one.reason for one in steps.faults([send("a"), branch("b", rule)], "", 1)] == ["CEL_OUTSIDE"]

    def test_the_exit_rule_may_ask_every_message_and_the_car(self) -> None:
        rule = '"b" in run.responded || car.open_recalls > 0 || run.days > 30'
        assert steps.faults([send("a"), send("b")], rule, steps.VIN) == []

    def test_what_came_of_a_call_may_be_asked_of_the_messages_before(self) -> None:
        rule = '"a" in run.reached || "a" in run.not_reached || "a" in run.refused || "a" in run.call_later'
        assert steps.faults([send("a"), branch("b", rule)], "", steps.PERSON) == []

    @pytest.mark.parametrize(
        ("own", "channel", "days", "expected"),
        [
            (1, 3, 0, steps.Send("a", 1, calls=True, expire_days=30)),
            (0, 1, 9, steps.Send("a", 1, calls=True, expire_days=9)),
            (3, 1, 0, steps.Send("a", 1)),
            (0, 3, 0, steps.Send("a", 1)),
        ],
    )
    def test_a_step_calls_by_its_channel_or_the_campaign_s(
        self, own: int, channel: int, days: int, expected: steps.Send
    ) -> None:
        step = {**send("a"), "send": {"template_id": "", "channel": own, "purpose": 0, "expire_days": days}}
        assert steps.plan_of([step], "", steps.PERSON, channel).steps == (expected,)
        assert steps.plan_of([], "", steps.PERSON, channel).steps[0].calls is (channel == 1)  # type: ignore[union-attr]

    def test_a_plan_leads_where_its_codes_say(self) -> None:
        document = [send("a", "d"), branch("b", "true", then="d"), leave("c", "GONE"), send("d")]
        plan = steps.plan_of(document, "", steps.PERSON)

        assert steps.faults(document, "", steps.PERSON) == []
        assert [getattr(one, "next", None) for one in plan.steps] == [3, None, None, 4]
        fork = plan.steps[1]
        assert isinstance(fork, steps.Branch)
        assert (fork.then, fork.otherwise) == (3, 2)
        assert plan.steps[2] == steps.Exit("c", "GONE")
