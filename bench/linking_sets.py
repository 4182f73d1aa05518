"""The data sets that linking is measured on: which column holds what, and which records are truly one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from servicekit.testing import lookalikes

DATA = "MARQUE_DATA"
_CHUNK = 50_000
KEY = "bench_key"


@dataclass(frozen=True)
class Sample:
    """A set: its file under `MARQUE_DATA` (none for one that is made up), roles by column, and what is aimed at."""

    name: str
    file: str
    roles: dict[str, str]
    truth: Callable[[pl.DataFrame], pl.Series]
    f1: float | None = None


_PEOPLE = {
    "full_name": "full", "first_name": "given", "surname": "family", "dob": "birth", "birth_place": "place",
    "postcode_fake": "postcode",
    "gender": "other", "occupation": "other",
}  # fmt: skip
_FAKE = {"first_name": "given", "surname": "family", "dob": "birth", "city": "place", "email": "email"}
_FEBRL = {
    "given_name": "given", "surname": "family", "street_number": "address", "address_1": "address", "address_2": "other",
    "suburb": "place",
    "postcode": "postcode", "state": "other", "date_of_birth": "birth", "soc_sec_id": "identity",
}  # fmt: skip
_SITES = {
    "Site name": "organisation", "Address": "address", "Zip": "postcode", "Phone": "phone", "Program Name": "other",
    "Neighborhood": "other",
    "Email Address": "email",
}  # fmt: skip


def _column(name: str) -> Callable[[pl.DataFrame], pl.Series]:
    return lambda frame: frame[name]


def _febrl_truth(frame: pl.DataFrame) -> pl.Series:
    return frame["rec_id"].str.split("-").list.get(1)


SAMPLES = (
    Sample(
        "er_historical50k",
        "er_historical50k/historical_figures_with_errors_50k.parquet",
        _PEOPLE,
        _column("cluster"),
        0.90,
    ),
    Sample("er_fake1000 (1,000)", "er_fake1000/fake_1000.csv", _FAKE, _column("cluster")),
    Sample("er_fake1000 (20,000)", "er_fake1000/fake_20000.csv", _FAKE, _column("group")),
    Sample("er_febrl 1", "er_febrl/dataset1.csv", _FEBRL, _febrl_truth, 0.97),
    Sample("er_febrl 2", "er_febrl/dataset2.csv", _FEBRL, _febrl_truth, 0.97),
    Sample("er_dedupe_csv", "er_dedupe_csv/csv_example_input_with_true_ids.csv", _SITES, _column("True Id"), 0.85),
)


def write(sample: Sample, data: Path, target: Path) -> dict[str, str]:
    """Writes a set as Parquet with a key, and returns the truth by key."""
    path = data / sample.file
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=0)
    frame = frame.rename({column: column.strip() for column in frame.columns}).with_columns(
        pl.col(pl.String).str.strip_chars()
    )
    frame = frame.with_row_index(KEY).with_columns(pl.col(KEY).cast(pl.String))
    frame.select(KEY, *sample.roles).write_parquet(target)
    return dict(zip(frame[KEY].to_list(), sample.truth(frame).to_list(), strict=True))


def make_up(count: int, seed: int, folder: Path) -> tuple[str, dict[str, str]]:
    """Writes made-up customers as Parquet files of a folder; returns the pattern of their names, and the truth by key."""
    truth: dict[str, str] = {}
    for number, chunk in enumerate(_chunks(lookalikes.rows(count, seed))):
        truth |= {row["key"]: str(row["entity"]) for row in chunk}
        columns = {
            KEY: [row["key"] for row in chunk],
            **{name: [row[name] for row in chunk] for name in lookalikes.COLUMNS},
        }
        pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).write_parquet(folder / f"{number:04d}.parquet")
    return str(folder / "*.parquet"), truth


def _chunks(rows: Iterator[lookalikes.Row]) -> Iterator[list[lookalikes.Row]]:
    chunk: list[lookalikes.Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
