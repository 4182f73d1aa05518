"""A provider of messages that records what it accepts, and behaves as badly as it is told: it speaks plain HTTP on a port of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What it does with a message: takes it, takes it and breaks the connection without an answer, fails before or after taking it, has no time,
# refuses it.
TAKE, DROP, FAIL, FAIL_AFTER, BUSY, REFUSE = "take", "drop", "fail", "fail_after", "busy", "refuse"
Manner = Callable[[dict[str, Any], int], str]
"""(message, how many times it came before) → what is done with it."""


class RecordingProvider:
    """The provider. `accepted` counts by key how often a message was taken anew; with `once` a key that came before is only answered.

    `messages` are the taken ones, `headers` the last request's, `moments` by key when each was taken first (`time.monotonic`).
    """

    def __init__(self, *, once: bool) -> None:
        self.once = once
        self.manner: Manner = lambda message, times: TAKE
        self.accepted: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.messages: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.moments: dict[str, float] = {}
        self.retry_after = 0  # seconds, told with BUSY
        self._lock = threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # whoever asked was killed amid its request: that is no message
                    self.close_connection = True
                    return
                status = provider.take(dict(self.headers.items()), body)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                if status == 429:
                    self.send_header("retry-after", str(provider.retry_after))
                self.send_header("content-length", "0")
                self.end_headers()

            def handle(self) -> None:
                provider._connected.add(self.connection)
                with contextlib.suppress(ConnectionError):  # whoever asked was killed
                    super().handle()
                provider._connected.discard(self.connection)

            def log_message(self, *words: Any) -> None:
                """Says nothing."""

        self._handler, self._port = Handler, 0
        self._connected: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        """Listens, where it listened before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}/messages"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Records one request; returns the status to answer with, 0 to break off."""
        message = json.loads(body)
        with self._lock:
            self.headers, self.body = {name.lower(): value for name, value in headers.items()}, body
            key = self.headers["idempotency-key"]
            manner = self.manner(message, self.asked[key])
            self.asked[key] += 1
            if manner in (TAKE, DROP, FAIL_AFTER) and not (self.once and self.accepted[key]):
                self.accepted[key] += 1
                self.messages.append(message)
                self.moments.setdefault(key, time.monotonic())
        return {TAKE: 202, DROP: 0, FAIL: 503, FAIL_AFTER: 500, BUSY: 429, REFUSE: 400}[manner]

    def close(self) -> None:
        """Stops listening, and breaks off what is connected."""
        self._server.shutdown()
        self._server.server_close()
        for one in list(self._connected):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
