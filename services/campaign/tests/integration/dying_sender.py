"""Workers that die, or stop, at a step that was chosen: `python dying_sender.py`, with the settings of the service in its environment.

A line on standard input names a step, how often it is passed before, and a signal; a process is forked that runs the real Sender of the
service until there, and its id is printed. `wait ID` prints what became of it: `killed`, `stopped`, `idle` (nothing was left to do),
`failed`, or `stuck`. Forked, because a service takes seconds to start and a proof takes a thousand of them: what is shared is code.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from marque_campaign.clients import HttpProvider
from marque_campaign.clients.mail import MailProvider
from marque_campaign.repository import letters, sends
from marque_campaign.service import build
from marque_campaign.settings import Settings
from marque_campaign.usecases.letters import Letters
from marque_campaign.usecases.sending import Sender
from servicekit.permits import ContactPermits
from servicekit.service import make_kit

BEFORE, WITHIN, AFTER = "before", "within", "after"
# step → whose method, its name, and where in it: the way of a message through the worker.
STEPS: dict[str, tuple[Any, str, str]] = {
    "claiming": (sends, "claim", AFTER),  # its transaction is open
    "claimed": (Sender, "_claim", AFTER),
    "permit": (ContactPermits, "take", AFTER),
    "handing": (sends, "hand", AFTER),  # its transaction is open
    "handed": (ContactPermits, "spend", BEFORE),
    "spending": (ContactPermits, "spend", WITHIN),
    "spent": (ContactPermits, "spend", AFTER),
    "asked": (None, "send", WITHIN),
    "answered": (None, "send", AFTER),
    "settling": (sends, "settle_all", AFTER),  # its transaction is open
    "settled": (Sender, "_close", BEFORE),
    "finished": (ContactPermits, "finish", AFTER),
    # The way of a letter into its file; it meets the gate as a message does.
    "letter claiming": (letters, "claim", AFTER),  # its transaction is open
    "letter claimed": (Letters, "_claim", AFTER),
    "letter beginning": (letters, "begin", AFTER),  # its transaction is open
    "letter handed": (Letters, "_hand", AFTER),
    "letter writing": (letters, "write", AFTER),  # its transaction is open
    "letter written": (Letters, "_commit", AFTER),
    "file closing": (letters, "number", AFTER),  # its transaction is open
    "file closed": (Letters, "_close", AFTER),
}
_IDLE, _STUCK, _A_MOMENT = 1.0, 30.0, 0.004


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


def arm(owner: Any, name: str, where: str, death: Death) -> None:
    """Makes a method deadly."""
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)

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

    setattr(owner, name, deadly)


async def run(step: str, death: Death) -> None:
    """Sends until it dies, or until nothing was left for a while."""
    owner, name, where = STEPS[step]
    for one in (owner,) if owner is not None else (HttpProvider, MailProvider):
        arm(one, name, where, death)
    settings = Settings()
    kit = make_kit(settings, "campaign")
    await kit.database.start()
    sweeps = build(kit).sweeps
    busy = time.monotonic()
    while time.monotonic() < busy + _IDLE:
        if any([await sweeps[name]() for name in ("campaign-sends", "campaign-letters")]):
            busy = time.monotonic()
        else:
            await asyncio.sleep(0.05)


def fork(step: str, passes: int, number: int) -> int:
    """Forks a worker; returns its id."""
    child = os.fork()
    if child == 0:
        os.close(0)
        try:
            asyncio.run(run(step, Death(passes, number)))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def wait(child: int) -> str:
    """Returns what became of a worker."""
    ends = time.monotonic() + _STUCK
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


if __name__ == "__main__":
    for line in sys.stdin:
        verb, *rest = line.rsplit(maxsplit=2) if not line.startswith("wait ") else line.split()
        answer = wait(int(rest[0])) if verb == "wait" else str(fork(verb, int(rest[0]), int(rest[1])))
        print(answer, flush=True)
