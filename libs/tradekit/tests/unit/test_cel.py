"""The subset of CEL: what is inside is evaluated as the official conformance cases say, what is outside is refused where it stands."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tradekit.cel import (
    BOOL,
    DOUBLE,
    INT,
    STRING,
    CelError,
    ListOf,
    Program,
    Record,
    check,
    compile_condition,
    parse,
    written,
)
from tradekit.cel.conformance import CASES, cases, value_of
from tradekit.cel.program import EvaluationError

NAMES = {
    "answers": Record(
        {
            "nps": INT,
            "why": STRING,
            "seen": ListOf(STRING),
            "share": DOUBLE,
            "grid": Record({"clean": INT, "kind": INT}),
        }
    )
}
VALUES = {"answers": {"nps": 3, "why": "é中😀", "seen": ["x", "y"], "share": 0.5, "grid": {"clean": 2}}}

BARE = """
import sys
import tradekit.cel
assert "prompt_toolkit" not in sys.modules
import cel.cli
assert cel.cli.__file__
"""


class TestLibrary:
    def test_its_command_line_comes_only_where_it_is_asked_for(self) -> None:
        done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class TestConformance:
    def test_every_official_case_inside_the_subset_has_the_official_value(self, marque_data: Path) -> None:
        counts: Counter[str] = Counter()
        wrong = []
        for name, case in cases(marque_data / CASES):
            if {"type_env", "bindings", "container"} & case.keys():
                counts["names of its own"] += 1
                continue
            try:
                program = Program.of(case["expr"], {})
            except CelError as error:
                counts[error.reason] += 1
                continue
            counts["judged"] += 1
            try:
                found: Any = program.evaluate({})
            except EvaluationError:
                found = EvaluationError
            wanted = EvaluationError if "eval_error" in case else value_of(case.get("value", [("bool_value", "true")]))
            same = found == wanted or (isinstance(wanted, float) and math.isnan(wanted) and math.isnan(found))
            if not same or type(found) is not type(wanted):
                wrong.append((name, case["expr"], found, wanted))

        print(dict(counts), *wrong, sep="\n")
        assert wrong == []
        assert counts["judged"] >= 250


class TestInside:
    @pytest.mark.parametrize(
        "text",
        [
            "answers.nps <= 6 && has(answers.why)",
            "has(answers.grid.clean) && !has(answers.grid.kind)",
            "size(answers.why) == 3 && answers.why.size() == 3",
            "answers.seen.exists(one, one == 'y') && answers.seen.all(one, one != 'z')",
            "answers.seen.exists_one(one, one.startsWith('x'))",
            "'y' in answers.seen ? answers.nps - 1 == 2 : false",
            "double(answers.nps) * answers.share == 1.5 && int(2.9) == 2",
            "answers.nps in [1, 2, 3] && -answers.nps % 2 == -1",
            "'\\u4e2d' == '中' && \"a\\n\" + 'b' == 'a\\nb'",
            "answers.grid.kind > 1 || true",
            "!(0.0 / 0.0 < answers.share) && !(0.0 / 0.0 >= answers.share) && 0.0 / 0.0 != 0.0 / 0.0",
        ],
    )
    def test_a_condition_that_holds(self, text: str) -> None:
        assert compile_condition(text, NAMES).holds(VALUES)

    @pytest.mark.parametrize("text", ["answers.grid.kind > 1", "!(answers.grid.kind > 1)", "answers.nps / 0 == 1"])
    def test_a_condition_without_a_value_does_not_hold(self, text: str) -> None:
        assert not compile_condition(text, NAMES).holds(VALUES)


class TestOutside:
    @pytest.mark.parametrize(
        ("text", "reason", "column"),
        [
            ("", "CEL_SYNTAX", 1),
            ("answers.nps >", "CEL_SYNTAX", 13),
            ("answers.nps > 1 && {'a': 1} == answers", "CEL_OUTSIDE", 20),
            ("answers.seen[0] == 'x'", "CEL_OUTSIDE", 1),
            ("true && null == 1", "CEL_OUTSIDE", 9),
            ("1u == 1u", "CEL_OUTSIDE", 1),
            ("answers.why.matches('a+')", "CEL_OUTSIDE", 1),
            ("size(answers.seen.map(x, x)) > 1", "CEL_OUTSIDE", 6),
            ("timestamp('2024-01-01T00:00:00Z') == now", "CEL_OUTSIDE", 1),
            ("r'a' == 'a'", "CEL_OUTSIDE", 1),
            ("true || answers.npz > 1", "CEL_NAME", 9),
            ("nps > 1", "CEL_NAME", 1),
            ("answers.nps == 1.0", "CEL_TYPE", 1),
            ("answers.nps == 'a'", "CEL_TYPE", 1),
            ("answers.why > 1", "CEL_TYPE", 1),
            ("answers == answers", "CEL_TYPE", 1),
            ("[1, 'a'] == [1]", "CEL_TYPE", 5),
            ("[] == [1]", "CEL_TYPE", 1),
            ("has(answers)", "CEL_TYPE", 1),
            ("answers.seen.all(answers, true)", "CEL_NAME", 1),
            ("9223372036854775808 > 1", "CEL_TYPE", 1),
            ("answers.nps + 1", "CEL_TYPE", 1),
            ("answers.seen.all(x, size(x) / 2 == 1)", "CEL_OUTSIDE", 21),
            ("answers.seen.all(x, x == answers.why)", "CEL_OUTSIDE", 26),
            ("(" * 200 + "true" + ")" * 200, "CEL_SIZE", 1),
            ("!" * 300 + "true", "CEL_SIZE", 1),
            ("true" + " || true" * 300, "CEL_SIZE", 1),
            (" && ".join(["answers.seen.all(x, true)"] * 9), "CEL_SIZE", 233),
        ],
    )
    def test_it_is_refused_with_its_reason_and_place(self, text: str, reason: str, column: int) -> None:
        with pytest.raises(CelError) as caught:
            compile_condition(text, NAMES)

        assert (caught.value.reason, caught.value.place.column) == (reason, column)

    @settings(max_examples=40)
    @given(st.text(max_size=60) | st.text("answers.nps<>=!&|()[]{}'\"0123.,?: ", max_size=60))
    def test_no_text_does_more_than_be_refused(self, text: str) -> None:
        with contextlib.suppress(CelError):
            compile_condition(text, NAMES)


_numbers = st.sampled_from(["answers.nps", "answers.grid.clean"]) | st.integers(-100, 100).map(str)
_sums = st.recursive(
    _numbers,
    lambda one: st.tuples(one, st.sampled_from("+-*/%"), one).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)
_compared = st.tuples(_sums, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), _sums).map(" ".join)
_pairs = st.sampled_from(["&&", "||"])
_conditions = st.recursive(
    _compared | st.sampled_from(["has(answers.why)", "answers.seen.exists(x, x == 'x')"]),
    lambda one: st.tuples(one, _pairs, one).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})") | one.map(lambda t: f"!({t})"),
    max_leaves=6,
)


class TestWritten:
    @settings(max_examples=40)
    @given(_conditions)
    def test_what_is_written_again_reads_as_the_same_and_has_the_same_value(self, text: str) -> None:
        program = compile_condition(text, NAMES)
        again = written(program.node)

        assert written(parse(again)) == again
        assert check(parse(again), NAMES) == BOOL
        assert compile_condition(again, NAMES).holds(VALUES) == program.holds(VALUES)

    @settings(max_examples=40)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    def test_any_text_survives_as_a_literal(self, text: str) -> None:
        quoted = written(Program.of("'a'", {}).node).replace("a", "".join(f"\\U{ord(char):08x}" for char in text))

        assert Program.of(quoted, {}).evaluate({}) == text
        assert Program.of(f"size({quoted})", {}).evaluate({}) == len(text)
