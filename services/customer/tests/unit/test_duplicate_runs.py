"""When a run that finds duplicates is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from marque_customer.models.duplicate_runs import (
    ABANDONED,
    GOES_ON,
    NOT_TAKEN_UP,
    RUNNING,
    WAITING,
    DuplicateRun,
)

BEGAN = datetime(2026, 11, 22, 9, tzinfo=UTC)
WAIT, TICK = timedelta(minutes=15), timedelta(seconds=1)


class TestGivenUp:
    @pytest.mark.parametrize(
        ("state", "after", "why"),
        [
            (WAITING, WAIT, ""),
            (WAITING, WAIT + TICK, NOT_TAKEN_UP),
            (RUNNING, WAIT + TICK, ""),
            (RUNNING, GOES_ON, ""),
            (RUNNING, GOES_ON + TICK, ABANDONED),
        ],
    )
    def test_it_is_behind_the_bound_of_its_state_and_not_at_it(self, state, after, why):
        run = DuplicateRun(state=state, create_time=BEGAN, start_time=BEGAN if state == RUNNING else None)
        assert run.given_up(BEGAN + after, WAIT) == why

    def test_one_that_is_taken_up_late_counts_from_its_beginning(self):
        run = DuplicateRun(state=RUNNING, create_time=BEGAN - GOES_ON, start_time=BEGAN)
        assert run.given_up(BEGAN + WAIT, WAIT) == ""
