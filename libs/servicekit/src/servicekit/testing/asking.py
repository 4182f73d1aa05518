"""Questions of tests to databases, past the services, over connections that stay open for a moment.

Tests ask again and again until something is so; to open a connection each time took more of a busy machine than what they waited for.
"""

from __future__ import annotations

from typing import Any

import asyncpg

_IDLE_SECONDS = 1.0  # shorter than anybody waits who would drop or copy a database, which nobody may be connected to
_MOST = 50  # at once: some of them stand behind locks that a test holds


class Asking:
    """Connections to databases by their addresses, each forgotten when it was idle or has died; `close` ends them."""

    def __init__(self) -> None:
        self._pools: dict[str, asyncpg.Pool] = {}

    async def fetch(self, url: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Runs a query in a session without settings and returns its rows. Raises what PostgreSQL or the connection says."""
        pool = self._pools.get(url)
        if pool is None:
            pool = self._pools[url] = await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=_MOST,
                max_inactive_connection_lifetime=_IDLE_SECONDS,
                statement_cache_size=0,  # tables change under the eyes of tests of migrations
                timeout=30,
            )
        found: list[asyncpg.Record] = await pool.fetch(query, *arguments)
        return found

    async def forget(self, url: str) -> None:
        """Ends the connections to a database, whose new settings only sessions that begin after them have."""
        pool = self._pools.pop(url, None)
        if pool is not None:
            await pool.close()

    def close(self) -> None:
        """Ends all connections; none is in use any more."""
        for pool in self._pools.values():
            pool.terminate()
        self._pools.clear()
