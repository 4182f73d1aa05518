"""A clock that a test moves: for services that run in this process, and for their databases.

The platform reads time in two places only: `servicekit.db.base.now` and the database's `now()` and `clock_timestamp()`. The first reads a
shifted `datetime`, the second resolve to functions of a schema that stands before `pg_catalog` in the database's search path; defaults of
columns are set to them. Code and statements stay as they are. Not moved: tokens, event loops, and the broker.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any, Self

import pytest

from servicekit.db import base
from servicekit.testing.platform import Platform

_SCHEMA = """
CREATE SCHEMA simulated;
CREATE TABLE simulated.clock (shift interval NOT NULL);
INSERT INTO simulated.clock VALUES ('0');
CREATE FUNCTION simulated.now() RETURNS timestamptz STABLE LANGUAGE sql AS
    'SELECT pg_catalog.now() + shift FROM simulated.clock';
CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS
    'SELECT pg_catalog.clock_timestamp() + shift FROM simulated.clock'
"""
_DEFAULTS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_default LIKE '%now()%'"""


class Clock:
    """Time of a test: goes on by itself, and jumps when told."""

    def __init__(self, patch: pytest.MonkeyPatch, platform: Platform) -> None:
        self._platform = platform
        self._services: list[str] = []
        self.shift = shift = _Shift()

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return datetime.now(tz) + shift.by  # type: ignore[return-value]

        patch.setattr(base, "datetime", Shifted)

    async def take(self, name: str) -> None:
        """Takes a prepared service's database under this clock; before the service starts."""
        run = self._platform.sql
        for statement in _SCHEMA.split(";\n"):
            await run(name, statement)
        for row in await run(name, _DEFAULTS):
            table, column = row["table_name"], row["column_name"]
            await run(name, f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET DEFAULT simulated.now()')
        await self._platform.configure(name, "search_path = simulated, public, pg_catalog")
        self._services.append(name)

    async def move(self, by: timedelta) -> None:
        """Jumps forward."""
        self.shift.by += by
        for name in self._services:
            await self._platform.sql(name, "UPDATE simulated.clock SET shift = $1", self.shift.by)

    def now(self) -> Any:
        """The present moment of the services."""
        return base.now()


class _Shift:
    """How far the clock is ahead."""

    by = timedelta()
