"""What the page shows: nothing of alarm rules, steps and scores, which are the maker's. Conditions are told as they are evaluated here,
written again from the checked tree, so that the browser judges by the same words (tests/contract/test_conditions_alike.py)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.survey.v1 import survey_answer_pb2, survey_page_service_pb2
from tradekit.cel import written

from marque_survey.mapping import questionnaires
from marque_survey.rules import flow
from marque_survey.rules.document import Document

OPEN, FINISHED, EXPIRED = 1, 2, 3
_TOLD = ("languages", "titles", "intros", "thanks", "questions")
_ASKED = ("code", "kind", "texts", "options", "rows", "scale_min", "scale_max", "required")


def page(
    state: int, language: str, document: Document, kept: Mapping[str, Any], answers: flow.Answers
) -> survey_page_service_pb2.SurveyPage:
    """Returns a page; `kept` is the document as JSON. A page that is over shows titles and thanks alone."""
    told = {name: kept[name] for name in _TOLD if name in kept}
    told["questions"] = [_asked(one, document) for one in kept.get("questions", ())] if state == OPEN else []
    made = survey_page_service_pb2.SurveyPage(
        state=state,  # type: ignore[arg-type]
        language=language,
        document=questionnaires.document_message(told),
    )
    if state == OPEN:
        made.shown.extend(flow.shown(document, answers))
        for code, value in sorted(answers.items()):
            made.answers.add(answer=_given(code, value))
    return made


def _asked(question: Mapping[str, Any], document: Document) -> dict[str, Any]:
    found = {name: question[name] for name in _ASKED if name in question}
    for name in ("show_if", "valid_if"):
        if question.get(name):
            found[name] = written(document.program(question[name]).node)
    if "options" in found:
        found["options"] = [{name: one[name] for name in ("code", "texts")} for one in found["options"]]
    return found


def _given(code: str, value: Mapping[str, Any]) -> survey_answer_pb2.SurveyAnswerInput:
    made = survey_answer_pb2.SurveyAnswerInput(
        question_code=code, choices=value.get("choices", ()), text=value.get("text", "")
    )
    if "number" in value:
        made.number = value["number"]
    if "date" in value:
        day = date.fromisoformat(value["date"])
        made.date.CopyFrom(date_pb2.Date(year=day.year, month=day.month, day=day.day))
    for row, (number, expected) in sorted(value.get("rows", {}).items()):
        made.rows.add(code=row, number=number, expected=expected)
    return made
