"""One supervisor per state folder, told by file locks that end with their holder, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this state folder."""


class StateLock:
    """The supervisor's lock on `path`; the file holds its process id."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Takes the lock or raises AlreadyRunning naming the holder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _lock_soon(fd):
            os.close(fd)
            raise AlreadyRunning(f"already running (process {holder(self.path) or 'unknown'})")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Gives the lock back; the file stays, because unlinking it would let two supervisors lock two different
        files.
        """
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None


def _lock_soon(fd: int) -> bool:
    """Tries for a moment, because `is_locked` of somebody else holds the file shared for an instant."""
    for _ in range(10):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def is_locked(path: Path) -> bool:
    """Tells whether a living process holds the lock; never waits."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: two callers who look at the same moment must not take each other for the holder.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def holder(path: Path) -> int | None:
    """The process id of the lock's holder; None when nobody holds it. Safe to signal: a number is only trusted while
    the lock is held.
    """
    if not is_locked(path):
        return None
    text = path.read_text(encoding="ascii").strip()
    return int(text) if text.isdigit() else None


def wait_unlocked(path: Path, deadline: float) -> bool:
    """Waits up to `deadline` seconds until nobody holds the lock; tells whether that came."""
    end = time.monotonic() + deadline
    while is_locked(path):
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True
