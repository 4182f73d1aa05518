"""kill -9 between a breach and its action: each acts once."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta

import pytest
from devstack.ports import free_port
from servicekit.testing.platform import Platform, until

_PLANT = """
WITH made AS (
    INSERT INTO cases (case_id, version, create_time, update_time, tracking_code, kind, state, receive_time, policy_version, entry_count,
        due_time)
    SELECT gen_random_uuid(), 1, now(), now(), 'PLANTED' || n, 1, 1, now(), 1, 1, $2 FROM generate_series(1, $1::int) AS n
    RETURNING case_id),
entries AS (
    INSERT INTO case_entries (case_id, sequence, action, state, waiting, escalation, severity, minutes, policy_version, occur_time)
    SELECT case_id, 1, 'RECEIVED', 1, 0, 0, 0, '{60,0,0}', 1, now() FROM made),
clocks AS (
    INSERT INTO case_clocks (case_id, kind, start_time, target_minutes, due_time) SELECT case_id, 1, now(), 60, $2 FROM made),
steps AS (
    INSERT INTO case_steps (case_id, clock, percent, escalation, start_time, due_time) SELECT case_id, 1, 100, 2, now(), $2 FROM made)
INSERT INTO due_work (kind, key, due_time) SELECT 'case-clock', case_id, $2 FROM made"""
_TOLD = "SELECT aggregate_id, count(*) AS times FROM outbox_messages WHERE event_type = 'marque.complaint.v1.CaseBreached' GROUP BY 1"
_CLIMBED = _TOLD.replace("CaseBreached", "CaseEscalated")


@pytest.mark.soak
class TestKilled:
    async def test_a_worker_that_is_killed_again_and_again_tells_each_breach_once(
        self, platform: Platform, soaking: bool
    ) -> None:
        count, kills = (3000, 40) if soaking else (60, 1)
        settings = await platform.prepare("complaint", grpc_port=free_port())
        process = await platform.spawn_again("complaint", settings)
        due = datetime.now(UTC) + timedelta(seconds=0.5)
        await platform.sql("complaint", _PLANT, count, due)
        for _ in range(kills):
            done = len(await platform.sql("complaint", _TOLD))

            async def more(done: int = done) -> bool:
                return len(await platform.sql("complaint", _TOLD)) >= min(count, done + 8)

            await until(more, 60, "no breach is told")
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            process = await platform.spawn_again("complaint", settings)

        async def all_told() -> bool:
            return len(await platform.sql("complaint", _TOLD)) == count

        await until(all_told, 120, "breaches are missing")
        left = await platform.sql("complaint", "SELECT 1 FROM due_work WHERE kind = 'case-clock'")
        marked = await platform.sql("complaint", "SELECT 1 FROM case_clocks WHERE breach_time IS NOT NULL")
        assert {row["times"] for row in await platform.sql("complaint", _TOLD)} == {1}
        assert (len(left), len(marked)) == (0, count)
        climbed = await platform.sql("complaint", _CLIMBED)
        assert (len(climbed), {row["times"] for row in climbed}) == (count, {1}), "a step of the ladder is taken once"
