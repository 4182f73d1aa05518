"""The commands around a running supervisor: up, down, reset, status, logs. Each returns an exit status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from devstack import banner, launch, runner
from devstack.child import rotate
from devstack.layout import Layout
from devstack.locks import holder, is_locked, wait_unlocked

NOT_RUNNING = 3
_UP_PATIENCE = 900.0  # seconds; the sample data may take a while
_DOWN_PATIENCE = 60.0


def up(layout: Layout) -> int:
    """Starts the supervisor in the background and returns when all is ready; says so when it already is."""
    began = time.monotonic()
    if is_locked(layout.supervisor_lock):
        return _await_other(layout)
    layout.make()
    log_file = layout.logs / "devstack.log"
    rotate(log_file)
    offset = log_file.stat().st_size if log_file.exists() else 0
    with log_file.open("ab") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "devstack", "--state", str(layout.root), "run"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    end = began + _UP_PATIENCE
    while daemon.poll() is None and time.monotonic() < end:
        if _is_ready(layout, daemon.pid):
            print(banner.text(layout))
            print(f"Up in {time.monotonic() - began:.1f} s, in the background; `make down` stops it.")
            return runner.OK
        time.sleep(0.05)
    if daemon.returncode == runner.ALREADY:
        return _await_other(layout)
    with log_file.open(encoding="utf-8", errors="replace") as log_text:
        log_text.seek(offset)
        print(log_text.read().strip() or "devstack: the platform is not ready yet", file=sys.stderr)
    return runner.FAILED


def _await_other(layout: Layout) -> int:
    end = time.monotonic() + _UP_PATIENCE
    while (pid := holder(layout.supervisor_lock)) is not None and time.monotonic() < end:
        if _is_ready(layout, pid):
            print(f"Already up (process {pid}).\n{banner.text(layout)}")
            return runner.OK
        time.sleep(0.1)
    print("devstack: the other supervisor ended before it was ready; see `devstack logs`", file=sys.stderr)
    return runner.FAILED


def _is_ready(layout: Layout, pid: int) -> bool:
    status = layout.status()
    return status.get("phase") == "ready" and status.get("pid") == pid and is_locked(layout.supervisor_lock)


def down(layout: Layout) -> int:
    """Stops everything and returns when it is gone; 0 also when nothing ran."""
    pid = holder(layout.supervisor_lock)
    if pid is None:
        # Its warden may still be clearing up after a kill.
        gone = wait_unlocked(layout.warden_lock, _DOWN_PATIENCE)
        print("Not running." if gone else "devstack: processes of a killed supervisor do not end")
        return runner.OK if gone else runner.FAILED
    os.kill(pid, signal.SIGTERM)
    if not wait_unlocked(layout.supervisor_lock, _DOWN_PATIENCE) and holder(layout.supervisor_lock) == pid:
        os.kill(pid, signal.SIGKILL)
    gone = wait_unlocked(layout.supervisor_lock, 5) and wait_unlocked(layout.warden_lock, _DOWN_PATIENCE)
    print("Down." if gone else "devstack: some processes do not end; see `devstack status`")
    return runner.OK if gone else runner.FAILED


def reset(layout: Layout) -> int:
    """Stops what runs, then removes the state folder and all data in it, without a question."""
    if not layout.root.exists():
        print(f"Nothing to remove: {layout.root} does not exist.")
        return runner.OK
    if not layout.marker.exists():
        print(f"devstack: {layout.root} was not made by devstack and stays", file=sys.stderr)
        return runner.FAILED
    if (code := down(layout)) != runner.OK:
        return code
    shutil.rmtree(layout.root)
    print(f"Removed {layout.root}.")
    return runner.OK


def status(layout: Layout, *, as_json: bool = False) -> int:
    """Prints phase and processes; returns 0 when all is ready, 3 when nothing runs, 1 in between."""
    found = layout.status()
    running = is_locked(layout.supervisor_lock)
    phase = found.get("phase", "unknown") if running else "down"
    shown = found.get("processes", []) if running else []
    if as_json:
        print(json.dumps({**found, "phase": phase, "processes": shown}, indent=1))
    else:
        print(f"{phase} ({layout.root})")
        for one in shown:
            state = ("done" if one["one_shot"] else "ready") if one["ready"] else "not ready"
            print(f"  {one['name']:<20} {state:<10} pid {one['pid'] or '-':<8} restarts {one['restarts']}")
    if not running:
        return NOT_RUNNING
    return runner.OK if phase == "ready" and all(one["ready"] for one in shown) else runner.FAILED


def logs(layout: Layout, names: list[str], lines: int, *, follow: bool = False) -> int:
    """Prints the end of each named log (default: all); with `follow`, goes on until interrupted."""
    files = [layout.logs / f"{name}.log" for name in names] if names else sorted(layout.logs.glob("*.log"))
    missing = [file.stem for file in files if not file.exists()]
    if missing:
        known = ", ".join(sorted(file.stem for file in layout.logs.glob("*.log"))) or "none"
        print(f"devstack: no log of {', '.join(missing)} (there are: {known})", file=sys.stderr)
        return runner.FAILED
    for file in files:
        print(f"== {file.stem}\n{launch.tail(file, lines)}")
    if follow:
        _follow({file: file.stat().st_size for file in files})
    return runner.OK


def _follow(offsets: dict[Path, int]) -> None:
    try:
        while True:
            for file, offset in offsets.items():
                with file.open("rb") as log:
                    log.seek(offset)
                    fresh = log.read()
                if fresh:
                    offsets[file] = offset + len(fresh)
                    for line in fresh.decode("utf-8", "replace").splitlines():
                        print(f"{file.stem} | {line}", flush=True)
            time.sleep(0.2)
    except KeyboardInterrupt:
        return
