"""What the operator sees while rows move: a bar on a terminal, plain lines elsewhere. All of it on standard error."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from marquectl.importing.feed import Counts

console = Console(stderr=True, highlight=False, soft_wrap=True)


def counted(counts: Counts) -> str:
    """The counts in words."""
    return (
        f"{counts.read} rows: {counts.created} created, {counts.updated} updated, {counts.unchanged} unchanged, "
        f"{counts.rejected} rejected"
    )


class Display:
    """Shows the progress of kinds of rows; a context manager, called with (kind, share done, counts)."""

    def __init__(self) -> None:
        self._bars = sys.stderr.isatty()
        self._tasks: dict[str, TaskID] = {}
        self._steps: dict[str, int] = {}
        self._progress = Progress(
            TextColumn("{task.description:>14}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Display:
        if self._bars:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._progress.stop()

    def __call__(self, kind: str, done: float, counts: Counts) -> None:
        if self._bars:
            if kind not in self._tasks:
                self._tasks[kind] = self._progress.add_task(kind, total=1.0, told="")
            self._progress.update(self._tasks[kind], completed=done, told=counted(counts))
        elif (step := int(done * 10)) != self._steps.get(kind, -1):
            # The share is of what was read; the counts are of what is acknowledged, a few messages behind.
            self._steps[kind] = step
            console.print(f"{kind}: read {done:.0%}; {counted(counts)}")
