"""Sends rows of one kind through its import stream and goes on after every break.

What is sent and not acknowledged is kept and sent again: at most WINDOW messages, so memory stays bounded. Repeats are harmless,
because rows have natural keys.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from google.protobuf.message import Message

from marquectl.contract import Kind
from marquectl.door import CUT, PASSING, Door, DoorError, pause
from marquectl.errors import CommandError

CHUNK_ROWS = 1_000
CHUNK_BYTES = 1 << 20
WINDOW = 4
DEFERRED_ROWS = 10_000


@dataclass
class Counts:
    """How many rows came out how."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def read(self) -> int:
        """All rows that have an outcome."""
        return self.created + self.updated + self.unchanged + self.rejected

    def add(self, other: Any) -> None:
        """Adds counts of the same names."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Rejected:
    """One fault of a rejected row; texts never repeat the value."""

    row: int
    key: str
    field: str
    reason: str
    message: str


@dataclass(slots=True)
class Chunk:
    """Rows that go in one message. `upto` is the last row of the file that they stand for."""

    rows: list[Message] = field(default_factory=list)
    upto: int = 0
    size: int = 0
    messages: int = 1

    def add(self, row: Message, upto: int) -> None:
        """Puts a row in."""
        self.rows.append(row)
        self.upto = upto
        self.size += row.ByteSize()

    @property
    def full(self) -> bool:
        """Whether it should go."""
        return len(self.rows) >= CHUNK_ROWS or self.size >= CHUNK_BYTES


Told = Callable[[Chunk, Counts, list[Rejected]], None]


class Feed:
    """One import stream with its retries.

    `patience`: seconds without any acknowledgement after which the door is given up. Rows whose rejection names only fields in
    `kind.refers` (a dealer or customer imported a moment ago, of whom the service hears by event) are tried again, at most DEFERRED_ROWS
    of them, until `settle` seconds have brought no row more in; then they count as rejected. Only when `defer`.
    """

    def __init__(
        self,
        door: Door,
        kind: Kind,
        source: str,
        *,
        dry_run: bool = False,
        patience: float = 60.0,
        settle: float = 30.0,
        defer: bool = False,
    ) -> None:
        self._door = door
        self._kind = kind
        self._source = source
        self._dry_run = dry_run
        self._patience = patience
        self._settle = settle
        self._defer = defer
        self._deferred: dict[int, Message] = {}

    @property
    def defers(self) -> bool:
        """Whether rows wait to be tried again; a job must not resume behind them."""
        return bool(self._deferred)

    async def run(self, rows: Iterable[tuple[Message, int]], told: Told) -> None:
        """Sends `(row, last row of the file it stands for)` in order and tells of every acknowledged chunk.

        Raises DoorError where the door refuses the stream, or is away for longer than `patience`.
        """
        await self._send(_chunks(rows), told, last=not self._defer)
        ends, fewest, attempt = time.monotonic() + self._settle, len(self._deferred), 0
        while self._deferred:
            await asyncio.sleep(pause(attempt))
            attempt += 1
            if len(self._deferred) < fewest:
                ends, fewest = time.monotonic() + self._settle, len(self._deferred)
            again, self._deferred = self._deferred, {}
            last = time.monotonic() >= ends
            await self._send(_chunks((row, number) for number, row in again.items()), told, last=last)

    async def _send(self, chunks: Iterator[Chunk], told: Told, *, last: bool) -> None:
        waiting: deque[Chunk] = deque()
        moved, attempt = time.monotonic(), 0
        while True:
            try:
                async with aclosing(self._stream(chunks, waiting)) as answers:
                    async for chunk, counts, rejected in answers:
                        moved, attempt = time.monotonic(), 0
                        told(chunk, *self._put_off(chunk, counts, rejected, last=last))
                return
            except grpc.aio.AioRpcError as error:
                failure = DoorError(self._kind.importer, error)
            if failure.code == "UNAUTHENTICATED" and attempt == 0 and self._door.tokens is not None:
                self._door.tokens.forget()
            elif not worth_another(failure) or time.monotonic() - moved > self._patience:
                raise failure
            await asyncio.sleep(pause(attempt))
            attempt += 1

    async def _stream(
        self, chunks: Iterator[Chunk], waiting: deque[Chunk]
    ) -> AsyncGenerator[tuple[Chunk, Counts, list[Rejected]], None]:
        """One stream until the chunks end: first what `waiting` holds of the stream before, then new ones."""
        call = await self._door.open_stream(self._kind.importer)
        before, sent, headed, more = Counts(), 0, False, True
        try:
            while more or waiting:
                while more and (sent < len(waiting) or len(waiting) < WINDOW):
                    chunk = waiting[sent] if sent < len(waiting) else next(chunks, None)
                    if chunk is None:
                        more = False
                        break
                    if sent == len(waiting):
                        waiting.append(chunk)
                    await self._write(call, chunk, first=not headed)
                    sent, headed = sent + 1, True
                if waiting:
                    answer = await self._read(call)
                    done = _acknowledged(waiting, answer.last_row)
                    sent -= done.messages
                    counts, before = _since(answer.summary, before)
                    yield done, counts, rejections(answer.rejected)
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, CommandError):
                # Everything is acknowledged; the polite end of the stream decides nothing any more.
                await call.done_writing()
                await self._read(call)
        finally:
            call.cancel()

    async def _write(self, call: Any, chunk: Chunk, *, first: bool) -> None:
        message: Any = self._kind.request(rows=chunk.rows)
        if first:
            message.header.source = self._source
            message.header.dry_run = self._dry_run
        try:
            await call.write(message)
        except asyncio.InvalidStateError:  # grpc's word for a stream that is over
            await raise_end(call, self._kind)

    async def _read(self, call: Any) -> Any:
        try:
            async with asyncio.timeout(self._patience):
                answer = await call.read()
        except TimeoutError:
            raise CommandError(f"{self._kind.name}: the door did not answer for {self._patience:g} s") from None
        if answer is grpc.aio.EOF:
            await raise_end(call, self._kind)
        return answer

    def _put_off(
        self, chunk: Chunk, counts: Counts, rejected: list[Rejected], *, last: bool
    ) -> tuple[Counts, list[Rejected]]:
        """Takes rows that may be accepted a moment later out of a report."""
        if last:
            return counts, rejected
        fields: dict[int, set[str]] = {}
        for fault in rejected:
            fields.setdefault(fault.row, set()).add(fault.field)
        soon = {row for row, names in fields.items() if names <= self._kind.refers}
        for row in chunk.rows:
            number: int = row.row  # type: ignore[attr-defined]
            if number in soon and len(self._deferred) < DEFERRED_ROWS:
                self._deferred[number] = row
        left = [fault for fault in rejected if fault.row not in self._deferred]
        counts.rejected -= len({fault.row for fault in rejected} & set(self._deferred))
        return counts, left


def _chunks(rows: Iterable[tuple[Message, int]]) -> Iterator[Chunk]:
    chunk = Chunk()
    for row, upto in rows:
        chunk.add(row, upto)
        if chunk.full:
            yield chunk
            chunk = Chunk()
    if chunk.rows:
        yield chunk


def _acknowledged(waiting: deque[Chunk], last_row: int) -> Chunk:
    """Takes the messages that end at or before a row out of `waiting` and returns them as one."""
    done = Chunk(messages=0)
    while waiting and waiting[0].rows[-1].row <= last_row:  # type: ignore[attr-defined]
        chunk = waiting.popleft()
        done.rows += chunk.rows
        done.upto = chunk.upto
        done.messages += 1
    return done


def worth_another(failure: DoorError) -> bool:
    """Whether a stream that ended so should be opened again: the door is away, or was cut without a word of the platform."""
    return failure.code in PASSING or (failure.code in CUT and not failure.reason)


def _since(summary: Any, before: Counts) -> tuple[Counts, Counts]:
    """The counts of one answer, from those since the stream began, and what to compare the next with."""
    names = vars(before)
    now = Counts(**{name: getattr(summary, name) for name in names})
    return Counts(**{name: getattr(now, name) - getattr(before, name) for name in names}), now


def rejections(results: Iterable[Any]) -> list[Rejected]:
    """The faults of rejected rows, as the service tells them (`ImportRowResult`)."""
    found = []
    for result in results:
        for fault in result.errors:
            found.append(Rejected(result.row, result.key, fault.field, fault.reason, fault.description))
        if not result.errors:
            found.append(Rejected(result.row, result.key, "", "REJECTED", "the service gives no reason"))
    return found


async def raise_end(call: Any, kind: Kind) -> None:
    """A stream that ended before its last acknowledgement: raises its error, or says so where it claims to have ended well."""
    code = await call.code()
    if code is grpc.StatusCode.OK:
        raise CommandError(f"{kind.name}: the door ended the stream before it acknowledged every row")
    raise grpc.aio.AioRpcError(
        code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details()
    )
