"""Finding doubles in batch: precision and recall on sets with a known truth, time and memory as the table grows."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from bench import cpu, linking_sets
from bench.report import Figure, Target

HELD_OUT_SEEDS = (71, 72)
SIZES = (10_000, 100_000)
FULL_SIZES = (10_000, 100_000, 1_000_000)
_LOOK_SECONDS = 0.5
MERGE_PRECISION, MERGE_RECALL = 0.998, 0.3


class Linked:
    """What a run of the linker's own process gave, and what it took: seconds, CPU seconds, peak of the proportional set size in MB."""

    def __init__(self, file: str, roles: Mapping[str, str], folder: Path) -> None:
        argv = [
            sys.executable,
            "-m",
            "marque_customer.linking",
            file,
            "--key",
            linking_sets.KEY,
            "--folder",
            str(folder),
        ]
        argv += [f"--role={column}={role}" for column, role in roles.items()]
        began, self.peak = time.monotonic(), 0.0
        with (
            (folder / "stdout").open("w+") as out,
            subprocess.Popen(argv, stdout=out, stderr=subprocess.PIPE, text=True) as running,
        ):
            self.cpu = 0.0
            while running.poll() is None:
                looked = time.monotonic()
                try:
                    self.peak = max(self.peak, cpu.pss(running.pid) / 2**20)
                    times = psutil.Process(running.pid).cpu_times()
                    self.cpu = times.user + times.system
                except (psutil.Error, OSError):
                    pass  # it ended between two looks
                # To count the pages of a large process takes it time too.
                time.sleep(max(_LOOK_SECONDS, 20 * (time.monotonic() - looked)))
            if running.returncode:
                raise RuntimeError(f"the linker failed: {running.stderr.read()[-500:] if running.stderr else ''}")
            self.seconds = time.monotonic() - began
            out.seek(0)
            lines = [json.loads(line) for line in out]
        self.stages = {line["stage"]: line["seconds"] for line in lines if "stage" in line}
        self.summary = lines[-1]
        self.pairs: list[tuple[str, str]] = []
        self.merged: list[tuple[str, str]] = []
        with (folder / "pairs.jsonl").open(encoding="utf-8") as file_of_pairs:
            for pair in map(json.loads, file_of_pairs):  # millions of them, with reasons that nobody needs here
                if pair["together"]:
                    self.pairs.append((pair["left"], pair["right"]))
                if pair["merge"]:
                    self.merged.append((pair["left"], pair["right"]))
        with (folder / "clusters.csv").open(encoding="utf-8", newline="") as file_of_clusters:
            self.clusters = dict(csv.reader(file_of_clusters))


def quality(right: int, found: int, true: int) -> tuple[float, float, float]:
    """Returns precision, recall and F1 of pairs; of nothing found the precision is 1."""
    precision, recall = right / found if found else 1.0, right / true if true else 1.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def pairs_in(labels: Iterable[object]) -> int:
    """Returns how many pairs have a label in common."""
    return sum(count * (count - 1) // 2 for count in Counter(labels).values())


def judge(name: str, linked: Linked, truth: Mapping[str, str], f1: float | None) -> list[Figure]:
    """Compares a run with the truth."""
    true = pairs_in(truth.values())

    def of(pairs: list[tuple[str, str]]) -> tuple[float, float, float]:
        return quality(sum(truth[left] == truth[right] for left, right in pairs), len(pairs), true)

    places = {key: linked.clusters.get(key, key) for key in truth}
    together = pairs_in((places[key], truth[key]) for key in truth)
    whole, clustered, merged = of(linked.pairs), quality(together, pairs_in(places.values()), true), of(linked.merged)
    took = f"{len(truth):,} rows in {linked.seconds:.1f} s ({linked.cpu:.0f} s of CPU), {linked.peak:.0f} MB PSS at the peak"
    told = [f"precision {precision:.4f}, recall {recall:.4f}" for precision, recall, _ in (whole, clustered)]
    told[0] += f"; {took}, {linked.summary['candidates']:,} pairs looked at"
    cautious, enough = Target("ours", "at least", MERGE_PRECISION), Target("ours", "at least", MERGE_RECALL)
    aim = Target("ours", "at least", f1) if f1 else None
    return [
        Figure("linking", f"{name}: F1 of pairs", whole[2], "", target=aim, note=told[0]),
        Figure("linking", f"{name}: F1 clustered", clustered[2], "", target=aim, note=told[1]),
        Figure(
            "linking",
            f"{name}: precision of merges",
            merged[0],
            "",
            target=cautious,
            note=f"{len(linked.merged):,} pairs",
        ),
        Figure("linking", f"{name}: recall of merges", merged[1], "", target=enough),
    ]


async def linking(quick: bool) -> list[Figure]:
    """Every set of `MARQUE_DATA` that is there, and two made-up ones of other seeds than the linker was developed with."""
    return await asyncio.to_thread(_linking, quick)


def _linking(quick: bool) -> list[Figure]:
    data = Path(os.environ.get(linking_sets.DATA, "../shared/data"))
    found: list[Figure] = []
    for sample in linking_sets.SAMPLES:
        if (data / sample.file).exists() and not (quick and "historical" in sample.name):
            with tempfile.TemporaryDirectory(prefix="marque-linking-") as folder:
                truth = linking_sets.write(sample, data, Path(folder) / "rows.parquet")
                found += judge(
                    sample.name, Linked(f"{folder}/rows.parquet", sample.roles, Path(folder)), truth, sample.f1
                )
    for seed in HELD_OUT_SEEDS:
        _, figures = _made_up(2_000 if quick else 20_000, seed)
        found += figures
    return found


def _made_up(count: int, seed: int) -> tuple[Linked, list[Figure]]:
    with tempfile.TemporaryDirectory(prefix="marque-linking-") as folder:
        (Path(folder) / "rows").mkdir()
        files, truth = linking_sets.make_up(count, seed, Path(folder) / "rows")
        linked = Linked(files, linking_sets.lookalikes.COLUMNS, Path(folder))
        return linked, judge(f"made up, {count:,} (seed {seed})", linked, truth, None)


async def linking_growth(quick: bool) -> list[Figure]:
    """Time and memory at 10,000, 100,000 and 1,000,000 made-up customers."""
    found: list[Figure] = []
    first: Linked | None = None
    for size in SIZES if quick else FULL_SIZES:
        linked, figures = await asyncio.to_thread(_made_up, size, 1)
        stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in linked.stages.items() if seconds >= 1)
        first = first or linked
        scale, growth = size / SIZES[0], "linking_growth"
        quality_of = (
            f"F1 clustered {figures[1].ours:.3f}, merges precision {figures[2].ours:.4f}, recall {figures[3].ours:.3f}"
        )
        told, line = f"seconds: {stages}; {quality_of}", "the first × size"
        found += [
            Figure(growth, f"{size:,} rows", linked.seconds, "s", first.seconds * scale, line, note=told),
            Figure(growth, f"{size:,} rows, CPU", linked.cpu, "s", first.cpu * scale, line),
            Figure(growth, f"{size:,} rows, peak", linked.peak, "MB PSS", first.peak, "the first"),
        ]
    return found
