"""Ladders of escalation: when a clock that is not met makes a case the matter of somebody further up. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tradekit.clock import WorkCalendar

from marque_complaint.rules import clocks, hours
from marque_complaint.rules.policy import Line, Step

Key = tuple[int, int]
"""A step of a case: which clock, and after what percent of its time."""


def dues(
    ladder: Sequence[Step], running: Mapping[int, clocks.Clock], calendar: WorkCalendar | None
) -> dict[Key, tuple[int, datetime, datetime | None]]:
    """Returns the steps of the clocks that a case has: whose matter it becomes, the beginning of the clock's run, and when, None while
    nobody can say (the clock stands still with time left, is held, or is met).
    """
    found = {}
    for step in ladder:
        clock = running.get(step.clock)
        if clock is not None:
            found[step.clock, step.percent] = step.escalation, clock.start, _due(step, clock, calendar)
    return found


def _due(step: Step, clock: clocks.Clock, calendar: WorkCalendar | None) -> datetime | None:
    if calendar is None or clock.met is not None:
        return None
    try:
        return clocks.due_after(calendar, clock.stretches, timedelta(minutes=clock.target_minutes) * step.percent / 100)
    except hours.NeverOpen:
        return None


def faults(line: Line) -> list[int]:
    """Returns the places of steps that can never be taken, for their clock is not promised, or that stand twice."""
    seen: set[Key] = set()
    wrong = []
    for place, step in enumerate(line.ladder):
        if not line.minutes[step.clock - 1] or (step.clock, step.percent) in seen:
            wrong.append(place)
        seen.add((step.clock, step.percent))
    return wrong
