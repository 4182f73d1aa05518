"""Migrations: alembic inside the service's package, run under an advisory lock with a lock timeout, so that they never block traffic."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text

from servicekit.db.engine import Database

_LOCK = 0x4D41_5251_5545_0002
LOCK_TIMEOUT = "4s"
_ATTEMPTS = 10


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
            async with database.engine.connect() as connection:
                await connection.run_sync(_run, folder, revision)
            return
        except Exception as error:
            cause = getattr(getattr(error, "orig", None), "__cause__", None)
            if (
                type(cause).__name__ not in ("LockNotAvailableError", "DeadlockDetectedError")
                or attempt == _ATTEMPTS - 1
            ):
                raise
            await asyncio.sleep(0.5 * (attempt + 1))


def _run(connection: Connection, folder: Path, revision: str) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.commit()
    try:
        settings = config(folder)
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()


def run_env(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls: runs on the connection given by `upgrade`, a transaction per migration."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()


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
