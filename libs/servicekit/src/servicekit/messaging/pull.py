"""Messages of a durable consumer as they come, by standing pull requests.

nats-py's own `fetch` is not used: on a consumer that was idle for longer than a heartbeat it leaves two requests at the broker and then
waits for the rest of its batch until its time is over, so that an event which comes alone is handled up to `timeout` seconds late.
The protocol: https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from types import TracebackType
from typing import Self

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError
from nats.js.errors import APIError

_EXPIRES_SECONDS = 30.0
_HEARTBEAT_SECONDS = 1.0
_SILENCE_SECONDS = 2.5  # no heartbeat for so long: the request is lost, as when the broker was started again
_HEARTBEAT, _NO_RESPONDERS = "100", "503"
# A request ends so in the course of things: nothing there, its time is over or its size reached; "409" also says that the leader changed.
_ENDED = frozenset({"404", "408", "409"})
_GONE = "Consumer Deleted"


class Pull:
    """An open pull: `async with Pull(client, stream, consumer, size) as pull`, then `await pull.messages()` again and again."""

    def __init__(self, client: Client, stream: str, consumer: str, size: int) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._size = size
        self._inbox = client.new_inbox()
        self._came: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._outstanding = 0
        self._heard = 0.0
        self._failure: Exception | None = None
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(self._inbox, cb=self._hear)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None:
            with contextlib.suppress(Exception):  # a broken connection must not hide the end that was asked for
                await self._subscription.unsubscribe()

    async def messages(self) -> list[Msg]:
        """Returns what has come, at most `size` messages; an empty list after a second without any.

        Raises NoRespondersError or APIError where the broker has no such consumer, or no JetStream just now.
        """
        if not self._came:
            await self._ask()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    await self._wake.wait()
        if self._failure is not None and not self._came:
            failure, self._failure = self._failure, None
            raise failure
        return [self._came.popleft() for _ in range(min(self._size, len(self._came)))]

    async def _ask(self) -> None:
        if self._outstanding > 0 and time.monotonic() - self._heard < _SILENCE_SECONDS:
            return
        self._outstanding, self._heard = self._size, time.monotonic()
        wanted = {
            "batch": self._size,
            "expires": int(_EXPIRES_SECONDS * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * 1e9),
        }
        await self._client.publish(self._subject, orjson.dumps(wanted), self._inbox)

    async def _hear(self, message: Msg) -> None:
        self._heard = time.monotonic()
        status = (message.headers or {}).get("Status") if not message.reply or not message.data else None
        if status is None:
            self._outstanding -= 1
            self._came.append(message)
        elif status == _HEARTBEAT:
            return
        else:
            self._outstanding = 0
            described = (message.headers or {}).get("Description", "")
            if status == _NO_RESPONDERS:
                self._failure = NoRespondersError()
            elif status not in _ENDED or described == _GONE:
                self._failure = APIError(code=int(status), description=described)
        self._wake.set()
