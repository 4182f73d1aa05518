"""CPU seconds and memory of sets of processes, children included."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

import psutil


def seconds(roots: Iterable[int]) -> float:
    """Returns the user and system seconds of process trees.

    Children that ended in the meantime are in their parent's account, so that a PostgreSQL backend is not lost when its connection
    closes. A root that is gone counts nothing.
    """
    total = 0.0
    seen: set[int] = set()
    for root in roots:
        for process in _tree(root):
            if process.pid in seen:
                continue
            seen.add(process.pid)
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def pace() -> float:
    """Returns how many millions of additions in a plain Python loop this machine does for a CPU second just now.

    Absolute figures of two runs are comparable only as far as this one is equal: neighbours on the same cores slow a CPU second too.
    """
    steps, began, total = 2_000_000, time.process_time(), 0
    for number in range(steps):
        total += number
    return steps / (time.process_time() - began) / 1e6


def pss(pid: int) -> int:
    """Returns the proportional set size of one process in bytes: shared pages are divided among those that share them."""
    return int(psutil.Process(pid).memory_full_info().pss)


def resident(pid: int) -> int:
    """Returns the resident set size of one process in bytes."""
    return int(psutil.Process(pid).memory_info().rss)


def tree(root: int) -> list[int]:
    """Returns the ids of a process and of all below it."""
    return [process.pid for process in _tree(root)]


def _tree(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Meter:
    """CPU seconds by name over a window: `with Meter({"gateway": [pid]}) as used: …`, then `used.spent["gateway"]`."""

    def __init__(self, roots: Mapping[str, Iterable[int]]) -> None:
        self._roots = {name: list(pids) for name, pids in roots.items()}
        self.spent: dict[str, float] = {}
        self.wall = 0.0

    def __enter__(self) -> Self:
        self._before = {name: seconds(pids) for name, pids in self._roots.items()}
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wall = time.perf_counter() - self._began
        self.spent = {name: seconds(pids) - self._before[name] for name, pids in self._roots.items()}

    @property
    def total(self) -> float:
        """CPU seconds of all names together."""
        return sum(self.spent.values())


class Peak:
    """The highest resident size of one process over a window, looked at every 20 ms; bytes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak", daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self.bytes = resident(self._pid)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            with contextlib.suppress(psutil.NoSuchProcess):
                self.bytes = max(self.bytes, resident(self._pid))
