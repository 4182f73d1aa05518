"""The tables of the sample world: `data/*.csv`, some of them packed (see data/README.md)."""

from __future__ import annotations

import csv
import gzip
import io
from functools import cache
from importlib.resources import files


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of a table, for example `dealers.csv` or `complaints.csv.gz`."""
    data = (files("marquectl.world") / "data" / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


@cache
def words(language: str, kind: str) -> tuple[str, ...]:
    """A list of words of `names.csv`, for example the `families` of `zh`, commonest first."""
    return next(
        tuple(row["words"].split("|"))
        for row in rows("names.csv")
        if (row["language"], row["list"]) == (language, kind)
    )
