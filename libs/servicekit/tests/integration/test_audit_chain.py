"""The audit trail on real PostgreSQL: chained once and in order, signed by keys that rotate, dropped by whole segments."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from servicekit.audit import ReadAudit
from servicekit.audit.keys import AuditKeys
from servicekit.audit.verifying import Fault, Verifier
from servicekit.db.uow import UnitOfWork
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.testing.trail import HOUR, INSERT, Trail, keys_in, record


class TestChain:
    async def test_what_both_trails_write_is_chained_in_segments(self, trail: Trail) -> None:
        call = Call(Principal("reader"), "/read")
        for number in range(6):
            call.saw("customer", f"c-{number}", ("name",))
        reads = ReadAudit(trail.database)
        reads.note(call)
        await reads.flush()
        for number in range(5):
            async with (uow := UnitOfWork(trail.database, Call(Principal("writer"), "/write"))):
                uow.audit("update", "customer", f"c-{number}", ("name",))

        await trail.chain()

        links = await trail.connection.fetch("SELECT position FROM audit_links ORDER BY position")
        assert [row["position"] for row in links] == list(range(1, 7))
        anchors = await trail.connection.fetch("SELECT * FROM audit_anchors ORDER BY segment")
        assert [(row["segment"], row["first_position"], row["last_position"]) for row in anchors] == [(1, 1, 4)]
        report = await trail.verify()
        assert (report.findings, report.records, report.waiting) == ([], 6, 0)

    async def test_a_transaction_that_commits_late_is_chained_all_the_same(self, trail: Trail) -> None:
        slow = await trail.database.direct()
        begun = slow.transaction()
        await begun.start()
        await slow.execute(INSERT, *record(principal="slow"))
        await trail.write(record(principal="quick"))
        await trail.appender.begin(trail.connection)

        await trail.appender.append(trail.connection)
        before = await trail.connection.fetchval("SELECT count(*) FROM audit_links")
        await begun.commit()
        await slow.close()
        await trail.chain()

        assert before == 0, "chained past an open transaction"
        assert (await trail.verify()).records == 2

    async def test_a_segment_is_closed_by_age(self, trail: Trail) -> None:
        await trail.write(record())
        await trail.chain()
        await trail.connection.execute("UPDATE audit_chain SET open_time = open_time - interval '1 hour'")

        await trail.appender.append(trail.connection)

        assert await trail.connection.fetchval("SELECT last_position FROM audit_anchors") == 1
        assert (await trail.verify()).findings == []

    async def test_no_segment_is_closed_for_nothing(self, trail: Trail) -> None:
        await trail.chain()
        await trail.appender.append(trail.connection)
        report = await trail.verify()
        assert (report.segments, report.findings, report.anchor) == (0, [], (0, b""))

    async def test_appenders_that_meet_make_one_chain(self, trail: Trail) -> None:
        trail.closes_after = 7
        others = [await trail.database.direct() for _ in range(3)]
        appender = trail.appender
        await appender.begin(trail.connection)

        async def append(connection: asyncpg.Connection) -> None:
            for _ in range(30):
                await appender.append(connection)

        writing = trail.write(*(record() for _ in range(60)))
        await asyncio.gather(writing, *(append(connection) for connection in others))
        for connection in others:
            await connection.close()
        await trail.chain()

        report = await trail.verify()
        assert (report.findings, report.records) == ([], 60)

    async def test_after_a_restore_into_another_cluster_the_chain_goes_on(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(3)))
        await trail.chain()
        far = "(pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000000)::text::xid8"
        await trail.write(record(principal="not chained when it was dumped"))
        await trail.connection.execute(f"UPDATE audit_records SET transaction = {far} WHERE principal LIKE 'not%'")
        await trail.connection.execute(f"UPDATE audit_chain SET last_transaction = {far}")

        await trail.write(record(principal="after"))
        await trail.chain()

        report = await trail.verify()
        assert (report.findings, report.records) == ([], 5)

    async def test_a_long_trail_is_verified_in_stretches(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(14)))
        await trail.chain()

        first = await Verifier(trail.database, "customer", trail.keys, wait=HOUR, seconds=0).verify()
        whole = await trail.verify(seconds=0)

        assert (first.next_segment, first.segments, first.records) == (2, 1, 4)
        assert (whole.segments, whole.records, whole.findings) == (3, 14, [])


class TestKeys:
    async def test_a_rotated_key_leaves_old_segments_verified(self, trail: Trail, tmp_path: Path) -> None:
        folder = tmp_path / "keys"
        old = Trail(trail.database, keys_in(folder, "2026-1"), trail.connection)
        await old.write(*(record() for _ in range(4)))
        await old.chain()
        new = Trail(trail.database, keys_in(folder, "2026-2"), trail.connection)
        await new.write(*(record() for _ in range(4)))
        await new.chain()

        signed = await trail.connection.fetch("SELECT key_id FROM audit_anchors ORDER BY segment")
        report = await new.verify()

        assert [row["key_id"] for row in signed] == ["2026-1", "2026-2"]
        assert report.findings == []
        assert [found.fault for found in (await old.verify()).findings] == [Fault.ANCHOR_FORGED]

    async def test_another_services_chain_does_not_pass_for_this_one(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(4)))
        await trail.chain()
        report = await Verifier(trail.database, "vehicle", trail.keys, wait=HOUR).verify()
        assert {found.fault for found in report.findings} >= {Fault.ANCHOR_FORGED}


class TestDrops:
    async def test_old_segments_go_whole_and_the_rest_verifies(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(10)))
        await trail.chain()

        assert await trail.drop(0)
        await trail.chain()

        report = await trail.verify()
        kept = await trail.connection.fetch("SELECT position FROM audit_links ORDER BY position")
        assert [row["position"] for row in kept] == [5, 6, 7, 8, 9, 10, 11]
        assert (report.findings, report.dropped_segments, report.segments, report.records) == ([], 1, 2, 7)
        noted = "SELECT resource_id FROM audit_records WHERE action = 'drop' AND resource_type = 'audit_segment'"
        assert [row["resource_id"] for row in await trail.connection.fetch(noted)] == ["1"]

    async def test_a_segment_that_is_not_old_enough_stays(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(4)))
        await trail.chain()
        assert not await trail.drop(1)
        assert (await trail.verify()).records == 4

    async def test_without_a_key_that_signs_nothing_is_dropped(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(4)))
        await trail.chain()
        assert not await Trail(trail.database, AuditKeys(), trail.connection).drop(0)

    @pytest.mark.parametrize(
        "forgery",
        [
            "UPDATE audit_anchors SET drop_time = now(), drop_days = 0, drop_key_id = key_id, drop_signature = signature",
            "UPDATE audit_anchors SET drop_time = now(), drop_days = 0, drop_key_id = key_id",
            "UPDATE audit_anchors SET drop_time = now()",
        ],
    )
    async def test_a_drop_that_housekeeping_did_not_sign_is_found(self, trail: Trail, forgery: str) -> None:
        await trail.write(*(record() for _ in range(6)))
        await trail.chain()
        await trail.connection.execute(
            "DELETE FROM audit_records WHERE audit_id IN (SELECT audit_id FROM audit_links WHERE position < 5)"
        )
        await trail.connection.execute("DELETE FROM audit_links WHERE position < 5")
        await trail.connection.execute(forgery)
        assert [(found.fault, found.segment) for found in (await trail.verify()).findings] == [(Fault.DROP_FORGED, 1)]
