"""Between call tasks, scripts, figures and their messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from marque.survey.v1 import call_task_pb2, call_task_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.masking import mask, show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_survey.mapping import answers, pages
from marque_survey.rules import calls
from marque_survey.rules.document import Document

_PLAIN = ("vin", "questionnaire_number", "trigger", "state", "attempt_count", "attempt_limit", "reached", "language", "verdict",
    "check_faults", "reason")  # fmt: skip
_IDS = ("call_task_id", "invitation_id", "customer_id", "dealer_id", "questionnaire_id", "agent_id")
_MOMENTS = ("due_time", "expire_time", "end_time", "create_time", "update_time")


def task_for(call: Call, now: datetime) -> Callable[..., call_task_pb2.CallTask]:
    """Returns the rendering of a task for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Mapping[str, Any], *, phone: str = "", refusal: str = "") -> call_task_pb2.CallTask:
        told: dict[str, Any] = {name: row[name] for name in _PLAIN}
        told |= {name: fields.text(row[name]) for name in _IDS}
        message = call_task_pb2.CallTask(**told, phone_number=phone, etag=etag_of(row["version"]))
        message.reason = refusal or row["reason"]
        message.overdue = row["end_time"] is None and row["due_time"] <= now - calls.OVERDUE
        for name in _MOMENTS:
            fields.set_moment(message, name, row[name])
        shown: call_task_pb2.CallTask = show(call, message, "call_task", message.call_task_id, visible)
        return shown

    return render


def row_of(invitation: Any, task: Any) -> dict[str, Any]:
    """Returns the columns of an invitation and its task as a read row has them; where both have a name, the task's."""
    return {**fields.row_of(invitation), **fields.row_of(task)}


def add_attempts(message: call_task_pb2.CallTask, rows: Sequence[Any]) -> None:
    """Adds the calls of a task."""
    for row in rows:
        made = message.attempts.add(
            number=row["number"], agent_id=str(row["agent_id"]), outcome=row["outcome"], checking=row["checking"]
        )
        fields.set_moment(made, "begin_time", row["begin_time"])
        fields.set_moment(made, "end_time", row["end_time"])


def script(
    call: Call,
    task: call_task_pb2.CallTask | None,
    language: str,
    document: Document,
    kept: Mapping[str, Any],
    given: Mapping[str, Mapping[str, Any]],
) -> call_task_pb2.CallScript:
    """Returns a script; `kept` is the document as JSON."""
    page = pages.page(pages.OPEN, language, document, kept, given)
    made = call_task_pb2.CallScript(language=language, document=page.document, shown=page.shown, call_task=task)
    for question in document.questions:
        if question.code in given:
            made.answers.append(answers.answer_message(question.code, given[question.code]))
    mask(made, visible_classes(call.principal.roles))
    return made


def figures(row: Any) -> call_task_service_pb2.CallFigures:
    """Returns the figures of a group."""
    names = ("tasks", "attempts", "reached", "completed", "refused", "checked", "confirmed")
    told: dict[str, Any] = {name: row[name] or 0 for name in names}
    made = call_task_service_pb2.CallFigures(group=row["key"], **told)
    shares = (
        ("reach", "reached", "tasks"),
        ("completion", "completed", "reached"),
        ("quality", "confirmed", "checked"),
    )
    for name, part, whole in shares:
        value, low, high = calls.share(row[part], row[whole])
        getattr(made, name).CopyFrom(call_task_service_pb2.CallShare(value=value, low=low, high=high))
    return made
