"""How a child process is started so that it never outlives its supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def dying_with_parent(argv: Sequence[str], death_signal: str = "KILL") -> list[str]:
    """Wraps a command so that the kernel sends it `death_signal` when the *thread* that started it ends.

    Thread, not process: start such a child from a thread that lives as long as the child should (the main thread, or
    the one that runs the event loop), never from an executor. Where setpriv is missing (macOS) the command is
    returned unwrapped.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", death_signal, "--", *argv] if setpriv else list(argv)


def spawn(argv: Sequence[str], log_file: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Starts a child in a session of its own, appending both outputs to `log_file`."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )


def terminate(process: subprocess.Popen[bytes], stop_signal: signal.Signals, grace: float) -> None:
    """Sends `stop_signal`, waits up to `grace` seconds, then kills what is left of the child's process group."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()
    kill_group(process.pid)


def kill_group(group: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Signals a whole process group; does nothing when it is gone."""
    try:
        os.killpg(group, with_signal)
    except (ProcessLookupError, PermissionError):
        return


def tail(log_file: Path, lines: int = 20) -> str:
    """The last lines of a log, for an error message; empty when there is no log."""
    try:
        with log_file.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 16_384))
            text = log.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
