"""The last one out: ends every process group that a killed supervisor left behind.

The kernel's parent-death signal reaches only direct children; a server that forks workers would leave those running
and holding their ports. The supervisor writes `+<group> <signal>` and `-<group>` lines into this process's standard
input; when that ends (the supervisor is gone, however it went) each group still listed gets its signal, and SIGKILL
after a grace. Run as `python -I -S warden.py <lock file>`: only the standard library, and a lock that says how long
the clean-up lasts.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time

GRACE = 10.0


def follow(lines: list[str]) -> dict[int, int]:
    """Replays the supervisor's lines: group → signal of the groups not yet reaped. A torn last line is ignored."""
    groups: dict[int, int] = {}
    for line in lines:
        words = line.split()
        if line.startswith("+") and len(words) == 2:
            groups[int(words[0][1:])] = int(words[1])
        elif line.startswith("-") and len(words) == 1:
            groups.pop(int(words[0][1:]), None)
    return groups


def _send(group: int, number: int) -> bool:
    """True while the group still has a living process."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def _lives(group: int) -> bool:
    """True while a member of the group runs. Zombies do not count: in a container nobody may ever reap them."""
    if not _send(group, 0):
        return False
    try:
        members = [entry for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return True
    for member in members:
        try:
            with open(f"/proc/{member}/stat", encoding="utf-8", errors="replace") as file:
                state, _parent, its_group = file.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False


def end_groups(groups: dict[int, int], grace: float = GRACE) -> None:
    """Signals every group, waits up to `grace` seconds, then kills the rest."""
    left = [group for group, number in groups.items() if _send(group, number)]
    end = time.monotonic() + grace
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [group for group in left if _lives(group)]
    for group in left:
        _send(group, signal.SIGKILL)


def main() -> None:
    """Holds the lock until the supervisor has gone and nothing of it is left."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with open(sys.argv[1], "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print("watching", flush=True)
        end_groups(follow([line for line in sys.stdin if line.endswith("\n")]))


if __name__ == "__main__":
    main()
