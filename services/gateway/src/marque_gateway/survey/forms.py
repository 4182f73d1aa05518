"""Answers as a form sends them, for browsers that run no script; and how a question stands on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from google.type import date_pb2
from marque.survey.v1 import questionnaire_pb2, survey_answer_pb2

SINGLE, MULTIPLE, RATING, TEXT, DATE, RANKING, MATRIX, PAIR = range(1, 9)
Form = Mapping[str, list[str]]
LONGEST = 5000
"""How many characters an answer in words has at most, as the contract says."""


def text(texts: Mapping[str, str], languages: Iterable[str]) -> str:
    """Returns a text in the first of some languages that it has."""
    return next((texts[one] for one in languages if texts.get(one)), "")


def face(page: Any, faults: Mapping[str, str], *, is_open: bool = True) -> dict[str, Any]:
    """Returns what the template says of a questionnaire: texts in the page's language, and the questions while it is open."""
    languages = [page.language, *page.document.languages]
    return {
        "title": text(page.document.titles, languages),
        "intro": text(page.document.intros, languages).splitlines(),
        "thanks": text(page.document.thanks, languages),
        "questions": view(page, faults) if is_open else [],
        "conditions": conditions(page.document.questions) if is_open else [],
    }


def summary(page: Any, last: Any) -> list[tuple[str, list[str]]]:
    """Returns what somebody sent: each question of a page that was shown and answered in the end, and what they said, in words."""
    languages = [page.language, *page.document.languages]
    given, shown = {one.answer.question_code: one.answer for one in last.answers}, set(last.shown)
    asked = [one for one in page.document.questions if one.code in given and one.code in shown]
    return [(text(one.texts, languages), _said(one, given[one.code], languages)) for one in asked]


def _said(question: Any, answer: Any, languages: list[str]) -> list[str]:
    names = {one.code: text(one.texts, languages) for one in (*question.options, *question.rows)}
    found = [names.get(code, code) for code in answer.choices]
    pair = question.kind == PAIR
    found += [
        f"{names.get(row.code, row.code)}: {row.number}" + (f" / {row.expected}" if pair else "") for row in answer.rows
    ]
    if answer.HasField("number"):
        found.append(str(answer.number))
    if answer.date.year:
        found.append(f"{answer.date.year:04}-{answer.date.month:02}-{answer.date.day:02}")
    return [*found, *answer.text.splitlines()]


def view(page: Any, faults: Mapping[str, str]) -> list[dict[str, Any]]:
    """Returns the questions as the template shows them, in the page's language."""
    languages = [page.language, *page.document.languages]
    given = {one.answer.question_code: one.answer for one in page.answers}
    found = []
    for question in page.document.questions:
        answer = given.get(question.code) or survey_answer_pb2.SurveyAnswerInput()
        rows = {row.code: row for row in answer.rows}
        found.append(
            {
                "code": question.code,
                "kind": question.kind,
                "text": text(question.texts, languages),
                "required": question.required,
                "shown": question.code in page.shown,
                "fault": faults.get(question.code, ""),
                "options": [(one.code, text(one.texts, languages)) for one in question.options],
                "rows": [(one.code, text(one.texts, languages), rows.get(one.code)) for one in question.rows],
                "scale": list(range(question.scale_min, question.scale_max + 1)),
                "choices": list(answer.choices),
                "number": answer.number if answer.HasField("number") else None,
                "words": answer.text,
                "day": f"{answer.date.year:04}-{answer.date.month:02}-{answer.date.day:02}" if answer.date.year else "",
            }
        )
    return found


def conditions(questions: Iterable[questionnaire_pb2.Question]) -> list[dict[str, Any]]:
    """Returns what the script needs to know to judge answers by itself, as JSON."""
    return [
        {
            "code": one.code,
            "kind": one.kind,
            "required": one.required,
            "showIf": one.show_if,
            "validIf": one.valid_if,
            "scale": [one.scale_min, one.scale_max],
            "options": [option.code for option in one.options],
            "rows": [row.code for row in one.rows],
        }
        for one in questions
    ]


def answers(questions: Iterable[questionnaire_pb2.Question], form: Form) -> list[survey_answer_pb2.SurveyAnswerInput]:
    """Returns what a form says, an answer for each question that has a field in it."""
    found = []
    for question in questions:
        name = f"q-{question.code}"
        if any(field == name or field.startswith(f"{name}.") for field in form):
            found.append(_answer(question, name, form))
    return found


def _answer(question: questionnaire_pb2.Question, name: str, form: Form) -> survey_answer_pb2.SurveyAnswerInput:
    made = survey_answer_pb2.SurveyAnswerInput(question_code=question.code)
    values = [one for one in form.get(name, ()) if one]
    if question.kind in (SINGLE, MULTIPLE):
        made.choices.extend(dict.fromkeys(one[:40] for one in values))
    elif question.kind == RANKING:
        places = [(_number(form, f"{name}.{one.code}"), one.code) for one in question.options]
        made.choices.extend(code for place, code in sorted(one for one in places if one[0] is not None))
    elif question.kind == RATING and values:
        if (number := _whole(values[0])) is not None:
            made.number = number
    elif question.kind == TEXT and values:
        made.text = values[0].replace("\r\n", "\n")  # forms send lines so, and a field's length counts one
    elif question.kind == DATE and values:
        made.date.CopyFrom(_day(values[0]))
    elif question.kind in (MATRIX, PAIR):
        for row in question.rows:
            number, expected = _number(form, f"{name}.{row.code}"), _number(form, f"{name}.{row.code}.e")
            if number is not None and (question.kind == MATRIX or expected is not None):
                made.rows.add(code=row.code, number=number, expected=expected or 0)
    return made


def _number(form: Form, name: str) -> int | None:
    return _whole(next(iter(form.get(name, ())), ""))


def _whole(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 2 else None


def _day(value: str) -> date_pb2.Date:
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return date_pb2.Date()
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)
