"""A gRPC load driver: one unary method over one channel, bytes in and bytes out, so that the client costs as little as it can.

grpcio's client costs about as much as the server, so it runs in a process of its own: `python -m bench.load_grpc < job.json`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from itertools import cycle

import grpc
import grpc.aio
import uvloop

from bench.load import LoadFailed, Result


@dataclass(frozen=True)
class GrpcJob:
    """What to call: `requests` are serialised messages in base64, sent in turn. `rate` a second makes it an open loop."""

    address: str
    method: str
    requests: list[str]
    seconds: float
    token: str
    connections: int = 8
    rate: float | None = None


async def drive(job: GrpcJob) -> Result:
    """Runs a job in this process."""
    messages = cycle([base64.b64decode(one) for one in job.requests])
    metadata = (("authorization", f"Bearer {job.token}"),)
    latencies: list[float] = []
    errors = 0
    async with grpc.aio.insecure_channel(job.address) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(job.method)

        async def one(due: float) -> None:
            nonlocal errors
            try:
                await call(next(messages), metadata=metadata, timeout=10)
            except grpc.aio.AioRpcError:
                errors += 1
            latencies.append(time.perf_counter() - due)

        async def closed() -> None:
            while (now := time.perf_counter()) < ends:
                await one(now)

        began = time.perf_counter()
        ends = began + job.seconds
        if job.rate is None:
            await asyncio.gather(*(closed() for _ in range(job.connections)))
        else:
            await _arrivals(one, began, ends, job.rate)
        elapsed = time.perf_counter() - began
    return Result.of(latencies, errors=errors, seconds=elapsed)


async def _arrivals(
    one: Callable[[float], Coroutine[None, None, None]], began: float, ends: float, rate: float
) -> None:
    count = 0
    under_way: set[asyncio.Task[None]] = set()
    while (due := began + count / rate) < ends:
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        count += 1
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)


def run(job: GrpcJob) -> Result:
    """Runs a job in a process of its own. Raises LoadFailed where a call failed."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load_grpc"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
        timeout=job.seconds + 60,
    )
    if done.returncode != 0:
        raise LoadFailed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the load driver failed")
    result = Result(**json.loads(done.stdout))
    if result.errors:
        raise LoadFailed(f"{result.errors} of {result.requests} calls failed")
    return result


if __name__ == "__main__":
    json.dump(asdict(uvloop.run(drive(GrpcJob(**json.load(sys.stdin))))), sys.stdout)
