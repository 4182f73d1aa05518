"""The database of one service: an ORM engine for writes, a bare asyncpg pool for hot reads."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from servicekit.telemetry.database import db_span

log = logging.getLogger(__name__)

# How long a stopping service waits until the server closed its connections.
CLOSING_SECONDS = 5.0

# A client that vanished without a word (a lost machine, a cut network) gives its locks back after 25 seconds, not after hours.
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
APPLICATION_SETTINGS = {
    **_KEEPALIVE,
    "lock_timeout": "8000",
    "statement_timeout": "30000",
    "idle_in_transaction_session_timeout": "60000",
}


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


async def _no_reset(connection: asyncpg.Connection) -> None:
    """Leaves a connection as it is: our reads set nothing, and the pool's default reset costs a round trip and a span each."""


class Reader:
    """Reads past the ORM, on a pool of their own; each statement is prepared once per connection and traced inside a recorded request."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Returns all rows."""
        with db_span(query):
            found: list[asyncpg.Record] = await self._sound(self._pool.fetch(query, *arguments))
        return found

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """Returns the first row, or None."""
        with db_span(query):
            return await self._sound(self._pool.fetchrow(query, *arguments))

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """Returns the first value of the first row, or None."""
        with db_span(query):
            return await self._sound(self._pool.fetchval(query, *arguments))

    async def _sound(self, reading: Awaitable[Any]) -> Any:
        """Awaits a read. Where a connection broke between two messages, none of the pool is trusted: each is opened anew."""
        try:
            return await reading
        except asyncpg.InternalClientError:
            await self._pool.expire_connections()
            raise

    def acquire(self, *, timeout: float | None = None) -> Any:
        """Gives a connection for several statements: `async with reader.acquire() as connection`."""
        return self._pool.acquire(timeout=timeout)

    async def close(self) -> None:
        """Closes the pool. A connection whose server does not say goodbye is cut: stopping is not held up by it, nor made to fail."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._pool.close()
        except TimeoutError:
            log.warning("connections were cut, the server did not close them", extra={"seconds": CLOSING_SECONDS})
            self._pool.terminate()

    @property
    def in_use(self) -> int:
        """How many connections are lent."""
        return self._pool.get_size() - self._pool.get_idle_size()


class Database:
    """Connections to one service's database. `url` is postgresql://user:password@host:port/name.

    `command_timeout`: seconds after which a statement of the ORM engine is given up, for a server that hangs; None for work that may take
    hours, as migrations. `ca_file`: authorities by whose word the server is known; with them connections are encrypted and its name
    is checked, without them they are plain.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        application: str = "marque",
        command_timeout: float | None = 60.0,
        ca_file: Path | None = None,
    ) -> None:
        self._url = make_url(url).set(drivername="postgresql")
        self._pool_size = pool_size
        self.encryption: dict[str, Any] = {}  # of every connection, beside the address
        if ca_file is not None:
            self.encryption["ssl"] = ssl.create_default_context(cafile=str(ca_file))
        settings = {**APPLICATION_SETTINGS, "application_name": application}
        self.engine: AsyncEngine = create_async_engine(
            self._url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_pre_ping=False,
            json_serializer=_json,
            json_deserializer=orjson.loads,
            connect_args={
                "timeout": 5,
                "server_settings": settings,
                "command_timeout": command_timeout,
                **self.encryption,
            },
        )
        self.session = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._settings = settings
        self._reader: Reader | None = None

    @property
    def dsn(self) -> str:
        """The address with its password, for drivers."""
        return self._url.render_as_string(hide_password=False)

    async def start(self) -> None:
        """Opens the pool for reads."""
        pool = await asyncpg.create_pool(
            self.dsn,
            min_size=1,
            max_size=self._pool_size,
            server_settings=self._settings,
            timeout=5,
            command_timeout=30,
            reset=_no_reset,
            **self.encryption,
        )

        self._reader = Reader(pool)

    async def stop(self) -> None:
        """Closes all connections."""
        if self._reader is not None:
            await self._reader.close()
            self._reader = None
        await self.engine.dispose()

    @property
    def reader(self) -> Reader:
        """The pool for reads; statements on it are prepared once per connection."""
        if self._reader is None:
            raise RuntimeError("the database was not started")
        return self._reader

    async def direct(self) -> asyncpg.Connection:
        """Opens a connection of its own, outside every pool: for advisory locks that live as long as it does."""
        settings = {**_KEEPALIVE, "application_name": "marque-direct"}
        return await asyncpg.connect(
            self.dsn, timeout=5, command_timeout=30, server_settings=settings, **self.encryption
        )

    async def ping(self) -> None:
        """Raises where the database does not answer."""
        async with self.reader.acquire(timeout=2) as connection:
            await connection.execute("SELECT 1")
