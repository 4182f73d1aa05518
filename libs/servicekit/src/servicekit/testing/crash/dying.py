"""Processes that die, or stop, at a step that was chosen: what runs is the real code, of which one method is made deadly.

A script calls `obey` with its steps and what a process does. Lines on standard input are `STEP PASSES SIGNAL WORD…`: a process is forked
that runs until it passed the step so often, and its id is printed. `wait ID SECONDS` prints what became of it: `killed`, `stopped`, `idle`
(it came to its end), `failed`, or `stuck` (it lived on, and was killed then). Forked, because a service takes seconds to start and a proof
takes a thousand of them: what is shared is code. `Workers` is the other end of the pipe.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

BEFORE, WITHIN, AFTER = "before", "within", "after"
_A_MOMENT = 0.004


@dataclass(frozen=True, slots=True)
class Step:
    """Where a process may die: methods of one name, of whichever is called, and where in them.

    `WITHIN` is while its answer is waited for; `AFTER` is also after one that was lost.
    """

    name: str
    where: str
    owners: tuple[Any, ...]


class Death:
    """Comes when a step is passed the last time."""

    def __init__(self, passes: int, number: int) -> None:
        self.left, self.number = passes, number

    def is_due(self) -> bool:
        """Counts a pass."""
        self.left -= 1
        return self.left == 0

    def come(self) -> None:
        """Sends the signal; a process that was only stopped goes on from here."""
        os.kill(os.getpid(), self.number)


def arm(step: Step, death: Death) -> None:
    """Makes a step deadly."""
    for owner in step.owners:
        setattr(owner, step.name, _deadly(getattr(owner, step.name), step.where, death))


def _deadly(real: Callable[..., Awaitable[Any]], where: str, death: Death) -> Callable[..., Awaitable[Any]]:
    async def deadly(*arguments: Any, **named: Any) -> Any:
        due = death.is_due()
        if due and where == BEFORE:
            death.come()
        if due and where == WITHIN:
            under_way = asyncio.ensure_future(real(*arguments, **named))
            await asyncio.sleep(_A_MOMENT)
            death.come()
            return await under_way
        try:
            return await real(*arguments, **named)
        finally:  # an answer that was lost is an answer too
            if due and where == AFTER:
                death.come()

    return deadly


def obey(steps: Mapping[str, Step], run: Callable[..., Awaitable[None]]) -> None:
    """Obeys standard input until it ends; a process that is not armed runs under a step's name that is none."""
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "wait":
            answer = _wait(int(rest[0]), float(rest[1]))
        else:
            answer = str(_fork(steps.get(verb), Death(int(rest[0]), int(rest[1])), run, rest[2:]))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _fork(step: Step | None, death: Death, run: Callable[..., Awaitable[None]], words: list[str]) -> int:
    child = os.fork()
    if child == 0:
        os.close(0)
        try:
            if step is not None:
                arm(step, death)
            asyncio.run(run(*words))  # type: ignore[arg-type]
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def _wait(child: int, seconds: float) -> str:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if done:
            if os.WIFEXITED(status):
                return "failed" if os.WEXITSTATUS(status) else "idle"
            return "stopped" if os.WIFSTOPPED(status) else "killed"
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "stuck"
