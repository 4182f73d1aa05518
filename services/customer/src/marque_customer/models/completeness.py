"""What profiles must hold, and what each customer counts in the reports of it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import SmallInteger, Uuid

from marque_customer.models.base import Model


class ProfileRulesVersion(Model):
    """One version of what profiles must hold; it never changes."""

    __tablename__ = "profile_rules"

    version: Mapped[int] = mapped_column(primary_key=True)
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    create_time: Mapped[datetime]
    principal: Mapped[str]


class ProfileMark(Model):
    """What a customer counts as now; `dealers` and `clerks` are of the same length, the first of all customers together."""

    __tablename__ = "profile_marks"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[int]
    stage: Mapped[int]
    source: Mapped[str]
    asked: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    missing: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    dealers: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    clerks: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
