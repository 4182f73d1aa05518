"""One supervised process: how it is described, started, watched, restarted and stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack import launch
from devstack.readiness import Ready

FIRST_BACKOFF = 0.2  # seconds; doubles per failed restart
LONGEST_BACKOFF = 10.0
STEADY_AFTER = 10.0  # seconds of life after which the next crash counts as a first one
ROTATE_AT = 10 * 1024 * 1024  # bytes
_POLL = 0.03


class StartFailed(RuntimeError):
    """A child exited, or did not become ready in time, while the stack started; the message ends with its last log
    lines.
    """


@dataclass(frozen=True)
class ProcessSpec:
    """What to run.

    `prepare` runs in a thread before every start; `argv` may be a function, asked after it. `ready=None` means ready
    when started. A `one_shot` counts as ready once it has exited with 0 and is never started again. `death_signal` is
    what the kernel sends when the supervisor dies; None when the command arranges that itself. Times are seconds.
    """

    name: str
    argv: Sequence[str] | Callable[[], Sequence[str]]
    env: Mapping[str, str] | None = None
    ready: Ready | None = None
    depends_on: tuple[str, ...] = ()
    prepare: Callable[[], object] | None = None
    one_shot: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    start_deadline: float = 60.0
    death_signal: str | None = "KILL"


@dataclass(frozen=True)
class Hooks:
    """What a child tells its supervisor: that its state changed, and which process group began or ended."""

    changed: Callable[[], None]
    born: Callable[[int, signal.Signals], None]
    gone: Callable[[int], None]


class Child:
    """The life of one process. All methods run on the supervisor's event loop."""

    def __init__(self, spec: ProcessSpec, log_dir: Path, hooks: Hooks) -> None:
        self.spec = spec
        self.log_file = log_dir / f"{spec.name}.log"
        self.pid: int | None = None
        self.restarts = 0
        self.is_ready = False
        self._hooks = hooks
        self._process: asyncio.subprocess.Process | None = None

    async def bring_up(self) -> None:
        """First start, until ready (or, for a one-shot, done). Raises StartFailed."""
        rotate(self.log_file)
        try:
            await self._start()
        except (OSError, RuntimeError, ValueError) as error:
            raise self._failure(f"could not be started: {error}") from error
        try:
            async with asyncio.timeout(self.spec.start_deadline):
                came_up = await self._settled()
        except TimeoutError:
            raise self._failure(f"was not ready within {self.spec.start_deadline:g} s") from None
        if not came_up:
            code = self._process.returncode if self._process else None
            raise self._failure(f"exited with {code} while starting")

    async def keep(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Starts the child again whenever it ends, with growing pauses; runs until cancelled."""
        clock = asyncio.get_running_loop().time
        pause, born = FIRST_BACKOFF, clock()
        while self._process is not None:
            await self._process.wait()
            self._ended()
            pause = FIRST_BACKOFF if clock() - born >= STEADY_AFTER else pause
            self.restarts += 1
            self._hooks.changed()
            await sleep(pause)
            pause, born = min(pause * 2, LONGEST_BACKOFF), clock()
            try:
                await self._start()
            except (OSError, RuntimeError, ValueError) as error:
                self._note(f"restart failed: {error}")
                continue
            await self._settled()

    async def stop(self) -> None:
        """Stop signal, SIGKILL after the grace, then whatever it left in its process group."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            try:
                process.send_signal(self.spec.stop_signal)
                await asyncio.wait_for(process.wait(), self.spec.grace)
            except TimeoutError:
                launch.kill_group(process.pid)
                await process.wait()
            except ProcessLookupError:
                await process.wait()
        self._ended()
        self._process = None
        self._hooks.changed()

    async def _start(self) -> None:
        if self.spec.prepare is not None:
            await asyncio.to_thread(self.spec.prepare)
        argv = list(self.spec.argv() if callable(self.spec.argv) else self.spec.argv)
        if self.spec.death_signal is not None:
            argv = launch.dying_with_parent(argv, self.spec.death_signal)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            # Forked by the thread of the event loop, which the death signal is tied to.
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=None if self.spec.env is None else dict(self.spec.env),
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._hooks.born(self.pid, self.spec.stop_signal if self.spec.death_signal is None else signal.SIGKILL)
        self._hooks.changed()

    async def _settled(self) -> bool:
        """Waits until ready (True) or exited (False; for a one-shot: True when it exited with 0)."""
        process = self._process
        if process is None:
            return False
        if self.spec.one_shot:
            self.is_ready = await process.wait() == 0
            self._ended(still_ready=self.is_ready)
            return self.is_ready
        while process.returncode is None:
            if self.spec.ready is None or await asyncio.to_thread(self.spec.ready):
                self.is_ready = process.returncode is None
                self._hooks.changed()
                return self.is_ready
            await asyncio.sleep(_POLL)
        return False

    def _ended(self, *, still_ready: bool = False) -> None:
        if self.pid is not None:
            launch.kill_group(self.pid)
            self._hooks.gone(self.pid)
        self.pid = None
        self.is_ready = still_ready
        self._hooks.changed()

    def _note(self, text: str) -> None:
        with self.log_file.open("a", encoding="utf-8") as log:
            log.write(f"devstack: {text}\n")

    def _failure(self, reason: str) -> StartFailed:
        last = launch.tail(self.log_file)
        return StartFailed(f"{self.spec.name} {reason}" + (f"; the end of {self.log_file}:\n{last}" if last else ""))


def rotate(log_file: Path) -> None:
    """Moves a log of more than ROTATE_AT bytes to `<name>.1`, replacing the one before."""
    try:
        if log_file.stat().st_size > ROTATE_AT:
            log_file.replace(log_file.with_name(f"{log_file.name}.1"))
    except FileNotFoundError:
        return
