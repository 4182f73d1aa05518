"""The events of cases, made from their rows; `aggregate_version` is set as they are emitted. Ids and facts, no words of people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2
from marque.complaint.v1 import case_events_pb2 as told
from marque.complaint.v1 import case_task_events_pb2, defect_signal_events_pb2

from marque_complaint.models import Case, CaseClock, CaseTask, DefectSignal
from marque_complaint.rules import vins

SURVEY = "marque.survey.v1.SurveyAlarmed"
"""The source of cases that an alarm of a survey opened: their key is an id, where other sources' keys may be anything."""


def _moment(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    made = Timestamp()
    made.FromDatetime(value)
    return made


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _facts(row: Case) -> dict[str, Any]:
    return {
        "case_id": str(row.case_id),
        "customer_id": _text(row.customer_id),
        "dealer_id": _text(row.dealer_id),
        "vin": row.vin if vins.is_whole(row.vin) else "",
        "kind": row.kind,
        "severity": row.severity,
    }


def case_received(row: Case) -> told.CaseReceived:
    """Tells that a case was taken."""
    moment = _moment(row.receive_time)
    origin = {"source": row.source, "source_key": row.source_key} if row.source == SURVEY else {}
    return told.CaseReceived(**_facts(row), channel=row.channel, receive_time=moment, state=row.state, **origin)  # type: ignore[arg-type]


def case_acknowledged(row: Case) -> told.CaseAcknowledged:
    """Tells that the customer knows that it is here."""
    return told.CaseAcknowledged(**_facts(row))


def case_assigned(row: Case) -> told.CaseAssigned:
    """Tells who works on it."""
    return told.CaseAssigned(**_facts(row), handler_staff_id=_text(row.handler_staff_id))


def case_escalated(row: Case, reason: str) -> told.CaseEscalated:
    """Tells how far up it was taken."""
    return told.CaseEscalated(**_facts(row), escalation=row.escalation, reason=reason)  # type: ignore[arg-type]


def case_breached(row: Case, clock: CaseClock) -> told.CaseBreached:
    """Tells that a promise of time was not kept."""
    times = {"due_time": _moment(clock.due_time), "start_time": _moment(clock.start_time)}
    return told.CaseBreached(**_facts(row), clock=clock.kind, **times)  # type: ignore[arg-type]


def case_resolved(row: Case) -> told.CaseResolved:
    """Tells that what was decided is done."""
    return told.CaseResolved(**_facts(row), remedy=row.remedy, cause=row.cause)


def case_closed(row: Case) -> told.CaseClosed:
    """Tells that nothing is left to do, or that it goes on in another case."""
    into: dict[str, Any] = {"merged_into_case_id": _text(row.merged_into_case_id)}
    moment = _moment(row.receive_time)
    return told.CaseClosed(**_facts(row), receive_time=moment, reopen_count=row.reopen_count, remedy=row.remedy, **into)


def case_reopened(row: Case, reason: str) -> told.CaseReopened:
    """Tells that it was opened again."""
    return told.CaseReopened(**_facts(row), reason=reason, reopen_count=row.reopen_count)


def case_linked(row: Case, former: object) -> told.CaseLinked:
    """Tells whose it is now."""
    return told.CaseLinked(**_facts(row), former_customer_id=_text(former), state=row.state)  # type: ignore[arg-type]


def safety_case_flagged(row: Case) -> told.SafetyCaseFlagged:
    """Tells of signs of danger."""
    car = {"make": row.make, "model": row.model, "model_year": row.model_year}
    return told.SafetyCaseFlagged(**_facts(row), signs=row.safety_signs, **car)  # type: ignore[arg-type]


def case_snapshot(row: Case) -> told.CaseSnapshot:
    """Says a case again."""
    return told.CaseSnapshot(
        **_facts(row),
        aggregate_version=row.version,
        state=row.state,  # type: ignore[arg-type]
        escalation=row.escalation,  # type: ignore[arg-type]
        handler_staff_id=_text(row.handler_staff_id),
        receive_time=_moment(row.receive_time),
    )


def case_task_late(row: CaseTask) -> case_task_events_pb2.CaseTaskLate:
    """Tells that what was promised was not done in time."""
    ids = {name: _text(getattr(row, name)) for name in ("task_id", "case_id", "dealer_id", "owner_staff_id")}
    due = _moment(row.due_time)
    return case_task_events_pb2.CaseTaskLate(**ids, kind=row.kind, purpose=row.purpose, due_time=due)  # type: ignore[arg-type]


def defect_signal_raised(row: DefectSignal) -> defect_signal_events_pb2.DefectSignalRaised:
    """Tells that complaints about a component of a model year rise."""
    plain = ("make", "model", "model_year", "system", "basis", "after_count", "predicted_count", "false_alarm_rate")
    day = row.change_month
    return defect_signal_events_pb2.DefectSignalRaised(
        signal_id=str(row.signal_id),
        change_month=date_pb2.Date(year=day.year, month=day.month, day=day.day),
        **{name: getattr(row, name) for name in plain},
    )
