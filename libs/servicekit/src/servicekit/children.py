"""Processes of Python that a service starts for one piece of work, whose memory and time are their own.

They are not started by the event loop: its way copies this process and runs a part of Python in the copy, with all the locks of threads
that are not there. Such a copy was seen to die before it became the other program. `subprocess` does nothing in it (vfork).
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence


@contextlib.asynccontextmanager
async def child(argv: Sequence[str], *, quiet: bool = False) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Starts this Python with arguments, with pipes for what it reads and writes; it is killed when the context ends before it.

    `quiet`: what it says on standard error is dropped. Its pipes are to be used in threads (`asyncio.to_thread`).
    """
    running = subprocess.Popen(  # noqa: ASYNC220, S603 - it returns as soon as the other program has begun, which is one of ours
        [sys.executable, *argv],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if quiet else None,
    )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        await asyncio.to_thread(running.wait)
        for pipe in (running.stdin, running.stdout):
            with contextlib.suppress(OSError):  # what was still to be written to it is nobody's any more
                pipe.close()  # type: ignore[union-attr]
