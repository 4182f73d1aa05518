"""What a bench says: our figure, the yardstick's, their ratio, the target, and whether it was met."""

from __future__ import annotations

import json
import operator
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from bench import cpu
from bench.stats import median

_JUDGES = {"at least": operator.ge, "at most": operator.le, "under": operator.lt}


@dataclass(frozen=True)
class Target:
    """A figure that issue 3 asks for, of `ours` or of the `ratio` to the yardstick."""

    of: str
    sense: str
    bound: float

    def __post_init__(self) -> None:
        if self.of not in ("ours", "ratio") or self.sense not in _JUDGES:
            raise ValueError(f"no such target: {self.of} {self.sense}")

    def text(self, unit: str) -> str:
        """Returns the target in words."""
        return f"{self.sense} {number(self.bound)} {'× the yardstick' if self.of == 'ratio' else unit}".rstrip()


@dataclass(frozen=True)
class Figure:
    """One line of the report. `ratio` is ours by the yardstick's; without a yardstick there is none."""

    bench: str
    name: str
    ours: float
    unit: str
    yardstick: float | None = None
    against: str = ""
    target: Target | None = None
    note: str = ""
    rounds: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Ours by the yardstick's; with `rounds`, their median (each round measured both within seconds)."""
        if self.rounds:
            return median(self.rounds)
        return self.ours / self.yardstick if self.yardstick else None

    @property
    def met(self) -> bool | None:
        """Whether the target was met; None without a target. A ratio that could not be measured is a miss."""
        if self.target is None:
            return None
        value = self.ours if self.target.of == "ours" else self.ratio
        return value is not None and bool(_JUDGES[self.target.sense](value, self.target.bound))


@dataclass(frozen=True)
class Failure:
    """A bench that could not be run, and why."""

    bench: str
    why: str


def number(value: float | None) -> str:
    """Returns a figure in three significant digits or more, with thousands parted."""
    if value is None:
        return "–"
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 or value == int(value) else f"{value:.3g}"


def verdict(figure: Figure) -> str:
    """Returns `met`, `MISSED` with by how much, or nothing where there is no target."""
    if figure.met is None or figure.target is None:
        return ""
    if figure.met:
        return "met"
    value = figure.ours if figure.target.of == "ours" else figure.ratio
    return (
        "MISSED"
        if value is None or not figure.target.bound
        else f"MISSED ({value / figure.target.bound:.2f} of the bound)"
    )


HEADS = ("bench", "what", "ours", "unit", "yardstick", "of", "ratio", "target", "")


def table(figures: Sequence[Figure], failures: Sequence[Failure] = ()) -> str:
    """Returns the report as text for a terminal: aligned columns, notes below."""
    rows = [HEADS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    numeric = (2, 4, 6)
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    notes = [f"{figure.bench}, {figure.name}: {figure.note}" for figure in figures if figure.note]
    lost = [f"{failure.bench}: NOT MEASURED, {failure.why}" for failure in failures]
    return "\n".join([*lines, *([""] if notes or lost else []), *notes, *lost])


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        figure.bench, figure.name, number(figure.ours), figure.unit, number(figure.yardstick), figure.against,
        number(figure.ratio), figure.target.text(figure.unit) if figure.target else "", verdict(figure),
    )  # fmt: skip


def document(figures: Sequence[Figure], failures: Sequence[Failure], quick: bool) -> str:
    """Returns the report as JSON, with when and on what it was measured."""
    found: dict[str, Any] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "quick": quick,
        "figures": [
            {**asdict(figure), "ratio": figure.ratio, "met": figure.met, "verdict": verdict(figure)}
            for figure in figures
        ],
        "failures": [asdict(failure) for failure in failures],
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def machine() -> dict[str, Any]:
    """Describes this machine, and how busy others keep it (load average of the last minute)."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average": round(psutil.getloadavg()[0], 2),
        "million_python_additions_per_cpu_second": round(cpu.pace(), 1),
    }
