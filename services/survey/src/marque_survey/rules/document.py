"""What a questionnaire says, read once into types; and what is wrong with a draft, fault by fault with its place."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tradekit.cel import INT, STRING, CelError, ListOf, Program, Record, compile_condition
from tradekit.cel.types import Type

from marque_survey.rules import kinds

Texts = Mapping[str, str]
MOST_FROZEN = 256
"""How many versions a process keeps read: those that are asked about now, the oldest go first."""
_FROZEN: dict[tuple[uuid.UUID, int], Document] = {}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: the path of the field within the document, a reason, a sentence."""

    field: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """What can be chosen, or a row."""

    code: str
    texts: Texts
    score: int = 0


@dataclass(frozen=True)
class Question:
    """A question."""

    code: str
    kind: int
    texts: Texts
    options: tuple[Option, ...] = ()
    rows: tuple[Option, ...] = ()
    scale: tuple[int, int] = (0, 0)
    required: bool = False
    show_if: str = ""
    valid_if: str = ""
    measure: int = 0
    factor: str = ""

    @cached_property
    def type(self) -> Type:
        """What its answer is to conditions."""
        if self.kind in (kinds.MULTIPLE, kinds.RANKING):
            return ListOf(STRING)
        if self.kind == kinds.RATING:
            return INT
        if self.kind == kinds.MATRIX:
            return Record({row.code: INT for row in self.rows})
        if self.kind == kinds.PAIR:
            pair = Record({"expected": INT, "perceived": INT})
            return Record({row.code: pair for row in self.rows})
        return STRING

    @cached_property
    def codes(self) -> frozenset[str]:
        """The codes of its options."""
        return frozenset(option.code for option in self.options)


@dataclass(frozen=True)
class Document:
    """A whole questionnaire."""

    languages: tuple[str, ...]
    titles: Texts
    intros: Texts
    thanks: Texts
    questions: tuple[Question, ...]
    alarm_rules: tuple[tuple[str, str], ...] = ()
    index: str = ""
    market: str = ""
    anonymous: bool = False
    _programs: dict[str, Program] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_code(self) -> dict[str, Question]:
        """Its questions by their codes."""
        return {question.code: question for question in self.questions}

    def names_before(self, count: int) -> dict[str, Type]:
        """What conditions may name that look at the first `count` questions."""
        return {"answers": Record({question.code: question.type for question in self.questions[:count]})}

    def program(self, text: str) -> Program:
        """Returns a condition of a checked document, compiled once."""
        if text not in self._programs:
            self._programs[text] = compile_condition(text, self.names_before(len(self.questions)))
        return self._programs[text]

    def text(self, texts: Texts, language: str) -> str:
        """Returns a text in a language, else in one that shares its first part, else in the document's first."""
        wanted = [language, *(known for known in self.languages if _root(known) == _root(language)), *self.languages]
        return next((texts[one] for one in wanted if texts.get(one)), "")

    def language_for(self, wanted: Iterable[str]) -> str:
        """Returns the first language of the document that somebody wants, else the document's first."""
        for one in wanted:
            for known in self.languages:
                if known.lower() == one.lower():
                    return known
            for known in self.languages:
                if _root(known) == _root(one):
                    return known
        return self.languages[0] if self.languages else "en"


def _root(language: str) -> str:
    return language.partition("-")[0].lower()


def read(kept: Mapping[str, Any]) -> Document:
    """Reads a document as it is kept: JSON with the names of the contract, enums as numbers."""
    return Document(
        languages=tuple(kept.get("languages", ())),
        titles=kept.get("titles", {}),
        intros=kept.get("intros", {}),
        thanks=kept.get("thanks", {}),
        questions=tuple(_question(one) for one in kept.get("questions", ())),
        alarm_rules=tuple((one["code"], one["condition"]) for one in kept.get("alarm_rules", ())),
        index=kept.get("index", ""),
        market=kept.get("market", ""),
        anonymous=kept.get("anonymous", False),
    )


def frozen(questionnaire_id: uuid.UUID, number: int, kept: Mapping[str, Any]) -> Document:
    """Reads a published version, as `read` does. It never changes, so that a process reads its conditions once, which is a hundred times
    the work of judging them."""
    key = (questionnaire_id, number)
    if key not in _FROZEN:
        while len(_FROZEN) >= MOST_FROZEN:
            del _FROZEN[next(iter(_FROZEN))]
        _FROZEN[key] = read(kept)
    return _FROZEN[key]


def _question(kept: Mapping[str, Any]) -> Question:
    plain = {name: kept[name] for name in ("required", "show_if", "valid_if", "measure", "factor") if name in kept}
    return Question(
        code=kept["code"],
        kind=kept["kind"],
        texts=kept.get("texts", {}),
        options=tuple(_option(one) for one in kept.get("options", ())),
        rows=tuple(_option(one) for one in kept.get("rows", ())),
        scale=(kept.get("scale_min", 0), kept.get("scale_max", 0)),
        **plain,
    )


def _option(kept: Mapping[str, Any]) -> Option:
    return Option(kept["code"], kept.get("texts", {}), kept.get("score", 0))


def faults(document: Document) -> list[Fault]:
    """Returns everything that is wrong with a document, in its order."""
    found = list(_languages(document))
    seen: set[str] = set()
    for place, question in enumerate(document.questions):
        path = f"questions[{place}]"
        if question.code in seen:
            found.append(Fault(f"{path}.code", "QUESTION_DOUBLE", "A question before has this code."))
        seen.add(question.code)
        found += _shape(question, path)
        found += _measured(question, path)
        found += _condition(document, f"{path}.show_if", question.show_if, place)
        found += _condition(document, f"{path}.valid_if", question.valid_if, place + 1)
    rules: set[str] = set()
    for place, (code, condition) in enumerate(document.alarm_rules):
        if code in rules:
            found.append(Fault(f"alarm_rules[{place}].code", "ALARM_RULE_DOUBLE", "A rule before has this code."))
        rules.add(code)
        found += _condition(document, f"alarm_rules[{place}].condition", condition, len(document.questions))
    if any(question.factor for question in document.questions) and not (document.index and document.market):
        found.append(Fault("index", "INDEX_MISSING", "Questions have a step: name the index and the market."))
    return found


def _languages(document: Document) -> Iterable[Fault]:
    if not document.languages:
        yield Fault("languages", "LANGUAGE_MISSING", "Name one language at least.")
        return
    first = document.languages[0]
    told: list[tuple[str, Texts, bool]] = [
        ("titles", document.titles, True),
        ("intros", document.intros, False),
        ("thanks", document.thanks, False),
    ]
    for place, question in enumerate(document.questions):
        told.append((f"questions[{place}].texts", question.texts, True))
        for name, parts in (("options", question.options), ("rows", question.rows)):
            told += [(f"questions[{place}].{name}[{at}].texts", part.texts, True) for at, part in enumerate(parts)]
    for path, texts, needed in told:
        if needed and not texts.get(first, "").strip():
            yield Fault(path, "TEXT_MISSING", f"The text in {first} is missing, which stands in for others.")
        if unknown := sorted(set(texts) - set(document.languages)):
            yield Fault(path, "LANGUAGE_UNKNOWN", f"{unknown[0][:35]} is not among the languages.")


def _shape(question: Question, path: str) -> Iterable[Fault]:
    """What its kind needs, and what it has no use for."""
    if question.kind in kinds.CHOSEN and len(question.options) < 2:
        yield Fault(f"{path}.options", "OPTIONS_MISSING", "Give two options at least.")
    if question.kind not in kinds.CHOSEN and question.options:
        yield Fault(f"{path}.options", "OPTIONS_UNUSED", "Such a question has no options.")
    if (question.kind in kinds.ROWED) is not bool(question.rows):
        yield Fault(f"{path}.rows", "ROWS_INVALID", "Rows belong to a matrix and to pairs, one at least.")
    for name, parts in (("options", question.options), ("rows", question.rows)):
        if len({part.code for part in parts}) < len(parts):
            yield Fault(f"{path}.{name}", "CODE_DOUBLE", "Two have the same code.")
    low, high = question.scale
    if question.kind in kinds.SCALED and not (low < high and high - low <= 10):
        yield Fault(f"{path}.scale_max", "SCALE_INVALID", "A scale has 2 to 11 numbers.")
    if question.kind not in kinds.SCALED and question.scale != (0, 0):
        yield Fault(f"{path}.scale_max", "SCALE_UNUSED", "Such a question has no scale.")
    if any(row.code[0].isdigit() for row in question.rows):
        yield Fault(
            f"{path}.rows", "CODE_INVALID", "The code of a row begins with a letter, so that conditions can name it."
        )


def _measured(question: Question, path: str) -> Iterable[Fault]:
    scores = sorted({option.score for option in question.options if option.score})
    rated = question.kind == kinds.RATING or (question.kind == kinds.SINGLE and len(scores) >= 2)
    if question.measure == kinds.NPS and (question.kind, question.scale) != (kinds.RATING, (0, 10)):
        yield Fault(f"{path}.measure", "MEASURE_INVALID", "NPS is asked as a rating from 0 to 10.")
    if question.measure == kinds.CES and (question.kind, question.scale) != (kinds.RATING, (1, 7)):
        yield Fault(f"{path}.measure", "MEASURE_INVALID", "CES is asked as a rating from 1 to 7.")
    if question.measure == kinds.LOST_REASON and question.kind not in (kinds.SINGLE, kinds.MULTIPLE):
        yield Fault(f"{path}.measure", "MEASURE_INVALID", "Why somebody stays away is asked as a choice.")
    if (question.measure == kinds.CSAT or question.factor) and not rated:
        yield Fault(
            f"{path}.measure", "MEASURE_INVALID", "What is measured is a rating, or a choice whose options have scores."
        )


def _condition(document: Document, path: str, text: str, before: int) -> Iterable[Fault]:
    if not text:
        return
    try:
        compile_condition(text, document.names_before(before))
    except CelError as error:
        place = f"line {error.place.line}, column {error.place.column}"
        yield Fault(path, error.reason, f"{place}: {error.text}.")
