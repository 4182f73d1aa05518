"""When somebody is called again whom nobody reached: the same for every service that calls people."""

from __future__ import annotations

from datetime import datetime, timedelta

# Another hour of the day finds other people at home: three hours on, then the next day five hours later, and so round the day.
_PAUSES = (timedelta(hours=3), timedelta(hours=29), timedelta(hours=27))


def call_again(vain: int, now: datetime) -> datetime:
    """Returns when to call again after the `vain`th call in vain, from 1."""
    return now + _PAUSES[(max(vain, 1) - 1) % len(_PAUSES)]
