"""The roster of a service: the records in its own database, and the news of their changes, whichever replica heard them.

The consumer of staff events is one of many processes, so the others learn of a change from the table itself: every half a second they ask
for rows written by transactions that the last look could not see. A look names the oldest transaction that was under way (its snapshot's
xmin), so nothing is passed over however late it commits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping

from servicekit.db.engine import Database
from servicekit.staff import Access, Roster, access_of
from servicekit.telemetry import logs

log = logs.get_logger(__name__)

EVERY_SECONDS = 0.5
_READ = (
    "SELECT subject_key, staff_id, status, roles, dealer_id, region_code, group_code"
    " FROM known_staff WHERE subject_key = ANY($1)"
)
_NEWS = (
    "SELECT ARRAY(SELECT subject_key FROM known_staff WHERE changed_in >= $1::text::xid8) AS changed,"
    " pg_snapshot_xmin(pg_current_snapshot())::text AS seen"
)


class ServiceRoster(Roster):
    """Reads records from `known_staff`; `run` brings the news."""

    def __init__(self, database: Database) -> None:
        super().__init__(self._records)
        self._database = database
        self._seen = ""

    async def _records(self, keys: Collection[str]) -> Mapping[str, Access]:
        return {row["subject_key"]: access_of(row) for row in await self._database.reader.fetch(_READ, list(keys))}

    async def run(self) -> None:
        """Looks for news until cancelled; a database that is away is waited for, and meanwhile nothing remembered is believed."""
        while True:
            try:
                await self.look()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("news of staff wait for the database", extra={"error_type": type(error).__name__})
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Takes what changed since the last look."""
        begun = time.monotonic()
        async with self._database.reader.acquire(timeout=2) as connection:  # past the spans: an idle look is no news
            row = await connection.fetchrow(_NEWS, self._seen or "9223372036854775807")
        self.heard(row["changed"] if self._seen else None, since=begun)
        self._seen = row["seen"]
