"""The trail of who read unmasked personal fields: batched off the request path, with at most a second's loss on a crash.

The trail of writes is not here: it stands in the write's own transaction (db/uow.py).
"""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.tables import audit_records
from servicekit.ids import new_uuid
from servicekit.rpc.call import Call
from servicekit.telemetry import logs, propagation

log = logs.get_logger(__name__)

_EVERY_SECONDS = 0.5
_BATCH = 500
_LIMIT = 50_000


class ReadAudit:
    """Takes notes of reads and writes them in batches. While the database is down it keeps up to 50,000 notes and says what it dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[dict[str, Any]] = []
        self._dropped = 0
        self._wake = asyncio.Event()

    def note(self, call: Call) -> None:
        """Takes what a call saw."""
        if len(self._waiting) >= _LIMIT:
            self._dropped += len(call.seen)
            return
        base = {
            "principal": call.principal.subject,
            "roles": ",".join(sorted(call.principal.roles)),
            "method": call.method,
            "action": "read",
            "create_time": now(),
            "trace_id": propagation.current_trace_id() or "",
        }
        for resource_type, resource_id, fields in call.seen:
            self._waiting.append(
                {
                    **base,
                    "audit_id": new_uuid(),
                    "resource_type": resource_type,
                    "resource_id": resource_id,
                    "fields": list(fields),
                }
            )
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
        while self._waiting:
            batch = self._waiting[:_BATCH]
            try:
                async with self._database.engine.begin() as connection:
                    await connection.execute(insert(audit_records).on_conflict_do_nothing(), batch)
            except Exception as error:
                log.warning(
                    "audit of reads is waiting for the database",
                    extra={"count": len(self._waiting), "error_type": type(error).__name__},
                )
                self._wake.set()
                return
            del self._waiting[: len(batch)]
        if self._dropped:
            log.error("audit notes of reads were dropped", extra={"count": self._dropped})
            self._dropped = 0
