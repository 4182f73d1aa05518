"""`python -m marque_customer.linking FILE --key ID --role column=role …`: links the rows of a CSV or Parquet file.

Writes `pairs.jsonl` (left, right, score, weight, together, merge, reasons) and `clusters.csv` (key, cluster) into the folder, a line of
JSON per stage to standard output, and goes on where it was when it is started again on the same folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from marque_customer.linking.columns import Columns, MappingError, columns_of
from marque_customer.linking.run import MEMORY, Run
from marque_customer.rules import likeness

BATCH = 20_000
NICE = 10  # the linker is never in a hurry; whoever answers a person is


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m marque_customer.linking", description=__doc__.split("\n", maxsplit=1)[0]
    )
    parser.add_argument("file", type=Path, help="CSV or Parquet, one record a row")
    parser.add_argument("--key", required=True, help="the column that names a record")
    parser.add_argument(
        "--role", action="append", default=[], metavar="COLUMN=ROLE", help="what a column holds; may be repeated"
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the run keeps its state and its answers")
    parser.add_argument(
        "--memory", default=MEMORY, help=f"what DuckDB may take before it spills to disk (default {MEMORY})"
    )
    parser.add_argument("--language", choices=("en", "zh-CN"), help="write the reasons as sentences too")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Returns 0 when the rows were linked, 2 for a mapping or file that does not fit."""
    asked = arguments(argv)
    os.nice(NICE)
    try:
        columns = columns_of(asked.key, **dict(role.rsplit("=", 1) for role in asked.role))
        columns.check(header(asked.file))
    except (MappingError, ValueError, duckdb.Error) as error:
        print(f"{asked.file}: {error}", file=sys.stderr)
        return 2
    with Run(asked.folder, columns, memory=asked.memory, tell=tell) as run:
        count = run.link(lambda: batches(asked.file, columns))
        merged = queued = 0
        with (asked.folder / "pairs.jsonl").open("w", encoding="utf-8") as file:
            for pair in run.pairs():
                merged, queued = merged + pair.merge, queued + (not pair.merge)
                line: dict[str, Any] = asdict(pair)
                if asked.language:
                    line["texts"] = [likeness.text(reason["code"], asked.language) for reason in pair.reasons]
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        with (asked.folder / "clusters.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(run.clusters().items())
        candidates = run.candidates()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"rows": count, "candidates": candidates, "merge": merged, "ask": queued, "peak_mb": round(peak)}),
        flush=True,
    )
    return 0


def tell(stage: str, seconds: float) -> None:
    """Says that a stage is done."""
    print(json.dumps({"stage": stage, "seconds": round(seconds, 2)}), flush=True)


def _reading(file: Path) -> str:
    name = str(file).replace("'", "''")
    return f"read_parquet('{name}')" if file.suffix == ".parquet" else f"read_csv('{name}', all_varchar = true)"


def header(file: Path) -> list[str]:
    """Returns the file's columns."""
    with duckdb.connect() as database:
        return [
            row[0]
            for row in database.execute(f"SELECT column_name FROM (DESCRIBE SELECT * FROM {_reading(file)})").fetchall()
        ]


def batches(file: Path, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    """Yields the file's rows in batches, only the columns that are read."""
    wanted = ", ".join('"' + column.replace('"', '""') + '"' for column in (columns.key, *columns.roles))
    with duckdb.connect() as database:
        for batch in database.sql(f"SELECT {wanted} FROM {_reading(file)}").to_arrow_reader(BATCH):
            yield batch.to_pylist()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
