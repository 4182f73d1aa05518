"""The policy by version, and the hours of dealers by which clocks run."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import etag_of
from servicekit.errors import EtagMismatch
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model
from marque_complaint.rules.policy import Line, Policy, Step


class CasePolicy(Model):
    """A version of the policy. Versions never change."""

    __tablename__ = "case_policies"

    version: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor: Mapped[str]
    create_time: Mapped[datetime]

    def check_etag(self, etag: str) -> None:
        """Raises EtagMismatch where the caller names a version that is not the latest; an empty etag is no condition."""
        if etag and etag.strip('"') != etag_of(self.version):
            raise EtagMismatch()

    @property
    def policy(self) -> Policy:
        """The policy as the rules read it."""
        return Policy(
            self.version,
            [_line(line) for line in self.document["lines"]],
            self.document["time_zone"],
            self.document["week"],
        )


def _line(kept: dict[str, Any]) -> Line:
    ladder = tuple(Step(**step) for step in kept.get("ladder", ()))
    return Line(**{**kept, "minutes": tuple(kept["minutes"]), "ladder": ladder})


class KnownCalendar(Model):
    """A dealer's working hours as the network service told them last. `stale_time`: they are to be asked for (again)."""

    __tablename__ = "known_calendars"

    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    time_zone: Mapped[str] = mapped_column(default="")
    week: Mapped[dict[str, list[str]]] = mapped_column(JSONB, default=dict)
    holiday_country: Mapped[str] = mapped_column(default="")
    exceptions: Mapped[dict[str, list[str]]] = mapped_column(JSONB, default=dict)
    stale_time: Mapped[datetime | None]
    fetch_time: Mapped[datetime | None]
