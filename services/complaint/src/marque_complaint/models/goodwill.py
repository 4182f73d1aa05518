"""Goodwill and its limits. Money in minor units of its currency."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate, etag_of
from servicekit.errors import EtagMismatch
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class Goodwill(Aggregate, Model):
    """Something that is given to settle a case. `ask_key` tells who asked, system or person, so that nobody decides on their own."""

    __tablename__ = "case_goodwill"

    goodwill_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    case_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    currency: Mapped[str]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    remedy: Mapped[str]
    reason: Mapped[str]
    state: Mapped[int]
    ask_key: Mapped[str]
    ask_staff_id: Mapped[uuid.UUID | None]
    decide_staff_id: Mapped[uuid.UUID | None]
    decide_reason: Mapped[str] = mapped_column(default="")
    policy_version: Mapped[int]
    decide_time: Mapped[datetime | None]


class GoodwillPolicy(Model):
    """A version of the limits. Versions never change."""

    __tablename__ = "goodwill_policies"

    version: Mapped[int] = mapped_column(primary_key=True)
    limits: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    actor: Mapped[str]
    create_time: Mapped[datetime | None]

    def check_etag(self, etag: str) -> None:
        """Raises EtagMismatch where the caller names a version that is not the latest; an empty etag is no condition."""
        if etag and etag.strip('"') != etag_of(self.version):
            raise EtagMismatch()
