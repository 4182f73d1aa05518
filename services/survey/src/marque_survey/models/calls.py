"""Call tasks: who is to be called and asked, by whom, and how each call ended. Numbers are those of the contract's enums."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ARRAY, Text
from sqlalchemy.orm import Mapped, mapped_column

from marque_survey.errors import (
    CallNotToCheck,
    CallNotUnderWay,
    CallOwnCheck,
    CallTaskEnded,
    CallTaskNotYours,
    CallTaskTaken,
    CallUnderWay,
)
from marque_survey.models.base import Model
from marque_survey.rules import calls


class CallTask(Aggregate, Model):
    """A place in the queue of agents. `vain_count`: calls in vain; a call-back is none. `claim_time`: when its agent did something last."""

    __tablename__ = "survey_calls"

    call_task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    invitation_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    anonymous: Mapped[bool] = mapped_column(default=False)
    state: Mapped[int] = mapped_column(default=calls.OPEN)
    reason: Mapped[str] = mapped_column(default="")
    due_time: Mapped[datetime]
    expire_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
    agent_id: Mapped[uuid.UUID | None]
    claim_time: Mapped[datetime | None]
    attempt_count: Mapped[int] = mapped_column(default=0)
    vain_count: Mapped[int] = mapped_column(default=0)
    attempt_limit: Mapped[int]
    check_permille: Mapped[int]
    reached: Mapped[bool] = mapped_column(default=False)
    to_check: Mapped[bool] = mapped_column(default=False)
    checker_id: Mapped[uuid.UUID | None]
    check_time: Mapped[datetime | None]
    verdict: Mapped[int] = mapped_column(default=0)
    check_faults: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    def take(self, agent: uuid.UUID, moment: datetime) -> None:
        """Gives it to an agent; again to its own changes nothing but the time. Raises CallTaskEnded, CallTaskTaken."""
        self._check_open()
        held = self.state == calls.TAKEN and self.claim_time is not None and self.claim_time > moment - calls.LEASE
        if held and self.agent_id != agent:
            raise CallTaskTaken()
        self.state, self.agent_id, self.claim_time = calls.TAKEN, agent, moment

    def hand_over(self, agent: uuid.UUID | None, moment: datetime) -> None:
        """Gives it to a successor, or back to the queue where there is none."""
        self.agent_id, self.claim_time = agent, moment if agent is not None else None
        self.state = calls.TAKEN if agent is not None else calls.OPEN

    def check_dial(self, agent: uuid.UUID, last: CallAttempt | None, may_check: bool) -> None:
        """Checks that somebody may call; a finished task is called again by who checks it.

        Raises CallTaskEnded, CallTaskNotYours, CallUnderWay.
        """
        if self.end_time is None:
            self._check_mine(agent)
        elif not (may_check and self.to_check) or self.agent_id == agent:
            raise CallTaskEnded()
        if last is not None and last.end_time is None:
            raise CallUnderWay()

    def dial(self, agent: uuid.UUID, moment: datetime) -> CallAttempt:
        """Begins a call; check it before."""
        self.attempt_count += 1
        if self.end_time is None:
            self.claim_time, self.reason = moment, ""
        return CallAttempt(
            call_task_id=self.call_task_id,
            number=self.attempt_count,
            agent_id=agent,
            begin_time=moment,
            checking=self.end_time is not None,
        )

    def wait(self, reason: str, until: datetime) -> None:
        """Puts it off, because the person may not be called before."""
        self.reason, self.due_time = reason, until
        self.state, self.claim_time = calls.OPEN, None
        self.expire_time = max(self.expire_time, until + calls.GRACE)

    def check_call(self, agent: uuid.UUID, last: CallAttempt | None) -> CallAttempt:
        """Returns the call that is under way. Raises CallTaskEnded, CallTaskNotYours, CallNotUnderWay."""
        self._check_open()
        self._check_mine(agent)
        if last is None or last.end_time is not None:
            raise CallNotUnderWay()
        return last

    def hang_up(self, outcome: int, moment: datetime, call_back: datetime | None = None) -> None:
        """Goes on after a call that was not completed."""
        self.reached = self.reached or outcome in calls.SPOKEN
        self.vain_count += outcome in calls.VAIN
        if outcome in calls.ENDING:
            self.close(calls.GIVEN_UP, calls.ENDING[outcome], moment)
        elif self.vain_count >= self.attempt_limit:
            self.close(calls.GIVEN_UP, calls.UNREACHED, moment)
        elif outcome == calls.CALL_BACK and call_back is not None:
            self.due_time, self.claim_time = call_back, moment  # who promised to call keeps it
            self.expire_time = max(self.expire_time, call_back + calls.GRACE)
        else:
            self.state, self.claim_time = calls.OPEN, None
            self.due_time = calls.next_due(outcome, self.vain_count, moment)

    def complete(self, moment: datetime) -> None:
        """Ends it with a response that was given in a call; some of these are checked."""
        self.reached = True
        self.close(calls.DONE, "", moment)
        self.to_check = calls.is_checked(self.call_task_id, self.check_permille)

    def close(self, state: int, reason: str, moment: datetime) -> None:
        """Ends it; once."""
        if self.end_time is None:
            self.state, self.reason, self.end_time, self.claim_time = state, reason, moment, None

    def check(self, checker: uuid.UUID, verdict: int, faults: Sequence[str], moment: datetime) -> None:
        """Notes what a supervisor found. Raises CallNotToCheck, CallOwnCheck."""
        if not self.to_check:
            raise CallNotToCheck()
        if checker == self.agent_id:
            raise CallOwnCheck()
        self.to_check, self.checker_id, self.check_time = False, checker, moment
        self.verdict, self.check_faults = verdict, list(faults)

    def _check_open(self) -> None:
        if self.end_time is not None:
            raise CallTaskEnded()

    def _check_mine(self, agent: uuid.UUID) -> None:
        if self.state != calls.TAKEN or self.agent_id != agent:
            raise CallTaskNotYours()


class CallAttempt(Model):
    """One call."""

    __tablename__ = "survey_call_attempts"

    call_task_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[uuid.UUID]
    begin_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
    outcome: Mapped[int] = mapped_column(default=0)
    checking: Mapped[bool] = mapped_column(default=False)

    def end(self, outcome: int, moment: datetime) -> None:
        """Says how it ended."""
        self.outcome, self.end_time = outcome, moment
