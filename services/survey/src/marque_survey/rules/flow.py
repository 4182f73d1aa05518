"""Which questions are shown, and what is wrong with answers. An answer is JSON as it is kept:

`{"choices": […]}`, `{"number": n}`, `{"text": "…"}`, `{"date": "YYYY-MM-DD"}` or `{"rows": {"code": [number, expected]}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marque_survey.rules import kinds
from marque_survey.rules.document import Document, Question

Answers = Mapping[str, Mapping[str, Any]]
MISSING, INVALID, REFUSED = "ANSWER_MISSING", "ANSWER_INVALID", "ANSWER_REFUSED"


def shown(document: Document, answers: Answers) -> list[str]:
    """Returns the codes of the questions that are shown after some answers, in order.

    An answer to a question that is not shown does not count, also not for the conditions of later ones.
    """
    values: dict[str, Any] = {}
    found = []
    for question in document.questions:
        if question.show_if and not document.program(question.show_if).holds({"answers": values}):
            continue
        found.append(question.code)
        if (value := value_of(question, answers.get(question.code))) is not None:
            values[question.code] = value
    return found


def counted(document: Document, answers: Answers) -> dict[str, Any]:
    """Returns what conditions see: the values of the valid answers to questions that are shown."""
    found = {}
    for code in shown(document, answers):
        if (value := value_of(document.by_code[code], answers.get(code))) is not None:
            found[code] = value
    return found


def faults(document: Document, answers: Answers) -> list[tuple[str, str]]:
    """Returns (question, reason) of everything that stands against finishing."""
    values = counted(document, answers)
    found = []
    for code in shown(document, answers):
        question = document.by_code[code]
        if code not in values:
            if answers.get(code):
                found.append((code, INVALID))
            elif question.required:
                found.append((code, MISSING))
        elif question.required and question.kind in kinds.ROWED and len(values[code]) < len(question.rows):
            found.append((code, MISSING))
        elif question.valid_if and not document.program(question.valid_if).holds({"answers": values}):
            found.append((code, REFUSED))
    return found


def alarms(document: Document, answers: Answers) -> list[str]:
    """Returns the codes of the alarm rules that hold."""
    values = {"answers": counted(document, answers)}
    return [code for code, condition in document.alarm_rules if document.program(condition).holds(values)]


def lost_reasons(document: Document, values: Mapping[str, Any]) -> list[str]:
    """Returns why somebody stays away, as codes, each once; `values` as conditions see them."""
    found: list[str] = []
    for question in document.questions:
        if question.measure == kinds.LOST_REASON and (told := values.get(question.code)):
            found += [told] if isinstance(told, str) else told
    return list(dict.fromkeys(found))


def is_valid(question: Question, answer: Mapping[str, Any]) -> bool:
    """Tells whether an answer is one that the question has."""
    return value_of(question, answer) is not None


def value_of(question: Question, answer: Mapping[str, Any] | None) -> Any:
    """Returns the value of an answer as conditions see it; None for none, and for what is no answer to this question."""
    if not answer:
        return None
    if question.kind in kinds.CHOSEN:
        return _chosen(question, answer.get("choices"))
    if question.kind == kinds.RATING:
        number = answer.get("number")
        return number if _on_scale(question, number) else None
    if question.kind in kinds.ROWED:
        return _rows(question, answer.get("rows"))
    if question.kind == kinds.DATE:
        return _day(answer.get("date"))
    text = answer.get("text")
    return text if isinstance(text, str) and text.strip() else None


def _on_scale(question: Question, number: Any) -> bool:
    low, high = question.scale
    return isinstance(number, int) and low <= number <= high


def _chosen(question: Question, choices: Any) -> Any:
    if not choices or not set(choices) <= question.codes or len(set(choices)) < len(choices):
        return None
    if question.kind == kinds.SINGLE:
        return choices[0] if len(choices) == 1 else None
    if question.kind == kinds.RANKING and len(choices) < len(question.codes):
        return None
    return list(choices)


def _rows(question: Question, rows: Any) -> Any:
    if not rows or not set(rows) <= {row.code for row in question.rows}:
        return None
    wanted = 2 if question.kind == kinds.PAIR else 1
    if not all(_on_scale(question, number) for pair in rows.values() for number in pair[:wanted]):
        return None
    if question.kind == kinds.PAIR:
        return {code: {"perceived": pair[0], "expected": pair[1]} for code, pair in rows.items()}
    return {code: pair[0] for code, pair in rows.items()}


def _day(text: Any) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except (TypeError, ValueError):
        return None
