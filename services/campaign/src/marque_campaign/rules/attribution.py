"""To which messages something is owed that a person did. Pure.

A campaign says by which rule it counts: the first message before the deed, the last one, or any within its days. Beside that, and whatever
the rule, everybody who was drawn counts in the comparison with the holdout for as many days from being drawn: those who got a message and
those who did not, alike, so that the difference is owed to the campaign alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

FIRST, LAST, WITHIN = 1, 2, 3
DEFAULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Touch:
    """A line of the ledger of a person: when they were drawn, and when a message was handed over (None: it was not)."""

    send_id: Any
    campaign_id: Any
    drawn: datetime
    handed: datetime | None
    rule: int
    days: int

    @property
    def span(self) -> timedelta:
        """How long after it something counts."""
        return timedelta(days=self.days or DEFAULT_DAYS)


@dataclass(frozen=True, slots=True)
class Owed:
    """What a deed is to a line: credited to its campaign by the rule, or counted in the comparison with the holdout, or both."""

    touch: Touch
    credited: bool
    in_trial: bool


def owed(touches: Iterable[Touch], moment: datetime) -> list[Owed]:
    """Returns the lines to which something is owed that was done at a moment, in no order that matters."""
    found = list(touches)
    reached = [one for one in found if one.handed is not None and one.handed <= moment <= one.handed + one.span]
    by_time = sorted(reached, key=lambda one: (one.handed, str(one.send_id)))
    credited = {
        id(one)
        for place, one in enumerate(by_time)
        if one.rule not in (FIRST, LAST)
        or (one.rule == FIRST and place == 0)
        or (one.rule == LAST and place == len(by_time) - 1)
    }
    made = [Owed(one, id(one) in credited, one.drawn <= moment <= one.drawn + one.span) for one in found]
    return [one for one in made if one.credited or one.in_trial]
