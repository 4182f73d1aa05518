"""The supervisor: starts processes in the order of their needs, keeps them running, ends them all."""

from __future__ import annotations

import asyncio
import contextlib
import graphlib
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from devstack import warden
from devstack.child import Child, Hooks, ProcessSpec, StartFailed
from devstack.secretfiles import write_private

__all__ = ["Pause", "ProcessSpec", "StartFailed", "Supervisor"]

# Waits before the process of a name is started again; the seconds are what the supervisor thinks fit.
Pause = Callable[[str, float], Awaitable[object]]


async def _sleep(name: str, seconds: float) -> None:
    await asyncio.sleep(seconds)


class Supervisor:
    """Runs `specs`, each logging to `log_dir/<name>.log`.

    `status_file` (JSON: `phase`, `pid`, `processes` of name, pid, restarts, ready, one_shot, and what `annotate`
    added) follows every change. `warden_lock` is held until nothing of this supervisor is left, even after it was
    killed. `pause` stands between a process's end and its next start: a test may hold one down, or hurry. Raises
    ValueError for an unknown dependency, graphlib.CycleError for a circle.
    """

    def __init__(
        self,
        specs: Iterable[ProcessSpec],
        log_dir: Path,
        status_file: Path,
        warden_lock: Path,
        *,
        pause: Pause = _sleep,
    ) -> None:
        hooks = Hooks(changed=self._write_status, born=self._born, gone=self._gone)
        self.children = {spec.name: Child(spec, log_dir, hooks) for spec in specs}
        for child in self.children.values():
            unknown = set(child.spec.depends_on) - self.children.keys()
            if unknown:
                raise ValueError(
                    f"{child.spec.name} depends on {', '.join(sorted(unknown))}, which is not among the processes"
                )
        self._levels = _levels({name: child.spec.depends_on for name, child in self.children.items()})
        self._status_file = status_file
        self._warden_lock = warden_lock
        self._warden: subprocess.Popen[bytes] | None = None
        self._up = {name: asyncio.Event() for name in self.children}
        self._keepers: list[asyncio.Task[None]] = []
        self._pause = pause
        self._notes: dict[str, Any] = {"phase": "starting"}

    def annotate(self, **notes: Any) -> None:
        """Adds to the status file, e.g. `phase="ready"`."""
        self._notes.update(notes)
        self._write_status()

    async def start(self) -> None:
        """Returns when every process is ready. On StartFailed (or cancellation) everything that had started is
        stopped first.
        """
        self._start_warden()
        starts = [asyncio.create_task(self._bring_up(child)) for child in self.children.values()]
        try:
            await _all_or_first_error(starts)
        except BaseException:
            self._notes["phase"] = "failed"
            await self.stop()
            raise
        self._write_status()

    async def stop(self) -> None:
        """Stops all, those that depend on others first; returns when nothing is left."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        for level in reversed(self._levels):
            await asyncio.gather(*(self.children[name].stop() for name in level))
        if self._warden is not None and self._warden.stdin is not None:
            self._warden.stdin.close()
            await asyncio.to_thread(self._warden.wait)
            self._warden = None
        if self._notes["phase"] != "failed":
            self._notes["phase"] = "stopped"
        self._write_status()

    async def _bring_up(self, child: Child) -> None:
        for needed in child.spec.depends_on:
            await self._up[needed].wait()
        await child.bring_up()
        self._up[child.spec.name].set()
        if not child.spec.one_shot:
            self._keepers.append(asyncio.create_task(child.keep(partial(self._pause, child.spec.name))))

    def _start_warden(self) -> None:
        """The warden outlives us on purpose: a session of its own, no death signal, its input is our life line."""
        self._warden_lock.parent.mkdir(parents=True, exist_ok=True)
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__, str(self._warden_lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._warden.stdout is not None
        self._warden.stdout.readline()  # it says a word once it watches and holds its lock
        self._warden.stdout.close()

    def _born(self, group: int, last_signal: signal.Signals) -> None:
        self._tell(f"+{group} {int(last_signal)}\n")

    def _gone(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if self._warden is not None and self._warden.stdin is not None:
            # A dead warden costs a safeguard, not the stack.
            with contextlib.suppress(OSError):
                self._warden.stdin.write(line.encode())
                self._warden.stdin.flush()

    def _write_status(self) -> None:
        processes = [
            {
                "name": name,
                "pid": child.pid,
                "restarts": child.restarts,
                "ready": child.is_ready,
                "one_shot": child.spec.one_shot,
            }
            for name, child in self.children.items()
        ]
        write_private(self._status_file, json.dumps({**self._notes, "processes": processes}, indent=1), durable=False)


def _levels(needs: dict[str, tuple[str, ...]]) -> list[list[str]]:
    """Groups names so that each group depends only on earlier ones."""
    sorter = graphlib.TopologicalSorter(needs)
    sorter.prepare()
    levels: list[list[str]] = []
    while sorter.is_active():
        level = list(sorter.get_ready())
        sorter.done(*level)
        levels.append(level)
    return levels


async def _all_or_first_error(tasks: list[asyncio.Task[None]]) -> None:
    """Awaits all; on the first error (or cancellation) cancels the rest, waits for them and raises it."""
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
