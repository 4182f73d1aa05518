"""Between answers as JSON and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.survey.v1 import survey_answer_pb2
from servicekit import fields
from servicekit.errors import InvalidArgument


def value_of(message: survey_answer_pb2.SurveyAnswerInput, path: str) -> dict[str, Any]:
    """Returns an answer as it is kept; empty for one that is taken back. Raises InvalidArgument."""
    found: dict[str, Any] = {}
    if message.choices:
        found["choices"] = list(message.choices)
    if message.HasField("number"):
        found["number"] = message.number
    if message.text.strip():
        found["text"] = message.text
    if (day := fields.as_day(message, "date", f"{path}.date")) is not None:
        found["date"] = day.isoformat()
    if message.rows:
        found["rows"] = {row.code: [row.number, row.expected] for row in message.rows}
    if len(found) > 1:
        raise InvalidArgument.of(path, "ANSWER_AMBIGUOUS", "An answer has one value.")
    return found


def answers_of(messages: Iterable[survey_answer_pb2.SurveyAnswerInput], path: str) -> dict[str, dict[str, Any]]:
    """Returns answers by question. Raises InvalidArgument."""
    return {one.question_code: value_of(one, f"{path}[{place}]") for place, one in enumerate(messages)}


def answer_message(code: str, value: Mapping[str, Any], row: Any = None) -> survey_answer_pb2.SurveyAnswer:
    """Returns a kept answer; `row` has its `save_time`."""
    message = survey_answer_pb2.SurveyAnswer(
        question_code=code, choices=value.get("choices", ()), text=value.get("text", "")
    )
    if "number" in value:
        message.number = value["number"]
    if "date" in value:
        day = date.fromisoformat(value["date"])
        message.date.CopyFrom(date_pb2.Date(year=day.year, month=day.month, day=day.day))
    for name, (number, expected) in sorted(value.get("rows", {}).items()):
        message.rows.add(code=name, number=number, expected=expected)
    if row is not None:
        fields.set_moment(message, "save_time", row["save_time"])
    return message
