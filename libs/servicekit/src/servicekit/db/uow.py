"""The unit of work: one use case, one transaction. Only this file commits.

It can be entered again while it is open: the inner block joins the outer one's transaction. So a use case opens it for an RPC, and joins
the consumer's for an event.

On leaving the block it flushes, writes the outbox rows of the emitted events, the audit records and, for a request with a request id, the
answer; then it commits and wakes the relay and the due worker. Leaving by an exception rolls everything back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import asyncpg
import sqlalchemy as sa
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from servicekit import contract
from servicekit.db import masses
from servicekit.db.base import Aggregate, now
from servicekit.db.binary import Copy
from servicekit.db.committed import SOON, Committed
from servicekit.db.engine import Database, Reader
from servicekit.db.tables import audit_records, idempotency_keys, outbox_messages
from servicekit.errors import Aborted, DomainError, IdempotencyKeyReused
from servicekit.ids import new_uuid
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.telemetry import metrics, propagation, spans
from servicekit.telemetry.figures import Figure, Tally


class Replayed(Exception):
    """The request was done before under the same request id; `answer` is the answer given then."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        super().__init__("replayed")


# After these nobody knows what the connection is doing: it is dropped, and the server undoes what it held. A rollback would only wait too.
_BROKEN = (TimeoutError, asyncpg.InternalClientError)
Constraints = dict[str, Callable[[], DomainError]]
# In words, as every write says them: SQLAlchemy compiles an `INSERT … ON CONFLICT` of its own anew each time.
_CLAIM = sa.text(
    "INSERT INTO idempotency_keys (principal, method, request_id, request_hash) "
    "VALUES (:principal, :method, :request_id, :request_hash) ON CONFLICT DO NOTHING"
)
_SCHEDULE = sa.text(
    "INSERT INTO due_work (kind, key, due_time) VALUES (:kind, :key, :due_time) "
    "ON CONFLICT (kind, key) DO UPDATE SET due_time = excluded.due_time, attempts = 0, failure = NULL"
)


class UnitOfWork:
    """One transaction. `render` turns a use case's result into the answer message; RPCs that answer in the transaction need it."""

    session: AsyncSession

    def __init__(
        self,
        database: Database,
        call: Call,
        *,
        render: Callable[[Any], Message] | None = None,
        constraints: Constraints | None = None,
        committed: Committed | None = None,
    ) -> None:
        self._database = database
        self._call = call
        self._render = render
        self._constraints = constraints or {}
        self._committed = committed
        self._events: list[tuple[Message, Aggregate | None, str | None]] = []
        self._audits: list[dict[str, Any]] = []
        self._tallies: list[Tally] = []
        self._due_now = False
        self._answered = False
        self._claimed = False
        self._depth = 0
        self.now: datetime = now()
        self._moment = Timestamp()
        self._moment.FromDatetime(self.now)

    @property
    def principal(self) -> Principal:
        """Who asked for this work."""
        return self._call.principal

    async def __aenter__(self) -> Self:
        self._depth += 1
        if self._depth > 1:
            return self
        self.session = self._database.session()
        try:
            await self._claim_request_id()
        except BaseException:
            self._depth -= 1
            await self.session.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        try:
            if isinstance(error, _BROKEN):
                await self.session.invalidate()
            elif error is not None:
                await self.session.rollback()
            else:
                await self._finish()
        except _BROKEN:
            await self.session.invalidate()
            raise
        except StaleDataError:
            await self.session.rollback()
            raise Aborted() from None
        except DBAPIError as failure:
            await self.session.rollback()
            if (told := self._translated(failure)) is failure:
                raise
            raise told from failure
        finally:
            await self.session.close()
        if isinstance(error, StaleDataError):
            raise Aborted() from None
        if isinstance(error, DBAPIError) and (told := self._translated(error)) is not error:
            raise told from error

    def add(self, *models: object) -> None:
        """Adds new rows."""
        self.session.add_all(models)

    def emit(self, event: Message, *, of: Aggregate | None = None) -> None:
        """Publishes an event with this transaction; `of` is the aggregate whose version it carries.

        It belongs to the trace that goes on here, which need not be the one in which the transaction ends.
        """
        with spans.producer_create_span(contract.event(event.DESCRIPTOR).name):
            self._events.append((event, of, propagation.inject()))

    def audit(self, action: str, resource_type: str, resource_id: str, fields: tuple[str, ...] = ()) -> None:
        """Records a write: ids and the names of fields, never values."""
        self._audits.append(
            {
                "audit_id": new_uuid(),
                "create_time": self.now,
                "principal": self.principal.subject,
                "roles": ",".join(sorted(self.principal.roles)),
                "method": self._call.method,
                "action": action,
                "resource_type": resource_type,
                "resource_id": resource_id,
                "fields": list(fields),
                "trace_id": propagation.current_trace_id() or "",
            }
        )

    def tally(self, figure: Figure, count: int = 1, **labels: str) -> None:
        """Counts something of the trade when this transaction is committed."""
        if count:
            self._tallies.append(Tally(figure, count, labels))

    async def schedule(self, kind: str, key: str, due_time: datetime) -> None:
        """Makes work due at a moment; the same kind and key again moves it."""
        await self.schedule_all(kind, {key: due_time})

    async def schedule_all(self, kind: str, due_times: Mapping[str, datetime]) -> None:
        """Makes work of a kind due, each key at its moment; those that are known are moved."""
        if not due_times:
            return
        self._due_now = self._due_now or min(due_times.values()) <= now() + SOON
        values = [{"kind": kind, "key": key, "due_time": moment} for key, moment in due_times.items()]
        await self.session.execute(_SCHEDULE, values)

    def mark(self) -> tuple[int, ...]:
        """Returns how much was said and noted by now, for `forget_since`."""
        return len(self._events), len(self._audits), len(self._tallies)

    def forget_since(self, marked: tuple[int, ...]) -> None:
        """Takes back what was said and noted since: the rows that it was about are undone (`servicekit.db.attempts`)."""
        for kept, count in zip((self._events, self._audits, self._tallies), marked, strict=True):
            del kept[count:]  # type: ignore[attr-defined]

    async def flush(self) -> None:
        """Sends pending writes, so that the database's own defaults and refusals are known."""
        await self.session.flush()

    async def answer(self, result: Any) -> Any:
        """Renders the answer inside the transaction and keeps it for retries of the same request."""
        await self.session.flush()
        rendered = self._render(result) if self._render is not None else result
        self._answered = True
        if self._claimed:
            key = _request_key(self._call)
            await self.session.execute(
                sa.update(idempotency_keys)
                .where(*(idempotency_keys.c[name] == value for name, value in key.items()))
                .values(answer=rendered.SerializeToString())
            )
        return rendered

    async def _claim_request_id(self) -> None:
        """Takes the request id. A concurrent double waits here for the first to commit, then finds its answer."""
        if not self._call.request_id:
            return
        key = _request_key(self._call)
        claimed: Any = await self.session.execute(_CLAIM, {**key, "request_hash": self._call.request_hash})
        if claimed.rowcount:
            self._claimed = True
            return
        await _replay(self.session, self._call)
        raise Aborted()  # pruned between the two statements: the caller may try again

    async def _finish(self) -> None:
        if self._claimed and not self._answered:
            raise RuntimeError(f"{self._call.method} takes a request id but left its unit of work without an answer")
        await self.session.flush()
        await self._write([self._outbox_row(*emitted) for emitted in self._events], outbox_messages, masses.outbox)
        await self._write(self._audits, audit_records, masses.audit)
        await self.session.commit()
        if self._events or self._tallies:
            types = [contract.event(event.DESCRIPTOR).name for event, _, _ in self._events]
            metrics.current().committed(types, self._tallies)
        if self._committed is not None:
            if self._events:
                self._committed.events.set()
            if self._due_now:
                self._committed.due.set()

    async def _write(self, rows: list[dict[str, Any]], table: sa.Table, many: Callable[[masses.Rows], Copy]) -> None:
        if len(rows) >= masses.MANY:
            await many(rows).send(await masses.driver_of(self.session))
        elif rows:
            await self.session.execute(sa.insert(table), rows)

    def _outbox_row(self, event: Message, of: Aggregate | None, traceparent: str | None) -> dict[str, Any]:
        kind = contract.event(event.DESCRIPTOR)
        if of is not None:
            event.aggregate_version = of.version  # type: ignore[attr-defined]
        if not event.HasField("occur_time"):
            event.occur_time.CopyFrom(self._moment)  # type: ignore[attr-defined]
        return {
            "event_id": new_uuid(),
            "event_type": kind.name,
            "aggregate_id": getattr(event, kind.key),
            "aggregate_version": event.aggregate_version,  # type: ignore[attr-defined]
            "payload": event.SerializeToString(),
            "traceparent": traceparent,
            "create_time": self.now,
        }

    def _translated(self, failure: DBAPIError) -> BaseException:
        if isinstance(failure, IntegrityError):
            name = getattr(getattr(failure.orig, "__cause__", None), "constraint_name", None)
            if name in self._constraints:
                return self._constraints[name]()
        return failure


def _request_key(call: Call) -> dict[str, str]:
    return {"principal": call.principal.subject, "method": call.method, "request_id": call.request_id}


async def _replay(session: AsyncSession, call: Call) -> None:
    """Raises Replayed where a request has its answer, IdempotencyKeyReused where another one has, under the same id."""
    found = await session.execute(
        sa.select(idempotency_keys.c.request_hash, idempotency_keys.c.answer).where(
            *(idempotency_keys.c[name] == value for name, value in _request_key(call).items())
        )
    )
    row = found.one_or_none()
    if row is None:
        return
    if bytes(row.request_hash) != call.request_hash:
        raise IdempotencyKeyReused()
    raise Replayed(bytes(row.answer or b""))


class Work:
    """Makes units of work for a service's servicers, and sessions for plain reads."""

    def __init__(self, database: Database, committed: Committed, constraints: Constraints) -> None:
        self._database = database
        self._committed = committed
        self._constraints = constraints

    def __call__(self, call: Call, render: Callable[[Any], Message] | None = None) -> UnitOfWork:
        """Returns the unit of work of a call."""
        return UnitOfWork(self._database, call, render=render, constraints=self._constraints, committed=self._committed)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Gives a session that writes nothing."""
        async with self._database.session() as session:
            yield session

    async def recall(self, call: Call) -> None:
        """Raises Replayed where a request was answered before, for work that takes long before its unit of work is entered.

        Raises IdempotencyKeyReused as entering does.
        """
        if call.request_id:
            async with self.read() as session:
                await _replay(session, call)

    @property
    def reader(self) -> Reader:
        """The bare pool for hot reads."""
        return self._database.reader
