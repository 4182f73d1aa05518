"""The platform as `make up` makes it: how soon a second start is ready, and the memory of idle processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import cpu
from bench.report import Figure, Target

_SETTLE_SECONDS = 5.0
_SAMPLE = "200"


async def standing(quick: bool) -> list[Figure]:
    """Starts a platform in a folder of its own, stops it, starts it again, weighs its idle processes, stops it."""
    with tempfile.TemporaryDirectory(prefix="marque-standing-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        state = Path(folder) / "state"
        try:
            first = await _up(state)
            await _devstack(state, "down")
            starts = []
            for _ in range(1 if quick else 3):
                starts.append(await _up(state))
                await asyncio.sleep(_SETTLE_SECONDS)
                weights = await _weights(state)
                await _devstack(state, "down")
        finally:
            await _devstack(state, "reset", check=False)
    starts.sort()
    second, heaviest = starts[len(starts) // 2], max(weights, key=lambda name: weights[name])
    listed = ", ".join(f"{name} {size:.0f}" for name, size in sorted(weights.items(), key=lambda pair: -pair[1]))
    return [
        Figure(
            "standing", "second `make up` until ready", second, "s", first, f"the first, sample of {_SAMPLE}",
            Target("ours", "under", 8), f"starts {', '.join(f'{one:.1f}' for one in starts)} s",
        ),
        Figure(
            "standing", f"heaviest idle process ({heaviest})", weights[heaviest], "MB PSS", target=Target("ours", "under", 120),
            note=f"{listed} MB; together {sum(weights.values()):.0f} MB (a process with children counts as one)",
        ),
    ]  # fmt: skip


async def _up(state: Path) -> float:
    began = time.monotonic()
    await _devstack(state, "up")
    return time.monotonic() - began


async def _weights(state: Path) -> dict[str, float]:
    """PSS in MB of each process of the platform; a PostgreSQL counts with its backends, a service with what it started."""
    found = json.loads((await _devstack(state, "status", "--json")).stdout)
    weights = {}
    for one in found["processes"]:
        if one["pid"] and not one["one_shot"]:
            weights[one["name"]] = sum(cpu.pss(pid) for pid in cpu.tree(one["pid"])) / 2**20
    return weights


async def _devstack(state: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "devstack", "--state", str(state), *words]
    told = {**os.environ, "MARQUE_SAMPLE": _SAMPLE}
    done = await asyncio.to_thread(
        subprocess.run, argv, env=told, text=True, capture_output=True, check=False, timeout=600
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"devstack {words[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done
