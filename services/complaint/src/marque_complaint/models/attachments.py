"""Files with cases. What they hold lies in the object store, under `attachment_id`."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.ids import new_uuid
from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class CaseAttachment(Model):
    """A file. Rows are added and removed; only `scan_time` is written later, once nothing bad was found in it."""

    __tablename__ = "case_attachments"

    attachment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    case_id: Mapped[uuid.UUID]
    file_name: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    author: Mapped[int]
    staff_id: Mapped[uuid.UUID | None]
    internal: Mapped[bool] = mapped_column(default=False)
    create_time: Mapped[datetime]
    scan_time: Mapped[datetime | None]
