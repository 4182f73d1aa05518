"""Loopback TCP ports for embedded servers, chosen so that parallel starts never collide.

Ports stay below 32768: the kernel hands higher ones to outgoing connections, and a server that is restarted on such a
port may find it taken by a client socket.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
import time
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST = 20000
HIGHEST = 32000

_held: dict[int, int] = {}
_guard = threading.Lock()


class NoFreePort(RuntimeError):
    """No port of the range could be reserved."""


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"marque-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise NoFreePort(f"{folder} belongs to somebody else; remove it or set TMPDIR")
    return folder


def can_bind(port: int) -> bool:
    """Tells whether a server could listen on `port` of the loopback address now.

    SO_REUSEADDR as servers set it: a port in TIME_WAIT counts as free, one with a listener does not.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def reserve(port: int) -> bool:
    """Reserves one given port for this process; False when it is bound, or reserved here or by another process of
    this user.

    The reservation is a file lock: it ends with `release` or with the process, however that dies.
    """
    with _guard:
        if port in _held:
            return False
        fd = os.open(_lock_folder() / f"{port}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        if not can_bind(port):
            os.close(fd)
            return False
        _held[port] = fd
        return True


def release(port: int) -> None:
    """Ends a reservation of this process; does nothing for a port that is not reserved."""
    with _guard:
        fd = _held.pop(port, None)
        if fd is not None:
            os.close(fd)


def free_port(prefer: int | None = None) -> int:
    """Reserves and returns a port: `prefer` when it is free, else one of LOWEST..HIGHEST.

    Raises NoFreePort when the whole range is taken.
    """
    if prefer is not None and reserve(prefer):
        return prefer
    # A random start spreads the parallel workers of a test run; the locks make it exact.
    span = HIGHEST - LOWEST
    start = random.SystemRandom().randrange(span)
    for step in range(span):
        port = LOWEST + (start + step) % span
        if reserve(port):
            return port
    raise NoFreePort(f"no free port between {LOWEST} and {HIGHEST} on {LOOPBACK}")


def is_listening(host: str, port: int, patience: float = 0.5) -> bool:
    """Tells whether something accepts connections at host:port within `patience` seconds."""
    try:
        with socket.create_connection((host, port), timeout=patience):
            return True
    except OSError:
        return False


def wait_listening(host: str, port: int, deadline: float) -> None:
    """Returns once host:port accepts connections; raises TimeoutError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not is_listening(host, port):
        if time.monotonic() >= end:
            raise TimeoutError(f"nothing listens on {host}:{port} after {deadline:g} s")
        time.sleep(0.02)
