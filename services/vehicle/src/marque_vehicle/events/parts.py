"""What events of all kinds are made of."""

from __future__ import annotations

from datetime import date, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2


def moment(value: datetime | None) -> Timestamp | None:
    """Returns a moment as events carry it; None for none."""
    if value is None:
        return None
    made = Timestamp()
    made.FromDatetime(value)
    return made


def day(value: date | None) -> date_pb2.Date | None:
    """Returns a day as events carry it; None for none."""
    return None if value is None else date_pb2.Date(year=value.year, month=value.month, day=value.day)


def text(value: object) -> str:
    """Returns the text of an id; empty for none."""
    return "" if value is None else str(value)
