"""Macros and saved views."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class CaseMacro(Aggregate, Model):
    """Verbs done together by one name. `actions` are messages of the contract in its JSON form."""

    __tablename__ = "case_macros"

    macro_code: Mapped[str] = mapped_column(primary_key=True)
    names: Mapped[dict[str, str]] = mapped_column(JSONB)
    actions: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    retired: Mapped[bool] = mapped_column(default=False)


class CaseView(Aggregate, Model):
    """A list of cases that somebody looks at again. `owner_key` is a digest of who wrote it; `dealer_id`: whose people see it where it is
    shared, none for everybody of the staff.
    """

    __tablename__ = "case_views"

    view_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    owner_key: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    name: Mapped[str]
    filter: Mapped[dict[str, Any]] = mapped_column(JSONB)
    shared: Mapped[bool] = mapped_column(default=False)
