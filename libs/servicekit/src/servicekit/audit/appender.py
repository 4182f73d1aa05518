"""Chains the audit trail after it was written. One appender is active per service, by an advisory lock on a connection of its own.

It takes records in the order (transaction, audit_id), and only those of transactions below the oldest that is still open: of these none can
come later, so the order is final and a writer never waits for the chain nor knows of it. Links, the place reached and the anchor of a
segment that is full are one transaction, under the lock of the chain's one row: killed at any point, the next appender goes on from there.

A transaction that stays open anywhere in the PostgreSQL cluster and has written holds the chain up; verification says so when records wait
longer than `audit_wait_seconds`.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg

from servicekit.audit import encoding
from servicekit.audit.keys import AuditKeys
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.ids import new_uuid
from servicekit.settings import ServiceSettings
from servicekit.telemetry import logs, metrics

log = logs.get_logger(__name__)

POLL_SECONDS = 1.0
BATCH = 2000
_LOCK = 0x4D41_5251_5545_0003  # "MARQUE", 3
_NOBODY = uuid.UUID(int=0)

RECORD = ", ".join(
    f"r.{name}" if name != "transaction" else "r.transaction::text AS transaction" for name in encoding.RECORD_COLUMNS
)
_FIND = f"""
SELECT {RECORD} FROM audit_records r
WHERE (r.transaction, r.audit_id) > ($1::text::xid8, $2) AND r.transaction < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY r.transaction, r.audit_id LIMIT $3"""  # noqa: S608 - of our own names only
_BEGIN = """
INSERT INTO audit_chain (chain_id, position, head_hash, last_transaction, last_audit_id, segment, first_position, start_hash, previous_hash)
VALUES ($1, 0, $2, '0', $3, 1, 1, $2, '') ON CONFLICT DO NOTHING"""
_STATE = "SELECT *, last_transaction::text AS reached FROM audit_chain FOR UPDATE"
_MOVE = """
UPDATE audit_chain SET position = $1, head_hash = $2, last_transaction = $3::text::xid8, last_audit_id = $4, segment = $5,
    first_position = $6, start_hash = $7, open_time = $8, previous_hash = $9"""
_LINKED = "SELECT audit_id FROM audit_links WHERE audit_id = ANY($1::uuid[])"
_ANCHOR_COLUMNS = (
    *("segment", "chain_id", "first_position", "last_position", "start_hash", "head_hash"),
    *("open_time", "close_time", "previous_hash", "key_id", "signature", "hash"),
)
# After a restore into another cluster transactions count from the beginning again: what is not chained yet is taken as written now.
_FOREIGN = "SELECT last_transaction >= pg_snapshot_xmax(pg_current_snapshot()) FROM audit_chain"
_RENUMBER = """
UPDATE audit_records r SET transaction = pg_current_xact_id() WHERE r.transaction >= pg_snapshot_xmax(pg_current_snapshot())
AND NOT EXISTS (SELECT FROM audit_links l WHERE l.audit_id = r.audit_id)"""
_FROM_THE_START = "UPDATE audit_chain SET last_transaction = '0', last_audit_id = $1"


class ChainAppender:
    """Chains a service's audit trail and closes its segments, after `audit_segment_records` records or `audit_segment_seconds`."""

    def __init__(self, database: Database, service: str, keys: AuditKeys, settings: ServiceSettings) -> None:
        self._database = database
        self._service = service
        self._keys = keys
        self._full = settings.audit_segment_records
        self._age = timedelta(seconds=settings.audit_segment_seconds)

    async def run(self) -> None:
        """Appends until cancelled; a lost database is waited for."""
        wait = 0.2
        while True:
            try:
                await self._lead()
                wait = 0.2
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("audit chain waits", extra={"error_type": type(error).__name__, "seconds": wait})
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)

    async def _lead(self) -> None:
        connection = await self._database.direct()
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 - polled: no event tells
                await asyncio.sleep(1.0)
            await self.begin(connection)
            while True:
                if await self.append(connection) < BATCH:
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            with contextlib.suppress(Exception):  # a broken connection must not hide the end that was asked for
                await connection.close(timeout=2)

    async def begin(self, connection: asyncpg.Connection) -> None:
        """Begins the chain where there is none, and takes it up after a restore into another cluster."""
        chain_id = new_uuid()
        async with connection.transaction():
            await connection.execute(_BEGIN, chain_id, encoding.genesis(self._service, chain_id), _NOBODY)
            if await connection.fetchval(_FOREIGN):
                log.warning("the audit chain goes on in another database cluster")
                await connection.execute(_RENUMBER)
                await connection.execute(_FROM_THE_START, _NOBODY)

    async def append(self, connection: asyncpg.Connection) -> int:
        """Chains the next records in one transaction; returns how many there were to look at."""
        async with connection.transaction():
            chain = _Chain(await connection.fetchrow(_STATE))
            limit = max(0, min(BATCH, chain.first_position + self._full - chain.position - 1))
            rows = await connection.fetch(_FIND, chain.reached, chain.last_audit_id, limit)
            metrics.current().audit(len(rows), (now() - rows[0]["create_time"]).total_seconds() if rows else 0.0)
            if rows:
                linked = {row["audit_id"] for row in await connection.fetch(_LINKED, [row["audit_id"] for row in rows])}
                links = chain.extend([row for row in rows if row["audit_id"] not in linked])
                chain.reached, chain.last_audit_id = rows[-1]["transaction"], rows[-1]["audit_id"]
                await connection.copy_records_to_table(
                    "audit_links", records=links, columns=("position", "audit_id", "hash")
                )
            closed = self._is_over(chain)
            if closed:
                await self._close(connection, chain)
            if rows or closed:
                await connection.execute(_MOVE, *chain.values())
        if closed:
            _tell(chain)
        return BATCH if len(rows) == limit else len(rows)

    def _is_over(self, chain: _Chain) -> bool:
        count = chain.position - chain.first_position + 1
        return count >= self._full or (count > 0 and now() - chain.open_time >= self._age)

    async def _close(self, connection: asyncpg.Connection, chain: _Chain) -> None:
        anchor = encoding.Anchor(
            chain_id=chain.chain_id,
            segment=chain.segment,
            first_position=chain.first_position,
            last_position=chain.position,
            start_hash=chain.start_hash,
            head_hash=chain.head_hash,
            open_time=chain.open_time,
            close_time=max(now(), chain.open_time),
            previous_hash=chain.previous_hash,
            key_id=self._keys.current,
        )
        body = anchor.body(self._service)
        signature = self._keys.sign(body)
        values = {name: getattr(anchor, name) for name in encoding.Anchor.__slots__}
        values |= {"signature": signature, "hash": encoding.anchor_hash(body, signature)}
        record = tuple(values[name] for name in _ANCHOR_COLUMNS)
        await connection.copy_records_to_table("audit_anchors", records=[record], columns=_ANCHOR_COLUMNS)
        chain.next_segment(values["hash"])


class _Chain:
    """The chain's one row, as it grows."""

    def __init__(self, row: Any) -> None:
        self.chain_id: uuid.UUID = row["chain_id"]
        self.position: int = row["position"]
        self.head_hash: bytes = row["head_hash"]
        self.reached: str = row["reached"]
        self.last_audit_id: uuid.UUID = row["last_audit_id"]
        self.segment: int = row["segment"]
        self.first_position: int = row["first_position"]
        self.start_hash: bytes = row["start_hash"]
        self.open_time: Any = row["open_time"]
        self.previous_hash: bytes = row["previous_hash"]

    def extend(self, rows: Sequence[Any]) -> list[tuple[int, uuid.UUID, bytes]]:
        """Adds records; returns their links."""
        links = []
        for row in rows:
            self.position += 1
            self.head_hash = encoding.link(self.head_hash, row, self.position)
            links.append((self.position, row["audit_id"], self.head_hash))
        if links and self.open_time is None:
            self.open_time = now()
        return links

    def next_segment(self, anchor: bytes) -> None:
        """Begins the segment after one that was closed under an anchor."""
        self.segment += 1
        self.first_position = self.position + 1
        self.start_hash = self.head_hash
        self.open_time = None
        self.previous_hash = anchor

    def values(self) -> tuple[Any, ...]:
        """The parameters of `_MOVE`."""
        return (
            *(self.position, self.head_hash, self.reached, self.last_audit_id, self.segment),
            *(self.first_position, self.start_hash, self.open_time, self.previous_hash),
        )


def _tell(chain: _Chain) -> None:
    """Says the anchor's hash where the database cannot take it back: log and metrics are kept elsewhere."""
    told = {"sequence": chain.segment - 1, "anchor": encoding.fingerprint(chain.previous_hash)}
    log.info("audit segment closed", extra=told)
    metrics.current().audit_segment(chain.segment - 1)
