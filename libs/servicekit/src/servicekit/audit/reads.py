"""The trail of who read unmasked personal fields: batched off the request path, with at most a second's loss on a crash.

A call leaves one record for each kind of resource and set of fields that it showed: a single resource stands in `resource_id`, several
stand together in `resource_ids`. The trail of writes is not here: it stands in the write's own transaction (db/uow.py).
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

import asyncpg

from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.ids import new_uuid
from servicekit.rpc.call import Call
from servicekit.telemetry import logs, propagation

log = logs.get_logger(__name__)

COLUMNS = (
    *("audit_id", "create_time", "principal", "roles", "method", "action"),
    *("resource_type", "resource_id", "resource_ids", "fields", "trace_id"),
)
_EVERY_SECONDS = 0.5
_BATCH = 1000
_LIMIT = 50_000


class ReadAudit:
    """Takes notes of reads and writes them in batches. While the database is down it keeps up to 50,000 notes and says what it dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Any, ...]] = []
        self._sending: list[tuple[Any, ...]] = []
        self._dropped = 0
        self._wake = asyncio.Event()

    def note(self, call: Call) -> None:
        """Takes what a call saw."""
        groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for resource_type, resource_id, fields in call.seen:
            groups.setdefault((resource_type, fields), []).append(resource_id)
        if len(self._waiting) >= _LIMIT:
            self._dropped += len(groups)
            return
        head = (now(), call.principal.subject, roles_text(call.principal.roles), call.method, "read")
        trace_id = propagation.current_trace_id() or ""
        for (resource_type, fields), ids in groups.items():
            one, several = (ids[0], ()) if len(ids) == 1 else ("", ids)
            self._waiting.append((new_uuid(), *head, resource_type, one, several, fields, trace_id))
        self._wake.set()

    async def run(self) -> None:
        """Writes batches until cancelled, then writes what is left."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(_EVERY_SECONDS)
                self._wake.clear()
                await self.flush()
        except asyncio.CancelledError:
            await self.flush()
            raise

    async def flush(self) -> None:
        """Writes all notes; on a failure they stay for the next round."""
        while self._sending or self._waiting:
            if not self._sending:
                self._sending, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                await self._send()
            except Exception as error:
                log.warning(
                    "audit of reads is waiting for the database",
                    extra={"count": len(self._sending) + len(self._waiting), "error_type": type(error).__name__},
                )
                self._wake.set()
                return
            self._sending = []
        if self._dropped:
            log.error("audit notes of reads were dropped", extra={"count": self._dropped})
            self._dropped = 0

    async def _send(self) -> None:
        try:
            async with self._database.reader.acquire(timeout=5) as connection:
                await connection.copy_records_to_table("audit_records", records=self._sending, columns=COLUMNS)
        except asyncpg.UniqueViolationError:
            # COPY writes all of a batch or nothing, and a batch keeps its rows: the answer to an earlier attempt was lost, not the rows.
            pass


@lru_cache(maxsize=1024)
def roles_text(roles: frozenset[str]) -> str:
    """Returns the roles as a record of the trail names them."""
    return ",".join(sorted(roles))
