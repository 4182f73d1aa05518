"""Migrations: alembic inside the service's package, run under an advisory lock with a lock timeout, so that they never block traffic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from servicekit.db.engine import APPLICATION_SETTINGS, Database

log = logging.getLogger(__name__)

_LOCK = 0x4D41_5251_5545_0002
LOCK_TIMEOUT = "1s"  # so long all traffic on a table may stand behind a migration that waits for its lock
_ATTEMPTS = 60
_LONGEST_PAUSE = 5.0
_TURN_SECONDS = 120.0
_LOOK_SECONDS = 1.0


def config(folder: Path) -> Config:
    """Returns alembic's configuration for a service's `migrations` folder."""
    made = Config()
    made.set_main_option("script_location", str(folder))
    made.set_main_option("path_separator", "os")
    return made


async def upgrade(database: Database, folder: Path, revision: str = "head") -> None:
    """Brings the schema to a revision. A lock that traffic holds is tried again; two runs at once wait for each other."""
    for attempt in range(_ATTEMPTS):
        try:
            async with _connected(database) as connection, _turn(connection):
                await connection.run_sync(_run, folder, revision)
            return
        except Exception as error:
            cause = getattr(getattr(error, "orig", None), "__cause__", None)
            if (
                type(cause).__name__ not in ("LockNotAvailableError", "DeadlockDetectedError")
                or attempt == _ATTEMPTS - 1
            ):
                raise
            await asyncio.sleep(min(0.5 * (attempt + 1), _LONGEST_PAUSE))  # for those who stood behind it


@asynccontextmanager
async def _connected(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection of its own: the driver of the pools gives every statement a minute, and an index of a big table takes longer."""
    engine = create_async_engine(
        make_url(database.dsn).set(drivername="postgresql+asyncpg"),
        poolclass=NullPool,
        connect_args={
            "timeout": 5,
            "server_settings": {**APPLICATION_SETTINGS, "application_name": "marque-migrate"},
            **database.encryption,
        },
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def _turn(connection: AsyncConnection) -> AsyncIterator[None]:
    """Holds the lock of migrations. It is polled: who waits inside a statement holds a snapshot, for which the one before would wait."""
    ends = time.monotonic() + _TURN_SECONDS
    while not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
        await connection.rollback()
        if time.monotonic() > ends:
            raise TimeoutError("another migration of this database does not end")
        await asyncio.sleep(0.1)
    await connection.commit()
    try:
        yield
    finally:
        await connection.rollback()
        await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        await connection.commit()


def _run(connection: Connection, folder: Path, revision: str) -> None:
    # Of the session: each migration is a transaction of its own.
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    try:
        settings = config(folder)
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
    finally:
        connection.rollback()
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


def run_env(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: runs on the connection given by `upgrade`, a transaction per migration."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def build_indexes(indexes: Mapping[str, str], *, unique: bool = False) -> None:
    """Builds indexes of big tables from inside a migration, without holding up writers: name → `table (columns)`.

    What the migration did before is committed by it, so a migration that calls this must bear being run again from its beginning. An
    index whose building was broken off is invalid; it is dropped and made anew.
    """
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute("SET lock_timeout = 0")  # it waits for transactions to end, and nobody queues behind it meanwhile
        try:
            for name, columns in indexes.items():
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
                op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON {columns}")
        finally:
            op.execute("RESET statement_timeout")
            op.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")


def drop_indexes(*names: str) -> None:
    """Drops indexes of big tables from inside a migration, without holding up anybody. Commits what the migration did before."""
    with op.get_context().autocommit_block():
        for name in names:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def backfill(statement: str) -> None:
    """Fills what an expansion left empty, from inside a migration, without holding up writers.

    The statement changes some rows (`UPDATE … WHERE ctid = ANY(ARRAY(SELECT ctid FROM … WHERE … LIMIT 1000))`) and is run, each time in a
    transaction of its own, until it finds none. What the migration did before is committed by it; broken off, it goes on where it was.
    """
    found = op.get_context()
    with found.autocommit_block():
        if found.as_sql:
            op.execute(statement)
            return
        while op.get_bind().execute(text(statement)).rowcount:
            pass


async def is_current(database: Database, folder: Path) -> bool:
    """Tells whether the schema holds every migration of this image; a newer one is fine (expand, backfill, contract)."""
    script = ScriptDirectory.from_config(config(folder))
    head = script.get_current_head()

    def present(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    async with database.engine.connect() as connection:
        revision = await connection.run_sync(present)
    if revision == head:
        return True
    known = {found.revision for found in script.walk_revisions()}
    return revision is not None and revision not in known


async def wait_until_current(database: Database, folder: Path, seconds: float) -> None:
    """Opens the database once it answers and its schema holds every migration of this image.

    In a cluster a pod comes up beside its database and its migration, in any order; it waits for them at most so long. With 0 seconds,
    as where somebody starts things in their order, what is not there is told at once. Raises RuntimeError for an older schema, and what
    the driver says of a database that does not answer.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            await database.start()
            if await is_current(database, folder):
                return
            failure: Exception = RuntimeError("the schema is older than this image: run `migrate` first")
        except (OSError, asyncpg.PostgresError, SQLAlchemyError, TimeoutError) as error:
            failure = error
        if time.monotonic() >= ends:
            raise failure
        log.info("waiting for the schema", extra={"error_type": type(failure).__name__})
        await database.stop()
        await asyncio.sleep(_LOOK_SECONDS)
