"""Files of letters and what stands in them. Letters change in sets, by the statements of the repository."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model
from marque_campaign.rules.letters import MAKING


class LetterFile(Aggregate, Model):
    """A file of the letters of one campaign, or of all running ones of an owner. `settled`: every line of it has its end."""

    __tablename__ = "letter_files"

    letter_file_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID | None]
    campaign_id: Mapped[uuid.UUID | None]
    state: Mapped[int] = mapped_column(default=MAKING)
    most_letters: Mapped[int]
    byte_order_mark: Mapped[bool]
    letter_count: Mapped[int] = mapped_column(default=0)
    pulled_count: Mapped[int] = mapped_column(default=0)
    erased_count: Mapped[int] = mapped_column(default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(default="")
    settled: Mapped[bool] = mapped_column(default=False)
    ready_time: Mapped[datetime | None]
    print_time: Mapped[datetime | None]
    expire_time: Mapped[datetime | None]


class Letter(Model):
    """A line of the ledger in a file. `content` is its row of the file, sealed: none before it is written, and none once it has served.

    `number` is its place in the file and `pull_number` that in the delta, from 1; `check_time` is since when it is to be found out whether
    it may still go.
    """

    __tablename__ = "letters"

    send_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    letter_file_id: Mapped[uuid.UUID]
    number: Mapped[int | None]
    contact_permit_id: Mapped[uuid.UUID | None]
    content: Mapped[bytes | None]
    pull_number: Mapped[int | None]
    pull_reason: Mapped[str] = mapped_column(default="")
    check_time: Mapped[datetime | None]
    create_time: Mapped[datetime]
