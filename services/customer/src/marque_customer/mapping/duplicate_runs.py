"""Runs that find duplicates as messages."""

from __future__ import annotations

from typing import Any

from marque.customer.v1 import duplicate_run_pb2

from marque_customer.mapping.times import stamp


def message(run: Any) -> duplicate_run_pb2.DuplicateRun:
    """Returns a run."""
    return duplicate_run_pb2.DuplicateRun(
        run_id=str(run.run_id),
        state=run.state,
        step=run.step,
        merged=run.merged,
        queued=run.queued,
        attempts=run.attempts,
        failure=run.failure,
        create_time=stamp(run.create_time),
        start_time=stamp(run.start_time) if run.start_time else None,
        end_time=stamp(run.end_time) if run.end_time else None,
    )
