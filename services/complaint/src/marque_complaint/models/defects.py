"""Signals of defects, who follows them, and when was looked."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, Double, Identity
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model

NUMBERS = (
    "basis", "change_month", "before_count", "after_count", "predicted_count", "before_level", "after_level", "log_evidence",
    "false_alarm_rate",
)  # fmt: skip


class DefectSignal(Aggregate, Model):
    """A component of a model year of which is complained more than before. There is one for each such pair."""

    __tablename__ = "defect_signals"

    signal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    make: Mapped[str]
    model: Mapped[str]
    model_year: Mapped[int]
    system: Mapped[str]
    basis: Mapped[int]
    change_month: Mapped[date]
    before_count: Mapped[int]
    after_count: Mapped[int]
    predicted_count: Mapped[int]
    before_level: Mapped[float] = mapped_column(Double)
    after_level: Mapped[float] = mapped_column(Double)
    log_evidence: Mapped[float] = mapped_column(Double)
    false_alarm_rate: Mapped[float] = mapped_column(Double)
    mute_time: Mapped[datetime | None]
    mute_reason: Mapped[str] = mapped_column(default="")
    follower_count: Mapped[int] = mapped_column(default=0)

    def renew(self, numbers: dict[str, Any]) -> bool:
        """Takes the numbers of a new look; tells whether they are others. The counts decide: levels follow from them."""
        counted = ("basis", "change_month", "before_count", "after_count", "predicted_count")
        if all(getattr(self, name) == numbers[name] for name in counted):
            return False
        for name in NUMBERS:
            setattr(self, name, numbers[name])
        return True

    def is_muted(self, moment: datetime) -> bool:
        """Tells whether nobody is to be bothered with it."""
        return self.mute_time is not None and self.mute_time > moment

    def mute(self, until: datetime | None, reason: str) -> None:
        """Mutes it, or ends that."""
        self.mute_time, self.mute_reason = until, reason if until is not None else ""


class DefectFollower(Model):
    """Somebody of the staff who follows a signal."""

    __tablename__ = "defect_followers"

    signal_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class DefectNotice(Model):
    """What somebody was told of a signal, and whether they have read it."""

    __tablename__ = "defect_notices"

    notice_number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    staff_id: Mapped[uuid.UUID]
    signal_id: Mapped[uuid.UUID]
    reason: Mapped[int]
    after_count: Mapped[int]
    create_time: Mapped[datetime]
    read_time: Mapped[datetime | None]


class DefectScan(Model):
    """A look at all cars, asked for or done."""

    __tablename__ = "defect_scans"

    scan_number: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    create_time: Mapped[datetime]
    finish_time: Mapped[datetime | None]
    series_count: Mapped[int] = mapped_column(default=0)
    rate_series_count: Mapped[int] = mapped_column(default=0)
    signal_count: Mapped[int] = mapped_column(default=0)
    false_alarm_rate: Mapped[float] = mapped_column(Double, default=0.0)
