"""Conditions mean the same in the browser and at the server: the official cases, generated expressions, whole questionnaires.

The browser's side is the very file that the page is given (`make page`), run by Node, in one process for all cases.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marque_gateway.survey import forms
from marque_survey.mapping import pages
from marque_survey.rules import document as documents
from marque_survey.rules import flow
from tradekit.cel import DOUBLE, INT, STRING, CelError, ListOf, Program, Record, written
from tradekit.cel.conformance import CASES, cases
from tradekit.cel.program import EvaluationError

GATEWAY = Path(__file__).resolve().parents[2] / "services" / "gateway"
BUNDLE = GATEWAY / "src" / "marque_gateway" / "survey" / "built" / "rules.js"
SHORT, LONG = 150, 4_000


class Browser:
    """The engine of the page in a process of Node."""

    def __init__(self) -> None:
        command = ["node", str(GATEWAY / "page" / "judge.mjs"), str(BUNDLE)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **asked: Any) -> dict[str, Any]:
        """Asks one question."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "broken" not in found, (found, asked)
        return found

    def value(self, program: Program, values: dict[str, Any]) -> Any:
        """The value of an expression in the form in which the page is given it; None for none."""
        return untagged(
            self.ask(expression=written(program.node), values={k: tagged(v) for k, v in values.items()})["value"]
        )

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=60)


def tagged(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"d": repr(value)}
    return (
        [tagged(one) for one in value] if isinstance(value, list) else {"m": {k: tagged(v) for k, v in value.items()}}
    )


def untagged(told: Any) -> Any:
    if isinstance(told, dict):
        return int(told["i"]) if "i" in told else float(told["d"].replace("Infinity", "inf"))
    return [untagged(one) for one in told] if isinstance(told, list) else told


def at_server(program: Program, values: dict[str, Any]) -> Any:
    try:
        return program.evaluate(values)
    except EvaluationError:
        return None


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and one == other


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not shutil.which("node") or not BUNDLE.exists():
        pytest.skip("the page's rules are not built (make page needs npm and Node)")
    made = Browser()
    yield made
    made.close()


NAMES = {
    "answers": Record(
        {
            "nps": INT,
            "effort": INT,
            "why": STRING,
            "seen": ListOf(STRING),
            "share": DOUBLE,
            "grid": Record({"clean": INT, "kind": INT}),
        }
    )
}
_LETTERS = st.text(st.sampled_from("ab\\\"'\n é中\uffff😀"), max_size=4)
_WHOLE = st.integers(-3, 12) | st.sampled_from([2**63 - 1, -(2**63) + 1, 2**53 + 1, 10**18])
_REAL = st.sampled_from([0.0, 0.5, 1.5, -2.5, 1e300, 9.3e18, 2.0**53]) | st.floats(-100, 100)
_FEW: dict[str, Any] = {"answers": st.fixed_dictionaries({}, optional={
    "nps": _WHOLE, "effort": _WHOLE, "why": _LETTERS, "seen": st.lists(_LETTERS | st.sampled_from("xyz"), max_size=3),
    "share": _REAL, "grid": st.fixed_dictionaries({}, optional={"clean": _WHOLE, "kind": _WHOLE})})}  # fmt: skip
values_of_names = st.fixed_dictionaries(_FEW)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" if char in '\\"\n' else char for char in text) + '"'


def _call(pattern: str, *parts: Any) -> Any:
    return st.tuples(*parts).map(lambda found: pattern.format(*found))


_wholes = st.deferred(lambda: st.sampled_from(["answers.nps", "answers.effort", "answers.grid.clean", "answers.grid.kind"])
    | _WHOLE.map(str) | _call("({} {} {})", _wholes, st.sampled_from("+-*/%"), _wholes) | _call("(-({}))", _wholes)
    | _call("size({})", _texts) | _call("size({})", _lists) | _call("int({})", _reals)
    | _call("({} ? {} : {})", _bools, _wholes, _wholes))  # fmt: skip
_reals = st.deferred(lambda: st.just("answers.share") | _REAL.map(lambda real: f"({real!r})" if real < 0 else repr(real))
    | _call("({} {} {})", _reals, st.sampled_from("+-*/"), _reals) | _call("double({})", _wholes) | _call("(-({}))", _reals))  # fmt: skip
_texts = st.deferred(lambda: st.just("answers.why") | _LETTERS.map(_quoted) | _call("({} + {})", _texts, _texts)
    | _call("string({})", _wholes) | _call("({} ? {} : {})", _bools, _texts, _texts))  # fmt: skip
_lists = st.just("answers.seen") | st.lists(_LETTERS.map(_quoted), min_size=1, max_size=3).map(
    lambda one: f"[{', '.join(one)}]"
)
_ORDERS = st.sampled_from(["<", "<=", "==", "!=", ">", ">="])
_bodies = st.sampled_from(["x == 'x'", "x < 'é'", "size(x) > 1", "x.contains('a') || x >= '中'", "!(x in ['x', 'y'])"])
_bools = st.deferred(lambda: st.sampled_from(["true", "false", "has(answers.why)", "has(answers.nps)", "has(answers.grid.kind)"])
    | _call("({} {} {})", _wholes, _ORDERS, _wholes) | _call("({} {} {})", _reals, _ORDERS, _reals)
    | _call("({} {} {})", _texts, _ORDERS, _texts) | _call("({} in {})", _texts, _lists) | _call("({} in [1, 2, {}])", _wholes, _WHOLE)
    | _call("({} {} {})", _bools, st.sampled_from(["&&", "||", "=="]), _bools) | _call("!({})", _bools)
    | _call("({} ? {} : {})", _bools, _bools, _bools)
    | _call("({}).{}({})", _texts, st.sampled_from(["startsWith", "endsWith", "contains"]), _texts)
    | _call("{}.{}(x, {})", _lists, st.sampled_from(["all", "exists", "exists_one"]), _bodies))  # fmt: skip
expressions = _bools | _wholes | _reals | _texts


class TestExpressions:
    def test_official_cases_inside_the_subset_are_worth_the_same(self, browser: Browser, marque_data: Path) -> None:
        counts: Counter[str] = Counter()
        for name, case in cases(marque_data / CASES):
            if {"type_env", "bindings", "container"} & case.keys():
                continue
            try:
                program = Program.of(case["expr"], {})
            except CelError:
                continue
            counts["judged"] += 1
            assert alike(browser.value(program, {}), at_server(program, {})), (name, case["expr"])

        assert counts["judged"] >= 250

    @pytest.mark.soak
    def test_whatever_the_subset_takes_is_worth_the_same(self, browser: Browser, soaking: bool) -> None:
        judged: Counter[str] = Counter()

        @settings(max_examples=LONG if soaking else SHORT, deadline=None, suppress_health_check=list(HealthCheck))
        @given(expressions, values_of_names)
        def same(text: str, values: dict[str, Any]) -> None:
            try:
                program = Program.of(text, NAMES)
            except CelError as error:
                judged[error.reason] += 1
                return
            found, wanted = browser.value(program, values), at_server(program, values)
            judged["no value" if wanted is None else type(wanted).__name__] += 1
            assert alike(found, wanted), (text, values, found, wanted)

        same()
        print(dict(judged))
        assert judged["bool"] > sum(judged.values()) / 10
        assert judged["no value"]


_NUMBERED = {"scale_min": 0, "scale_max": 5}
_CODED = [{"code": code, "texts": {"en": code}} for code in ("a", "b", "c")]
_ASKED: list[dict[str, Any]] = [
    {"kind": 1, "options": _CODED}, {"kind": 2, "options": _CODED}, {"kind": 3, **_NUMBERED}, {"kind": 4}, {"kind": 5},
    {"kind": 6, "options": _CODED}, {"kind": 7, "rows": _CODED, **_NUMBERED}, {"kind": 8, "rows": _CODED, **_NUMBERED},
]  # fmt: skip
_ABOUT = {
    1: "answers.{} == 'a'", 2: "'b' in answers.{}", 3: "answers.{} > 2", 4: "size(answers.{}) < 3", 5: "answers.{} < '2026-06-01'",
    6: "answers.{}.exists_one(one, one != 'b')", 7: "answers.{}.a + answers.{}.b > 4", 8: "answers.{}.a.perceived < answers.{}.a.expected",
}  # fmt: skip


@st.composite
def questionnaires(draw: st.DrawFn) -> dict[str, Any]:
    """A document whose conditions name any question before, and itself."""
    made: list[dict[str, Any]] = []
    for kind in draw(st.lists(st.sampled_from(range(8)), min_size=1, max_size=6)):
        code = f"q{len(made)}"
        asked = {"code": code, "texts": {"en": code}, "required": draw(st.booleans()), **_ASKED[kind]}
        for name, known in (("show_if", made), ("valid_if", [*made, asked])):
            if known and draw(st.booleans()):
                one = draw(st.sampled_from(known))
                about = _ABOUT[one["kind"]].replace("{}", one["code"])
                asked[name] = draw(st.sampled_from(["{}", "!({})", "has(answers.{c}) && {}", "has(answers.{c}) ? {} : true"])).replace(
                    "{}", about
                ).replace("{c}", one["code"])  # fmt: skip
        made.append(asked)
    return {"languages": ["en"], "titles": {"en": "T"}, "questions": made}


_DIGITS = st.integers(-1, 7)
_GIVEN = st.one_of(
    st.fixed_dictionaries({"choices": st.lists(st.sampled_from("abcd"), max_size=4)}),
    st.fixed_dictionaries({"number": st.integers(0, 7)}),
    st.fixed_dictionaries(
        {"text": st.sampled_from(["", " ", "\x1c\x85", "\ufeff", "\u3000", "ab", "四个字呢", "😀😀😀"])}
    ),
    st.fixed_dictionaries({"date": st.dates().map(lambda day: day.isoformat())}),
    st.fixed_dictionaries(
        {"rows": st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(0, 7), st.integers(0, 7)).map(list))}
    ),
)


class TestQuestionnaires:
    @pytest.mark.soak
    def test_the_same_questions_are_shown_and_the_same_answers_refused(self, browser: Browser, soaking: bool) -> None:
        @settings(max_examples=LONG if soaking else SHORT, deadline=None, suppress_health_check=list(HealthCheck))
        @given(questionnaires(), st.dictionaries(st.sampled_from([f"q{at}" for at in range(6)]), _GIVEN))
        def same(kept: dict[str, Any], answers: dict[str, Any]) -> None:
            document = documents.read(kept)
            assert documents.faults(document) == []
            answers = {code: {k: v for k, v in one.items() if v and str(v).strip()} for code, one in answers.items()}
            page = pages.page(pages.OPEN, "en", document, kept, answers)
            given = {one.answer.question_code: json_format.MessageToDict(one.answer) for one in page.answers}
            found = browser.ask(questions=forms.conditions(page.document.questions), answers=given)
            assert found["shown"] == flow.shown(document, answers)
            assert [tuple(one) for one in found["faults"]] == flow.faults(document, answers)

        same()
