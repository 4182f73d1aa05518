"""Looks for what was changed in the audit trail, segment by segment: see `Fault` for what is found and docs/runbook.md for what cannot be.

What is trusted are the signatures of anchors, nothing else in the database. One call reads in one snapshot, so appender and housekeeping
may go on beside it.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import asyncpg

from servicekit.audit import encoding
from servicekit.audit.appender import RECORD
from servicekit.audit.keys import AuditKeys
from servicekit.db.base import now
from servicekit.db.engine import Database

MAX_FAULTS = 100
CALL_SECONDS = 5.0
_BATCH = 1000
_LINKS = f"""
SELECT l.position, l.audit_id AS linked_id, l.hash, {RECORD} FROM audit_links l LEFT JOIN audit_records r USING (audit_id)
WHERE l.position > $1 AND l.position <= $2 ORDER BY l.position LIMIT {_BATCH}"""  # noqa: S608 - of our own names only
_ANCHORS = "SELECT * FROM audit_anchors WHERE segment >= $1 ORDER BY segment LIMIT 100"
_WAITING = """
SELECT r.audit_id, r.create_time FROM audit_records r
WHERE NOT EXISTS (SELECT FROM audit_links l WHERE l.audit_id = r.audit_id) ORDER BY r.create_time LIMIT $1"""
_STRAY = """
SELECT position, audit_id FROM audit_links WHERE position < coalesce(
    (SELECT min(first_position) FROM audit_anchors WHERE drop_time IS NULL),
    (SELECT max(last_position) + 1 FROM audit_anchors), 1) ORDER BY position LIMIT $1"""
_END = 2**63 - 1


class Fault(Enum):
    """What may be wrong with a trail."""

    RECORD_ALTERED = "the record is not the one that was chained at its place, or its link was changed"
    RECORD_MISSING = "the record that was chained at its place is gone"
    POSITION_MISSING = "places of the chain are empty"
    LINK_STRAY = "a link stands outside the chain, where it would hide a record that was put in"
    SEGMENT_ALTERED = "the segment does not end as its anchor says: records and links were changed together"
    ANCHOR_MISSING = "the anchor is gone, and there are later ones"
    ANCHOR_FORGED = "the anchor is not signed by a known key, or not as it stands"
    ANCHOR_UNLINKED = "the anchor does not go on from the one before"
    DROP_FORGED = "records of the segment are gone without a statement of housekeeping that is signed and was due"
    HEAD_ALTERED = "the chain does not end where its head says"
    RECORD_UNCHAINED = "the record waits for the chain longer than it should: it was put in behind the chain, or the appender does not work"
    WITNESS_CONTRADICTED = (
        "the trail does not hold the anchor that was written down before: its end was cut off, or all of it replaced"
    )


@dataclass(frozen=True)
class Finding:
    """One fault: the segment (0: none), and where it is about a record the position (0: not chained) and the record's id."""

    fault: Fault
    segment: int = 0
    position: int = 0
    audit_id: UUID | None = None


@dataclass
class Report:
    """What one call found. `next_segment` 0: the whole trail was read. `anchor` is the newest: (segment, hash)."""

    findings: list[Finding] = field(default_factory=list)
    more_findings: bool = False
    segments: int = 0
    dropped_segments: int = 0
    records: int = 0
    next_segment: int = 0
    anchor: tuple[int, bytes] = (0, b"")
    anchor_time: datetime | None = None
    waiting: int = 0
    oldest_wait: datetime | None = None

    def add(self, fault: Fault, segment: int = 0, position: int = 0, audit_id: UUID | None = None) -> None:
        """Notes a fault; beyond MAX_FAULTS only that there are more."""
        if len(self.findings) < MAX_FAULTS:
            self.findings.append(Finding(fault, segment, position, audit_id))
        else:
            self.more_findings = True


@dataclass
class _Place:
    """Where the reading has come to: the last position read with its hash, and the last anchor."""

    position: int
    head: bytes
    anchor: bytes
    segment: int


class Verifier:
    """Reads a service's trail. `wait` is how long a record may wait for the chain, `seconds` how long one call may take."""

    def __init__(
        self, database: Database, service: str, keys: AuditKeys, *, wait: timedelta, seconds: float = CALL_SECONDS
    ) -> None:
        self._database = database
        self._service = service
        self._keys = keys
        self._wait = wait
        self._seconds = seconds

    async def verify(self, first_segment: int = 1, witness: tuple[int, bytes] | None = None) -> Report:
        """Reads from a segment on. `witness` is an anchor that was written down before: it must still be there."""
        report = Report()
        async with (
            self._database.reader.acquire(timeout=5) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute("SET LOCAL statement_timeout = '100s'")
            chain = await connection.fetchrow("SELECT * FROM audit_chain")
            if witness is not None:
                await self._check_witness(connection, report, witness)
            if chain is not None:
                place = await self._start(connection, report, chain["chain_id"], first_segment)
                if await self._segments(connection, report, place):
                    await self._tail(connection, report, place, chain)
            if not report.next_segment:
                await self._waiting(connection, report)
        return report

    async def _check_witness(self, connection: Any, report: Report, witness: tuple[int, bytes]) -> None:
        known = await connection.fetchval("SELECT hash FROM audit_anchors WHERE segment = $1", witness[0])
        if known != witness[1]:
            report.add(Fault.WITNESS_CONTRADICTED, witness[0])

    async def _start(self, connection: Any, report: Report, chain_id: UUID, first: int) -> _Place:
        """Returns the place before a segment: the beginning, or the end of the segment before by its anchor, which a call before judged."""
        if first > 1:
            before = await connection.fetchrow("SELECT * FROM audit_anchors WHERE segment = $1", first - 1)
            if before is not None:
                return _Place(before["last_position"], before["head_hash"], before["hash"], first - 1)
            report.add(Fault.ANCHOR_MISSING, first - 1)
        return _Place(0, encoding.genesis(self._service, chain_id), b"", 0)

    async def _segments(self, connection: Any, report: Report, place: _Place) -> bool:
        """Reads closed segments while there is time; tells whether all were read."""
        ends = time.monotonic() + self._seconds
        while anchors := await connection.fetch(_ANCHORS, place.segment + 1):
            for row in anchors:
                if time.monotonic() > ends and report.segments:
                    report.next_segment = row["segment"]
                    return False
                await self._segment(connection, report, place, row)
        return True

    async def _segment(self, connection: Any, report: Report, place: _Place, row: Mapping[str, Any]) -> None:
        number = row["segment"]
        for missing in range(place.segment + 1, min(number, place.segment + 1 + MAX_FAULTS)):
            report.add(Fault.ANCHOR_MISSING, missing)
        whole = self._judge_anchor(report, place, row)
        report.segments += 1
        report.anchor, report.anchor_time = (number, row["hash"]), row["close_time"]
        if row["drop_time"] is not None and self._dropped(row):
            report.dropped_segments += 1
        elif row["drop_time"] is not None:
            report.add(Fault.DROP_FORGED, number)
        else:
            first = _Place(row["first_position"] - 1, row["start_hash"], b"", number)
            await self._links(connection, report, first, row["last_position"], number)
            if first.position != row["last_position"]:
                report.add(Fault.POSITION_MISSING, number, first.position + 1)
            elif whole and first.head != row["head_hash"]:
                report.add(Fault.SEGMENT_ALTERED, number)
        place.position, place.head = row["last_position"], row["head_hash"]
        place.anchor, place.segment = row["hash"], number

    def _judge_anchor(self, report: Report, place: _Place, row: Mapping[str, Any]) -> bool:
        """Checks an anchor by itself and against the one before; tells whether what it says may be believed."""
        anchor = encoding.Anchor(**{name: row[name] for name in encoding.Anchor.__slots__})
        body = anchor.body(self._service)
        signed = self._keys.holds(anchor.key_id, row["signature"], body)
        signed = signed and encoding.anchor_hash(body, row["signature"]) == row["hash"]
        if not signed:
            report.add(Fault.ANCHOR_FORGED, anchor.segment)
        before = (place.segment + 1, place.position + 1, place.head, place.anchor)
        if (anchor.segment, anchor.first_position, anchor.start_hash, anchor.previous_hash) != before:
            report.add(Fault.ANCHOR_UNLINKED, anchor.segment)
        return signed

    def _dropped(self, row: Mapping[str, Any]) -> bool:
        """Whether housekeeping says, signed, that it dropped the segment, and it was old enough then."""
        if None in (row["drop_days"], row["drop_key_id"], row["drop_signature"]):
            return False
        body = encoding.drop_body(row["hash"], row["drop_time"], row["drop_days"], row["drop_key_id"])
        due = row["close_time"] + timedelta(days=row["drop_days"])
        return row["drop_time"] >= due and self._keys.holds(row["drop_key_id"], row["drop_signature"], body)

    async def _links(self, connection: Any, report: Report, place: _Place, last: int, segment: int) -> None:
        """Follows the links up to a position. After a fault it goes on from the link as it stands, so that each record is judged itself."""
        async for row in _rows(connection, place.position, last):
            report.records += 1
            position = row["position"]
            if position != place.position + 1:
                report.add(Fault.POSITION_MISSING, segment, place.position + 1)
            if row["audit_id"] is None:
                report.add(Fault.RECORD_MISSING, segment, position, row["linked_id"])
            elif position == place.position + 1 and _link(place.head, row) != row["hash"]:
                report.add(Fault.RECORD_ALTERED, segment, position, row["linked_id"])
            place.position, place.head = position, row["hash"]

    async def _tail(self, connection: Any, report: Report, place: _Place, chain: Mapping[str, Any]) -> None:
        """Reads what is chained and not under an anchor yet; nothing signed tells of its end but the chain's own head."""
        if chain["segment"] > place.segment + 1:
            report.add(Fault.ANCHOR_MISSING, place.segment + 1)
        await self._links(connection, report, place, _END, place.segment + 1)
        if (chain["position"], chain["head_hash"]) != (place.position, place.head):
            report.add(Fault.HEAD_ALTERED, place.segment + 1, chain["position"])
        for row in await connection.fetch(_STRAY, MAX_FAULTS):
            report.add(Fault.LINK_STRAY, 0, row["position"], row["audit_id"])

    async def _waiting(self, connection: Any, report: Report) -> None:
        """Finds records without a link. The oldest 10,000 are counted."""
        late = now() - self._wait
        rows = await connection.fetch(_WAITING, 10_000, timeout=120)
        report.waiting = len(rows)
        report.oldest_wait = rows[0]["create_time"] if rows else None
        for row in rows:
            if row["create_time"] >= late:
                break
            report.add(Fault.RECORD_UNCHAINED, audit_id=row["audit_id"])


def _link(before: bytes, row: Mapping[str, Any]) -> bytes:
    """The hash that a link must have; empty for a record that no service could have written, such as of a moment without end."""
    try:
        return encoding.link(before, row, row["position"])
    except (TypeError, ValueError, OverflowError, struct.error):
        return b""


async def _rows(connection: asyncpg.Connection, after: int, last: int) -> AsyncIterator[Any]:
    """Yields links with their records in order; between batches others get their turn."""
    while rows := await connection.fetch(_LINKS, after, last):
        for row in rows:
            yield row
        after = rows[-1]["position"]
        if len(rows) < _BATCH:
            return
        await asyncio.sleep(0)
