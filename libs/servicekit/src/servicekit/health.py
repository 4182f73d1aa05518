"""The side door of a process: is it alive, may it be sent work, what does it measure.

Plain HTTP/1.1 on a port of its own, so that probes and scrapes neither wait behind requests nor pass authentication.
h11 parses; answers close the connection. No answer carries more than names of checks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import h11
import orjson

from servicekit.telemetry.logs import get_logger

Check = Callable[[], Awaitable[object]]
"""Passes by returning anything but ``False``; fails by raising, by returning ``False`` or by taking too long."""

Exposition = Callable[[str], tuple[str, bytes]]
"""From a scrape's ``Accept`` to content type and body."""

State = Literal["starting", "ready", "draining"]

CHECK_SECONDS = 1.0
REQUEST_SECONDS = 5.0
MAX_CONNECTIONS = 100
_MAX_HEAD = 8 * 1024
_JSON = "application/json"
_log = get_logger(__name__)


class HealthServer:
    """Serves ``/livez``, ``/readyz`` and ``/metrics``.

    - ``/livez``: 200 while the event loop turns.
    - ``/readyz``: 200 ``{"status": "ready"}``; 503 with ``starting``, ``draining`` or ``failing`` and the names of the
      failing checks.
    - ``/metrics``: what ``exposition`` returns.

    :param host: a pod says ``0.0.0.0``, a developer's machine ``127.0.0.1``.
    :param port: 0 takes a free one; see ``port`` after ``start``.
    :param checks: named conditions for readiness, each given ``check_seconds``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        checks: Mapping[str, Check],
        exposition: Exposition,
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._port = port
        self._host = host
        self._checks = dict(checks)
        self._exposition = exposition
        self._check_seconds = check_seconds
        self._state: State = "starting"
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._checking: asyncio.Task[list[str]] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def state(self) -> State:
        """``starting``, ``ready`` or ``draining``."""
        return self._state

    def set_ready(self, ready: bool) -> None:
        """Open or close for work; a process that drains stays so."""
        if self._state != "draining":
            self._state = "ready" if ready else "starting"

    def draining(self) -> None:
        """From now on ``/readyz`` says no, for good: called before the last requests are finished."""
        self._state = "draining"

    async def start(self) -> None:
        """Listen.

        :raises OSError: when the port is taken.
        """
        self._server = await asyncio.start_server(self._accept, self._host, self._port, limit=_MAX_HEAD)

    async def stop(self) -> None:
        """Close the port and whatever is still connected; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            self._port = int(server.sockets[0].getsockname()[1])
            server.close()
        pending = [*self._connections, *([self._checking] if self._checking is not None else [])]
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=self._check_seconds)

    async def failing(self) -> list[str]:
        """Names of the checks that fail now, sorted. Callers that ask at once share one round."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._run_checks(), name="readiness-checks")
        return await asyncio.shield(self._checking)

    async def _run_checks(self) -> list[str]:
        if not self._checks:
            return []
        running = {asyncio.create_task(_passes(check)): name for name, check in self._checks.items()}
        try:
            done, late = await asyncio.wait(running, timeout=self._check_seconds)
        except asyncio.CancelledError:
            for task in running:
                task.cancel()
            raise
        for task in late:  # not awaited: a check that swallows its cancellation must not hold up the answer
            task.cancel()
        return sorted(
            [running[task] for task in late] + [running[task] for task in done if task.cancelled() or not task.result()]
        )

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # asyncio runs this callback as a task
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._converse(reader, writer)
        except (OSError, TimeoutError, h11.LocalProtocolError):
            pass  # gone, slow or half a request: nobody to answer
        except asyncio.CancelledError:
            pass  # stop(): asyncio would report a cancelled connection as a failure
        finally:
            self._connections.discard(task)
            with contextlib.suppress(OSError):
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        try:
            request = await _request(connection, reader)
        except h11.RemoteProtocolError as wrong:
            await _send(connection, writer, wrong.error_status_hint, _JSON, _status("bad request"), with_body=True)
            return
        if request is None:
            return
        try:
            status, kind, body = await self._answer(request)
        except Exception:
            _log.exception("health answer failed")
            status, kind, body = 500, _JSON, _status("error")
        await _send(connection, writer, status, kind, body, with_body=request.method != b"HEAD")

    async def _answer(self, request: h11.Request) -> tuple[int, str, bytes]:
        if request.http_version not in (b"1.0", b"1.1"):
            return 505, _JSON, _status("version not supported")
        if request.method not in (b"GET", b"HEAD"):
            return 405, _JSON, _status("method not allowed")
        match request.target.split(b"?", 1)[0]:
            case b"/livez":
                return 200, _JSON, _status("alive")
            case b"/readyz":
                return await self._readiness()
            case b"/metrics":
                return 200, *self._exposition(_accepted(request))
            case _:
                return 404, _JSON, _status("not found")

    async def _readiness(self) -> tuple[int, str, bytes]:
        failing = await self.failing()
        if self._state == "ready" and not failing:
            return 200, _JSON, _status("ready")
        status = "failing" if self._state == "ready" else self._state
        return 503, _JSON, orjson.dumps({"status": status, "failing": failing})


def _accepted(request: h11.Request) -> str:
    return ",".join(value.decode("latin-1") for name, value in request.headers if name == b"accept")


async def _passes(check: Check) -> bool:
    try:
        return await check() is not False
    except Exception:  # a check fails by whatever it raises; its text may name hosts and users
        return False


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The head of one request; ``None`` when the peer left before sending one."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(_MAX_HEAD))


async def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, *, with_body: bool
) -> None:
    headers = [
        ("content-type", kind),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ]
    if status == 405:
        headers.append(("allow", "GET, HEAD"))
    head = connection.send(h11.Response(status_code=status, headers=headers))
    writer.write(head or b"")
    if with_body:
        writer.write(connection.send(h11.Data(data=body)) or b"")
    await writer.drain()


def _status(status: str) -> bytes:
    return orjson.dumps({"status": status})
