"""Between plans and their messages."""

from __future__ import annotations

import uuid
from typing import Any

from marque.survey.v1 import survey_plan_pb2, survey_plan_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument

from marque_survey.rules import kinds

_PLAIN = (
    "name",
    "trigger",
    "active",
    "delay_days",
    "expire_days",
    "sample_permille",
    "dealer_quota",
    "way",
    "call_attempts",
    "check_permille",
)
WRITABLE = tuple(name for name in _PLAIN if name != "trigger")
_ABSENT_DAYS = 182
_DEFAULTS = {
    "expire_days": 14,
    "sample_permille": 1000,
    "way": kinds.BY_EMAIL,
    "call_attempts": 3,
    "check_permille": 50,
}


def new_plan(message: survey_plan_pb2.SurveyPlan) -> dict[str, Any]:
    """Returns the columns of a new plan."""
    found = {name: getattr(message, name) for name in _PLAIN}
    found |= {name: found[name] or value for name, value in _DEFAULTS.items()}
    if found["trigger"] == kinds.LAPSED:
        found["delay_days"] = found["delay_days"] or _ABSENT_DAYS
    return {**found, "name": _name(message), "questionnaire_id": uuid.UUID(message.questionnaire_id)}


def changes(request: survey_plan_service_pb2.UpdateSurveyPlanRequest) -> dict[str, Any]:
    """Returns the columns that an update names. Raises InvalidArgument."""
    message = request.plan
    paths = fields.masked_paths(message, request.update_mask, WRITABLE, "plan_id", "plan")
    found = {path: getattr(message, path) or _DEFAULTS.get(path, getattr(message, path)) for path in paths}
    return {**found, "name": _name(message)} if "name" in found else found


def _name(message: survey_plan_pb2.SurveyPlan) -> str:
    if not message.name.strip():
        raise InvalidArgument.of("plan.name", "NAME_MISSING", "Give a name.")
    return message.name.strip()


def message_of(row: Any) -> survey_plan_pb2.SurveyPlan:
    """Returns a plan."""
    message = survey_plan_pb2.SurveyPlan(
        **{name: row[name] for name in _PLAIN},
        plan_id=str(row["plan_id"]),
        questionnaire_id=str(row["questionnaire_id"]),
        etag=etag_of(row["version"]),
    )
    for name in ("create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def rendered(model: Any) -> survey_plan_pb2.SurveyPlan:
    """Returns a plan that was written."""
    return message_of(fields.row_of(model))


def wave_message(row: Any) -> survey_plan_service_pb2.SurveyWave:
    """Returns a wave."""
    made = survey_plan_service_pb2.SurveyWave(
        questionnaire_id=str(row["questionnaire_id"]), number=row["number"], name=row["name"]
    )
    fields.set_moment(made, "start_time", row["start_time"])
    return made
