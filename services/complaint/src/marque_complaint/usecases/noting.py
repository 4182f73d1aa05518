"""What every change of a case writes down: an entry of its history, and how far up it was taken."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_complaint import events
from marque_complaint.models import Case, CaseEntry


def staff_of(uow: UnitOfWork) -> uuid.UUID | None:
    """Returns who of the staff does this; None for customers, systems and the platform."""
    return uuid.UUID(uow.principal.staff_id) if uow.principal.staff_id else None


def write_down(
    uow: UnitOfWork,
    case: Case,
    action: str,
    reason: str = "",
    *,
    before: int = 0,
    minutes: Iterable[int] | None = None,
    at: datetime | None = None,
) -> None:
    """Adds an entry to a case's history; `before` is the state from which it came, 0 where that did not change; `at`: when it was, None
    for now.
    """
    case.entry_count += 1
    uow.add(
        CaseEntry(
            case_id=case.case_id,
            sequence=case.entry_count,
            action=action,
            from_state=before if before != case.state else 0,
            state=case.state,
            waiting=case.waiting,
            escalation=case.escalation,
            severity=case.severity,
            reason=reason,
            staff_id=staff_of(uow),
            minutes=None if minutes is None else list(minutes),
            policy_version=case.policy_version,
            occur_time=at or uow.now,
        )
    )


def escalate(uow: UnitOfWork, case: Case, step: int, reason: str) -> None:
    """Takes a case up and says so. Raises CaseStateNotAllowed, CaseEscalatedAlready."""
    case.do("escalate", escalation=step)
    write_down(uow, case, "ESCALATED", reason)
    uow.emit(events.case_escalated(case, reason), of=case)
