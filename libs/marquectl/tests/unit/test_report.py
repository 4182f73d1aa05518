"""The errors file of an import, which people open in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from marquectl.importing.feed import Rejected
from marquectl.importing.report import ErrorsFile


@pytest.mark.parametrize("key", ["=HYPERLINK(1)", "+1+1", "-2", "@SUM(1)", "\t=1", " =1"])
def test_a_key_that_looks_like_a_formula_is_led_by_an_apostrophe(key: str, tmp_path: Path) -> None:
    file = ErrorsFile(tmp_path / "errors.csv")
    file.add("customers", [Rejected(row=1, key=key, field="phone", reason="BAD", message="bad")])

    with file.path.open(encoding="utf-8-sig", newline="") as lines:
        (line,) = csv.DictReader(lines)
    assert line["key"] == f"'{key}"


def test_a_key_with_a_line_s_end_in_it_stays_one_line(tmp_path: Path) -> None:
    file = ErrorsFile(tmp_path / "errors.csv")
    file.add("customers", [Rejected(row=1, key="a\r=1\nb", field="phone", reason="BAD", message="bad")])

    with file.path.open(encoding="utf-8-sig", newline="") as lines:
        assert [line["key"] for line in csv.DictReader(lines)] == ["a =1\nb"]


@pytest.mark.parametrize("key", ["k-1", "A=1", "", "王"])
def test_other_keys_are_written_as_they_are(key: str, tmp_path: Path) -> None:
    file = ErrorsFile(tmp_path / "errors.csv")
    file.add("customers", [Rejected(row=1, key=key, field="phone", reason="BAD", message="bad")])

    assert f"customers,1,{key},phone,BAD,bad\n" in file.path.read_text(encoding="utf-8-sig")
