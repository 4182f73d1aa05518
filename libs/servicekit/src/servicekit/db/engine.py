"""The database of one service: an ORM engine for writes, a bare asyncpg pool for hot reads."""

from __future__ import annotations

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

APPLICATION_SETTINGS = {
    "lock_timeout": "8000",
    "statement_timeout": "30000",
    "idle_in_transaction_session_timeout": "60000",
}


async def _no_reset(connection: asyncpg.Connection) -> None:
    """Leaves a connection as it is: our reads set nothing, and the pool's default reset costs a round trip and a span each."""


class Database:
    """Connections to one service's database. `url` is postgresql://user:password@host:port/name."""

    def __init__(self, url: str, *, pool_size: int = 10, application: str = "marque") -> None:
        self._url = make_url(url).set(drivername="postgresql")
        self._pool_size = pool_size
        settings = {**APPLICATION_SETTINGS, "application_name": application}
        self.engine: AsyncEngine = create_async_engine(
            self._url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,
            pool_pre_ping=False,
            connect_args={"timeout": 5, "server_settings": settings, "command_timeout": 60},
        )
        self.session = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._settings = settings
        self._reader: asyncpg.Pool | None = None

    @property
    def dsn(self) -> str:
        """The address with its password, for drivers."""
        return self._url.render_as_string(hide_password=False)

    async def start(self) -> None:
        """Opens the pool for reads."""
        self._reader = await asyncpg.create_pool(
            self.dsn,
            min_size=1,
            max_size=self._pool_size,
            server_settings=self._settings,
            timeout=5,
            command_timeout=30,
            reset=_no_reset,
        )

    async def stop(self) -> None:
        """Closes all connections."""
        if self._reader is not None:
            await self._reader.close()
            self._reader = None
        await self.engine.dispose()

    @property
    def reader(self) -> asyncpg.Pool:
        """The pool for reads; statements on it are prepared once per connection."""
        if self._reader is None:
            raise RuntimeError("the database was not started")
        return self._reader

    async def direct(self) -> asyncpg.Connection:
        """Opens a connection of its own, outside every pool: for advisory locks that live as long as it does."""
        return await asyncpg.connect(self.dsn, timeout=5, server_settings={"application_name": "marque-direct"})

    async def ping(self) -> None:
        """Raises where the database does not answer."""
        async with self.reader.acquire(timeout=2) as connection:
            await connection.execute("SELECT 1")


__all__ = ["AsyncSession", "Database"]
