"""An HTTP/1.1 load driver in a process of its own, much cheaper than the servers: `python -m bench.load < job.json`.

Closed loop: each of `connections` sends its next request when the answer is there: finds saturation. Open loop (`rate` given): requests
are due at a steady rate whether or not earlier ones were answered, and latency counts from when a request was due, not from when a free
connection sent it: so a slow server cannot hide behind its own slowness.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import uvloop

from bench.stats import percentile


@dataclass(frozen=True)
class Job:
    """What to send: GETs of `paths` in turn, with `headers`, for `seconds`. `rate` a second makes it an open loop."""

    url: str
    paths: list[str]
    seconds: float
    connections: int = 8
    rate: float | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came back. Latencies in milliseconds; `errors` counts answers other than 200, `refusal` is the first one's status."""

    requests: int
    errors: int
    seconds: float
    body_bytes: int
    p50: float
    p90: float
    p99: float
    worst: float
    unsent: int = 0
    refusal: str = ""

    @classmethod
    def of(
        cls,
        latencies: Iterable[float],
        *,
        errors: int,
        seconds: float,
        body_bytes: int = 0,
        unsent: int = 0,
        refusal: str = "",
    ) -> Result:
        """Makes the result of latencies in seconds. Raises LoadFailed for none."""
        ordered = sorted(latencies)
        if not ordered:
            raise LoadFailed("nothing was answered")
        p50, p90, p99, worst = (percentile(ordered, share) * 1000 for share in (0.5, 0.9, 0.99, 1.0))
        return cls(len(ordered), errors, seconds, body_bytes, p50, p90, p99, worst, unsent, refusal)

    @property
    def per_second(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds


class LoadFailed(RuntimeError):
    """The servers answered other than with 200, or not at all."""


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._head = b""
        self._left = 0
        self._chunked = False
        self._status = b""
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self._driver.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._driver.lost(self)

    def send(self, request: bytes, due: float) -> None:
        """Sends a request whose latency counts from `due`."""
        self._due = due
        assert self._transport is not None
        self._transport.write(request)

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._body(data)
            return
        if self._chunked:
            self._head += data
            self._end_of_chunks()
            return
        data = self._head + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._head = data
            return
        self._head = b""
        self._status = data[9:12]
        lowered = data[:end].lower()
        at = lowered.find(b"content-length:")
        if at < 0:
            self._chunked = True
            self._head = data[end + 4 :]
            self._end_of_chunks()
            return
        line_end = lowered.find(b"\r", at)
        self._left = int(lowered[at + 15 : line_end if line_end > 0 else end])
        self._driver.body_bytes += self._left
        self._body(data[end + 4 :])

    def _body(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._driver.answered(self, self._status, self._due)

    def _end_of_chunks(self) -> None:
        if self._head.endswith(b"0\r\n\r\n"):
            self._driver.body_bytes += len(self._head)
            self._head, self._chunked = b"", False
            self._driver.answered(self, self._status, self._due)


class Driver:
    """Runs one job on its connections."""

    def __init__(self, job: Job) -> None:
        self._job = job
        address = urlsplit(job.url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": address.netloc, **job.headers}.items())
        self._requests = cycle([f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() for path in job.paths])
        self._idle: deque[Connection] = deque()
        self._waiting: deque[float] = deque()
        self._latencies = array("d")
        self._under_way = 0
        self._errors = 0
        self._refusal = ""
        self._started = False
        self._ends = 0.0
        self._done = asyncio.Event()
        self.body_bytes = 0

    async def run(self) -> Result:
        """Opens the connections, then runs for the job's time and waits for what is under way."""
        loop = asyncio.get_running_loop()
        opened = [
            (await loop.create_connection(lambda: Connection(self), self._host, self._port))[1]
            for _ in range(self._job.connections)
        ]
        began = time.perf_counter()
        self._ends = began + self._job.seconds
        self._started = True
        if self._job.rate is None:
            while self._idle:
                self._next(self._idle.popleft(), time.perf_counter())
        else:
            await self._arrivals(began, self._job.rate)
            self._ends = time.perf_counter()  # nothing more is due; what is under way ends the run
        unsent = len(self._waiting)
        self._waiting.clear()
        self._settle()
        async with asyncio.timeout(30):
            await self._done.wait()
        elapsed = time.perf_counter() - began
        for connection in opened:
            connection.close()
        return Result.of(
            self._latencies,
            errors=self._errors,
            seconds=elapsed,
            body_bytes=self.body_bytes,
            unsent=unsent,
            refusal=self._refusal,
        )

    async def _arrivals(self, began: float, rate: float) -> None:
        count = 0
        while (due := began + count / rate) < self._ends:
            pause = due - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            count += 1
            if self._idle:
                self._next(self._idle.popleft(), due)
            else:
                self._waiting.append(due)

    def _next(self, connection: Connection, due: float) -> None:
        self._under_way += 1
        connection.send(next(self._requests), due)

    def free(self, connection: Connection) -> None:
        """Takes a connection that has nothing to do."""
        if self._waiting:
            self._next(connection, self._waiting.popleft())
        elif self._started and self._job.rate is None and time.perf_counter() < self._ends:
            self._next(connection, time.perf_counter())
        else:
            self._idle.append(connection)

    def answered(self, connection: Connection, status: bytes, due: float) -> None:
        """Notes an answer and gives the connection its next request."""
        self._latencies.append(time.perf_counter() - due)
        if status != b"200":
            self._errors += 1
            self._refusal = self._refusal or status.decode("latin-1")
        self._under_way -= 1
        self.free(connection)
        self._settle()

    def lost(self, connection: Connection) -> None:
        """Ends the run when a server closes on us: a figure with holes is none."""
        if not self._done.is_set():
            self._errors += 1
            self._done.set()

    def _settle(self) -> None:
        if not self._under_way and not self._waiting and time.perf_counter() >= self._ends:
            self._done.set()


def run(job: Job) -> Result:
    """Runs a job in a process of its own. Raises LoadFailed where an answer was not 200."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
        timeout=job.seconds + 60,
    )
    if done.returncode != 0:
        raise LoadFailed(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the load driver failed")
    found: dict[str, Any] = json.loads(done.stdout)
    result = Result(**found)
    if result.errors:
        raise LoadFailed(
            f"{result.errors} of {result.requests} answers were not 200, the first {result.refusal or 'a closed connection'}"
        )
    return result


async def _main() -> None:
    result = await Driver(Job(**json.load(sys.stdin))).run()
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    uvloop.run(_main())
