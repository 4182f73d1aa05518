"""Reads the small rule tables that ship inside the package (`data/*.csv`)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files


def rows(name: str) -> Iterator[dict[str, str]]:
    """Yields the rows of `data/<name>.csv` as dictionaries keyed by the header line; callers cache what they build."""
    text = files("tradekit").joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())
