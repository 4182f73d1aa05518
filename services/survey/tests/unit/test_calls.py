"""How calling goes on: nobody is called too often, every task ends, a task has one agent, shares stay shares."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_survey.errors import CallTaskEnded, CallTaskTaken
from marque_survey.models import CallTask
from marque_survey.rules import calls
from servicekit.rpc.principal import Principal

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
OUTCOMES = st.lists(st.sampled_from(sorted(calls.VAIN | calls.SPOKEN | calls.ENDING.keys())), min_size=1, max_size=30)


def task(**fields: object) -> CallTask:
    told = {"call_task_id": uuid.uuid4(), "due_time": NOW, "expire_time": NOW + timedelta(days=14), "attempt_limit": 3,
            "check_permille": 50, "state": calls.OPEN, "attempt_count": 0, "vain_count": 0, "reached": False, "reason": ""}  # fmt: skip
    return CallTask(**{**told, **fields})


class TestHangUp:
    @given(outcomes=OUTCOMES, limit=st.integers(1, 6))
    def test_nobody_is_called_in_vain_more_often_than_allowed_and_every_refusal_ends_it(
        self, outcomes: list[int], limit: int
    ) -> None:
        one, agent, moment, vain = task(attempt_limit=limit), uuid.uuid4(), NOW, 0
        for outcome in outcomes:
            if one.end_time is not None:
                with pytest.raises(CallTaskEnded):
                    one.take(agent, moment)
                break
            one.take(agent, moment)
            back = moment + timedelta(days=2) if outcome == calls.CALL_BACK else None
            if outcome == calls.COMPLETED:
                one.complete(moment)
            else:
                one.hang_up(outcome, moment, back)
            vain += outcome in calls.VAIN
            assert one.vain_count <= limit
            assert (one.end_time is not None) == (
                outcome in calls.ENDING or outcome == calls.COMPLETED or vain >= limit
            )
            if one.end_time is None:
                assert moment < one.due_time < one.expire_time
            moment = max(moment + timedelta(minutes=1), one.due_time)

    def test_a_call_back_stays_with_who_promised_it_and_moves_the_end_behind_it(self) -> None:
        one, agent = task(expire_time=NOW + timedelta(days=1)), uuid.uuid4()
        one.take(agent, NOW)
        back = NOW + timedelta(days=5)
        one.hang_up(calls.CALL_BACK, NOW, back)

        assert (one.state, one.agent_id, one.due_time, one.vain_count) == (calls.TAKEN, agent, back, 0)
        assert one.expire_time > back

    def test_after_no_answer_the_next_calls_come_at_other_hours_of_the_day(self) -> None:
        moment, hours = NOW, [NOW.hour]
        for vain in (1, 2, 3):
            moment = calls.next_due(calls.NO_ANSWER, vain, moment)
            hours.append(moment.hour)

        assert len(set(hours)) == 4


class TestTake:
    def test_another_takes_it_after_the_lease_and_not_a_moment_before(self) -> None:
        one, first, second = task(), uuid.uuid4(), uuid.uuid4()
        one.take(first, NOW)
        with pytest.raises(CallTaskTaken):
            one.take(second, NOW + calls.LEASE - timedelta(microseconds=1))
        one.take(second, NOW + calls.LEASE)

        assert one.agent_id == second

    def test_who_has_no_record_of_staff_is_the_same_agent_each_time_and_nobody_can_read_who(self) -> None:
        one, other = (Principal(subject=name) for name in ("a@example.com", "b@example.com"))
        staff = Principal(subject="a@example.com", staff_id=str(uuid.uuid4()))

        assert calls.agent_of(one) == calls.agent_of(Principal(subject="a@example.com")) != calls.agent_of(other)
        assert str(calls.agent_of(staff)) == staff.staff_id


class TestSample:
    def test_the_sample_is_about_as_large_as_asked_for_and_always_the_same(self) -> None:
        ids = [uuid.UUID(int=at * 7919) for at in range(4000)]
        drawn = [one for one in ids if calls.is_checked(one, 50)]

        assert 140 < len(drawn) < 260
        assert drawn == [one for one in ids if calls.is_checked(one, 50)]
        assert not any(calls.is_checked(one, 0) for one in ids)
        assert all(calls.is_checked(one, 1000) for one in ids)


class TestShare:
    @given(whole=st.integers(0, 10_000), data=st.data())
    def test_a_share_lies_in_its_interval_and_that_within_nothing_and_all(
        self, whole: int, data: st.DataObject
    ) -> None:
        part = data.draw(st.integers(0, whole))
        value, low, high = calls.share(part, whole)

        assert 0.0 <= low <= value + 1e-12
        assert value - 1e-12 <= high <= 1.0
        assert whole == 0 or high - low < 1.0

    def test_the_interval_is_wilson_s(self) -> None:
        assert calls.share(8, 10) == pytest.approx((0.8, 0.490162, 0.943318), abs=1e-6)
