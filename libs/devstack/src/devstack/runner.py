"""`devstack run`: one supervisor in the foreground, from the lock to the last child's end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from devstack import banner, launch, ports, post, traces
from devstack.binaries import MissingProgram
from devstack.contract import has_module
from devstack.layout import Layout, PortTaken
from devstack.locks import AlreadyRunning, StateLock, wait_unlocked
from devstack.processes import StartFailed
from devstack.stack import DevStack

OK, FAILED, ALREADY = 0, 1, 4
_LEFTOVER_PATIENCE = 20.0


@dataclass(frozen=True)
class Options:
    """What the command line or the environment asks for; None means choose."""

    services: list[str] | None = None
    http_port: int | None = None
    grpc_port: int | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Options:
        """MARQUE_SERVICES (comma-separated), MARQUE_HTTP_PORT, MARQUE_GRPC_PORT. Raises ValueError for what is no
        port.
        """
        names = [name.strip() for name in environ.get("MARQUE_SERVICES", "").split(",") if name.strip()]
        return cls(names or None, _port(environ, "MARQUE_HTTP_PORT"), _port(environ, "MARQUE_GRPC_PORT"))


def _port(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"{name} must be a port from 1 to 65535, not {text!r}")
    return int(text)


def run(layout: Layout, environ: Mapping[str, str]) -> int:
    """Runs the platform until SIGINT, SIGTERM or SIGHUP. Returns the exit status; messages go to standard output and
    error.
    """
    lock = StateLock(layout.supervisor_lock)
    try:
        layout.make()
        lock.acquire()
        if not wait_unlocked(layout.warden_lock, _LEFTOVER_PATIENCE):
            raise StartFailed("processes of the previous supervisor do not end; see `devstack status`")
        options = Options.from_environment(environ)
        stack = DevStack(
            layout,
            environ,
            services=options.services,
            http_port=options.http_port,
            grpc_port=options.grpc_port,
            traces=traces.wanted(environ),
            post=post.wanted(environ),
        )
        return asyncio.run(_live(stack))
    except AlreadyRunning as error:
        print(f"devstack: {error}", file=sys.stderr)
        return ALREADY
    except (StartFailed, PortTaken, MissingProgram, ports.NoFreePort, ValueError, TypeError, OSError) as error:
        print(f"devstack: {error}", file=sys.stderr)
        return FAILED
    finally:
        lock.release()


async def _live(stack: DevStack) -> int:
    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    stack.supervisor.annotate(phase="starting", pid=os.getpid(), addresses=stack.describe(), services=stack.services)
    start = asyncio.create_task(stack.start())
    if not await _unless(stop, start):
        return OK
    elapsed = round(time.monotonic() - began, 2)
    stack.supervisor.annotate(phase="sample", elapsed_seconds=elapsed)
    sample = asyncio.create_task(load_sample(stack))
    try:
        if await _unless(stop, sample):
            stack.supervisor.annotate(phase="ready")
            print(banner.text(stack.layout), flush=True)
            await stop.wait()
    finally:
        stack.supervisor.annotate(phase="stopping")
        await stack.stop()
    return OK


async def _unless(stop: asyncio.Event, task: asyncio.Task[None]) -> bool:
    """Awaits the task, but cancels it when asked to stop; tells whether it finished. Its error is raised."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return False
    task.result()
    return True


async def load_sample(stack: DevStack) -> None:
    """The sample step: `python -m marquectl sample --if-empty`, once per state folder, where marquectl has one.

    MARQUE_SAMPLE passes through. A failure is told and leaves the platform up; the next start tries again.
    """
    layout = stack.layout
    if layout.sample_marker.exists() or not has_module("marquectl", "sample") or not stack.services:
        return
    log_file = layout.logs / "sample.log"
    argv = launch.dying_with_parent([sys.executable, "-m", "marquectl", "sample", "--if-empty"])
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=stack.operator_environment(),
            start_new_session=True,
        )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        launch.kill_group(process.pid)
        await process.wait()
        raise
    if code == 0:
        layout.sample_marker.touch()
    else:
        print(
            f"devstack: the sample data could not be loaded; the end of {log_file}:\n{launch.tail(log_file)}",
            file=sys.stderr,
            flush=True,
        )
