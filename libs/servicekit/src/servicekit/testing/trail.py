"""A trail of audit records that a test writes, chains, changes and verifies, on a database of its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg

from servicekit.audit.appender import ChainAppender
from servicekit.audit.drops import drop_segment
from servicekit.audit.keys import AuditKeys, new_key_pem
from servicekit.audit.verifying import Report, Verifier
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.settings import ServiceSettings
from servicekit.testing.platform import until

SEGMENT = 4
HOUR = timedelta(hours=1)
TABLES = ("audit_records", "audit_links", "audit_anchors", "audit_chain")
INSERT = """
INSERT INTO audit_records
    (audit_id, create_time, principal, roles, method, action, resource_type, resource_id, resource_ids, fields, trace_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""


@dataclass
class Trail:
    """A trail of the module's database, and who keeps it."""

    database: Database
    keys: AuditKeys
    connection: asyncpg.Connection
    closes_after: int = SEGMENT

    @property
    def appender(self) -> ChainAppender:
        """An appender of small segments."""
        told = ServiceSettings(audit_segment_records=self.closes_after, audit_segment_seconds=3600)
        return ChainAppender(self.database, "customer", self.keys, told)

    async def empty(self) -> None:
        """Forgets everything."""
        await self.connection.execute(f"TRUNCATE {', '.join(TABLES)}")

    async def write(self, *records: tuple[Any, ...]) -> None:
        """Writes each record in a transaction of its own."""
        for record in records:
            await self.connection.execute(INSERT, *record)

    async def chain(self) -> None:
        """Chains what there is."""
        appender = self.appender
        await appender.begin(self.connection)

        async def idle() -> bool:
            await appender.append(self.connection)
            return not await self.connection.fetchval(
                "SELECT count(*) FROM audit_records WHERE audit_id NOT IN (SELECT audit_id FROM audit_links)"
            )

        await until(idle, 30, "the trail is not chained")

    async def verify(self, *, keys: AuditKeys | None = None, **more: Any) -> Report:
        """Reads the whole trail, in as many calls as it takes."""
        seconds = more.pop("seconds", 5.0)
        verifier = Verifier(self.database, "customer", keys or self.keys, wait=HOUR, seconds=seconds)
        report = await verifier.verify(**more)
        while report.next_segment:
            further = await verifier.verify(report.next_segment)
            further.findings = report.findings + further.findings
            further.records += report.records
            further.segments += report.segments
            report = further
        return report

    async def drop(self, days: int) -> bool:
        """Drops the oldest segment, as housekeeping does."""
        async with (uow := UnitOfWork(self.database, Call(Principal("system:events"), "due"))):
            return await drop_segment(uow, self.keys, days)


def keys_in(folder: Path, *names: str, current: str = "") -> AuditKeys:
    """Makes keys in a folder and reads all that are there."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.pem").write_text(new_key_pem())
    return AuditKeys.read(folder, current)


def record(**more: Any) -> tuple[Any, ...]:
    """Returns a record as `Trail.write` takes it."""
    told = {
        "audit_id": uuid.uuid4(), "create_time": now(), "principal": "p", "roles": "ops", "method": "/m", "action": "read",
        "resource_type": "customer", "resource_id": "c-1", "resource_ids": [], "fields": ["name"], "trace_id": "t",
    }  # fmt: skip
    return tuple({**told, **more}.values())
