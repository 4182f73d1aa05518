"""Recalls and the versions of their scopes. States are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model


class Recall(Aggregate, Model):
    """A recall. `scope_version` is the last frozen version of its scope, 0 for a draft; rows of cars beyond it are pending."""

    __tablename__ = "recalls"

    DRAFT, OPEN, CLOSED = 1, 2, 3

    recall_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    code: Mapped[str]
    title: Mapped[str]
    defect: Mapped[str] = mapped_column(default="")
    remedy: Mapped[str] = mapped_column(default="")
    remedy_operation_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    market: Mapped[str] = mapped_column(default="")
    wordings: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    state: Mapped[int] = mapped_column(default=DRAFT)
    scope_version: Mapped[int] = mapped_column(default=0)
    open_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]

    def check_not_closed(self) -> None:
        """Raises RecallClosed."""
        if self.state == self.CLOSED:
            raise errors.RecallClosed()

    def check_open(self) -> None:
        """Raises RecallNotOpen."""
        if self.state != self.OPEN:
            raise errors.RecallNotOpen()

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed. Raises RecallClosed."""
        self.check_not_closed()
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed

    def freeze(self, moment: datetime) -> int:
        """Takes the pending cars into a new version of the scope, and opens a draft; returns the version. Raises RecallClosed."""
        self.check_not_closed()
        self.scope_version += 1
        self.state, self.open_time = self.OPEN, self.open_time or moment
        return self.scope_version

    def close(self, moment: datetime) -> None:
        """Ends it. Raises RecallNotOpen."""
        self.check_open()
        self.state, self.close_time = self.CLOSED, moment


class RecallScope(Model):
    """One frozen version of a scope. `told_upto` is the last VIN of its new cars of which was told."""

    __tablename__ = "recall_scopes"

    recall_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    scope_version: Mapped[int] = mapped_column(primary_key=True)
    vehicle_count: Mapped[int] = mapped_column(BigInteger)
    added_count: Mapped[int] = mapped_column(BigInteger)
    removed_count: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    freeze_time: Mapped[datetime]
    told_upto: Mapped[str] = mapped_column(default="")
