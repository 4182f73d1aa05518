"""Questionnaires in plain text, as Chinese survey sites exchange them, and the same in English.

The first lines are the title and what is said before; a question begins with its number and ends with its kind in brackets; the lines
below are its options. A star before the bracket means that it must be answered. What is not understood is told by line and never guessed
silently.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from marque_survey.rules import kinds

_QUESTION = re.compile(r"^\s*(?:Q|q|第)?\s*(\d{1,3})\s*(?:题)?\s*[.、．:：)）]\s*(.*\S)\s*$")
_KIND = re.compile(r"[\[【(（]\s*([^\[\]【】()（）]{1,20}?)\s*[\]】)）]\s*\*?\s*$")
_OPTION_MARK = re.compile(r"^\s*(?:[A-Za-z]\s*[.、．)）:：]|[○●□■◯☐•·-])\s*")
_KINDS = {
    "单选题": kinds.SINGLE, "单选": kinds.SINGLE, "判断题": kinds.SINGLE, "single": kinds.SINGLE, "single choice": kinds.SINGLE,
    "多选题": kinds.MULTIPLE, "多选": kinds.MULTIPLE, "multiple": kinds.MULTIPLE, "multiple choice": kinds.MULTIPLE,
    "填空题": kinds.TEXT, "简答题": kinds.TEXT, "问答题": kinds.TEXT, "填空": kinds.TEXT, "text": kinds.TEXT, "open": kinds.TEXT,
    "排序题": kinds.RANKING, "ranking": kinds.RANKING, "日期题": kinds.DATE, "日期": kinds.DATE, "date": kinds.DATE,
    "量表题": kinds.RATING, "评分题": kinds.RATING, "打分题": kinds.RATING, "rating": kinds.RATING, "scale": kinds.RATING,
    "nps": kinds.RATING, "矩阵题": kinds.MATRIX, "矩阵量表题": kinds.MATRIX, "matrix": kinds.MATRIX,
}  # fmt: skip
_STAR = "*＊"
_LONGEST = {"title": 300, "intro": 5000, "question": 2000, "option": 500}
_MOST_OPTIONS, _MOST_QUESTIONS = 100, 100
_SCALE = (1, 5)


@dataclass
class _Draft:
    number: int
    line: int
    text: str
    kind: int = 0
    required: bool = False
    nps: bool = False
    options: list[str] = field(default_factory=list)


@dataclass
class Read:
    """What was read: the document as it is kept (empty without a question), and (line, reason) of what was not understood."""

    document: dict[str, Any]
    remarks: list[tuple[int, str]]


def read(text: str, language: str) -> Read:
    """Reads a questionnaire."""
    head: list[str] = []
    found: list[_Draft] = []
    remarks: list[tuple[int, str]] = []
    for number, raw in enumerate(unicodedata.normalize("NFC", text.lstrip("\ufeff")).splitlines(), start=1):
        line = "".join(char for char in raw if char == "\t" or unicodedata.category(char) != "Cc").strip()
        if not line:
            continue
        match = _QUESTION.match(line)
        if match and _begins_question(match, found):
            if len(found) == _MOST_QUESTIONS:
                remarks.append((number, "TEXT_IGNORED"))
                break
            found.append(_question(match, number, remarks))
        elif found:
            _option(found[-1], line, number, remarks)
        else:
            head.append(line)
    if not found:
        return Read({}, remarks)
    questions = [_kept(draft, place, language, remarks) for place, draft in enumerate(found, start=1)]
    title = (head[0] if head else found[0].text)[: _LONGEST["title"]]
    document: dict[str, Any] = {"languages": [language], "titles": {language: title}, "questions": questions}
    if intro := "\n".join(head[1:])[: _LONGEST["intro"]]:
        document["intros"] = {language: intro}
    return Read(document, sorted(remarks))


def _begins_question(match: re.Match[str], found: list[_Draft]) -> bool:
    """A number begins a question where its kind stands behind it, or where it goes on counting: `1` may also be an option."""
    following = found[-1].number + 1 if found else 1
    return _kind_in(match[2]) is not None or int(match[1]) == following


def _kind_in(text: str) -> tuple[str, re.Match[str]] | None:
    match = _KIND.search(text)
    return (match[1].strip().lower(), match) if match else None


def _question(match: re.Match[str], line: int, remarks: list[tuple[int, str]]) -> _Draft:
    made = _Draft(int(match[1]), line, match[2])
    unknown = False
    while named := _kind_in(made.text):
        word, where = named
        if word not in _KINDS:
            if made.kind or not re.search(r"题$|question", word):
                break
            unknown = True
        elif not made.kind:
            made.kind, made.nps = _KINDS[word], word == "nps"
        made.required |= where[0].rstrip()[-1] in _STAR
        made.text = made.text[: where.start()].rstrip()
        made.required |= made.text[-1:] in tuple(_STAR)
        made.text = made.text.rstrip(_STAR + " ")
    if unknown:
        remarks.append((line, "KIND_UNKNOWN"))
    made.text = made.text[: _LONGEST["question"]] or match[2][: _LONGEST["question"]]
    return made


def _option(draft: _Draft, line: str, number: int, remarks: list[tuple[int, str]]) -> None:
    text = _OPTION_MARK.sub("", line, count=1).strip()[: _LONGEST["option"]]
    if draft.kind in (kinds.TEXT, kinds.DATE) or len(draft.options) == _MOST_OPTIONS or not text:
        remarks.append((number, "TEXT_IGNORED"))
    elif text in draft.options:
        remarks.append((number, "OPTION_DOUBLE"))
    else:
        draft.options.append(text)


def _kept(draft: _Draft, place: int, language: str, remarks: list[tuple[int, str]]) -> dict[str, Any]:
    if not draft.kind:
        draft.kind = kinds.SINGLE if len(draft.options) >= 2 else kinds.TEXT
        if (draft.line, "KIND_UNKNOWN") not in remarks:
            remarks.append((draft.line, "KIND_GUESSED"))
    kept: dict[str, Any] = {"code": f"q{place}", "texts": {language: draft.text}}
    if draft.required:
        kept["required"] = True
    if draft.kind == kinds.SINGLE and (scale := _scale_of(draft.options)):
        draft.kind = kinds.RATING
        return {**kept, "kind": kinds.RATING, "scale_min": scale[0], "scale_max": scale[1]}
    if draft.kind == kinds.RATING:
        low, high = (0, 10) if draft.nps else _scale_of(draft.options) or _SCALE
        measure = {"measure": kinds.NPS} if draft.nps else {}
        return {**kept, "kind": kinds.RATING, "scale_min": low, "scale_max": high, **measure}
    if draft.kind == kinds.MATRIX and draft.options:
        rows = [_part(f"r{at}", text, language) for at, text in enumerate(draft.options[:30], start=1)]
        return {**kept, "kind": kinds.MATRIX, "rows": rows, "scale_min": _SCALE[0], "scale_max": _SCALE[1]}
    if draft.kind in kinds.CHOSEN and len(draft.options) >= 2:
        options = [_part(f"o{at}", text, language) for at, text in enumerate(draft.options, start=1)]
        return {**kept, "kind": draft.kind, "options": options}
    if draft.kind in (*kinds.CHOSEN, kinds.MATRIX):
        remarks.append((draft.line, "OPTIONS_MISSING"))
        draft.kind = kinds.TEXT
    return {**kept, "kind": draft.kind}


def _part(code: str, text: str, language: str) -> dict[str, Any]:
    return {"code": code, "texts": {language: text}}


def _scale_of(options: list[str]) -> tuple[int, int] | None:
    """Options that are numbers in a row are a scale, rising or falling."""
    if len(options) < 3 or len(options) > 11 or not all(re.fullmatch(r"\d{1,2}(?:\s*分)?", one) for one in options):
        return None
    numbers = [int(re.sub(r"\D", "", one)) for one in options]
    low, high = min(numbers), max(numbers)
    return (low, high) if sorted(numbers) == list(range(low, high + 1)) else None
