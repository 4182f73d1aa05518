"""A call as its events tell it: they come late, twice and in any order, and the call is the same for all of it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from marque.customer.v1 import call_pb2, call_service_pb2, interaction_pb2

_STATE, _KIND = call_pb2.CallState, call_service_pb2.CallEventKind
RINGING, ANSWERED = _STATE.CALL_STATE_RINGING, _STATE.CALL_STATE_ANSWERED
ENDED, MISSED = _STATE.CALL_STATE_ENDED, _STATE.CALL_STATE_MISSED
INBOUND = interaction_pb2.INTERACTION_DIRECTION_INBOUND
OUTBOUND = interaction_pb2.INTERACTION_DIRECTION_OUTBOUND
_OVER = (_KIND.CALL_EVENT_KIND_ENDED, _KIND.CALL_EVENT_KIND_MISSED)
_TAKEN = (_KIND.CALL_EVENT_KIND_ANSWERED, _KIND.CALL_EVENT_KIND_TRANSFERRED)
_NEVER, _NOBODY = datetime.min.replace(tzinfo=UTC), uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a call."""

    kind: int
    moment: datetime
    staff_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """How a call went, as far as it was told."""

    direction: int
    begin_time: datetime
    answer_time: datetime | None = None
    end_time: datetime | None = None
    staff_id: uuid.UUID | None = None
    staff_time: datetime | None = None
    transfers: int = 0

    @property
    def state(self) -> int:
        """Where it stands: one that came in, is over and was answered by nobody, is missed, whatever the telephone system calls it."""
        if self.end_time is None:
            return RINGING if self.answer_time is None else ANSWERED
        return MISSED if self.answer_time is None and self.direction == INBOUND else ENDED

    def after(self, told: Told) -> Course:
        """Returns the course with one more event; each event is given once."""
        course = replace(self, begin_time=min(self.begin_time, told.moment))
        if told.kind in _TAKEN:
            course = replace(course, answer_time=min(course.answer_time or told.moment, told.moment))
        if told.kind == _KIND.CALL_EVENT_KIND_TRANSFERRED:
            course = replace(course, transfers=course.transfers + 1)
        if told.kind in _OVER:
            course = replace(course, end_time=max(course.end_time or told.moment, told.moment))
        # The last who got it has it; of two at the same moment the greater id, so that the order of telling decides nothing.
        if told.staff_id is not None and (told.moment, told.staff_id) > (
            course.staff_time or _NEVER,
            course.staff_id or _NOBODY,
        ):
            course = replace(course, staff_id=told.staff_id, staff_time=told.moment)
        return course
