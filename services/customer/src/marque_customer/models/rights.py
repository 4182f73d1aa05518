"""What a person's rights need: sealed numbers, exports, erasures, restrictions."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from servicekit.sealing.rotation import SealedColumn
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from marque_customer.models.base import Model
from marque_customer.rules.identity_numbers import purpose_of

GATHERING, READY, EXPIRED = 1, 2, 3
RUNNING, HELD, COMPLETED = 1, 2, 3
LAST_PASS = 3  # passes after the second are kept as one: what every service said last


class IdentityDocument(Model):
    """A document of a customer; its number is sealed, and found by its keyed hash."""

    __tablename__ = "identity_documents"

    identity_document_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    kind: Mapped[int]
    country_code: Mapped[str]
    number_sealed: Mapped[bytes]
    number_hash: Mapped[str]
    verify_time: Mapped[datetime | None]
    actor: Mapped[str]
    create_time: Mapped[datetime]


NUMBERS = SealedColumn(
    table="identity_documents",
    key="identity_document_id",
    column="number_sealed",
    hashed="number_hash",
    searched=lambda number, row: (number, purpose_of(row.kind, row.country_code)),
    with_columns=("kind", "country_code"),
)


class DataExport(Aggregate, Model):
    """Everything of one person on its way into an archive; `waiting` names the services that did not answer yet."""

    __tablename__ = "data_exports"

    data_export_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    state: Mapped[int] = mapped_column(default=GATHERING)
    actor: Mapped[str]
    waiting: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    try_time: Mapped[datetime]
    archive_bytes: Mapped[int] = mapped_column(default=0)
    archive_sha256: Mapped[str] = mapped_column(default="")
    archive_pieces: Mapped[int] = mapped_column(default=0)
    ready_time: Mapped[datetime | None]
    expire_time: Mapped[datetime | None]

    def wait(self, services: list[str], until: datetime) -> None:
        """Notes who did not answer, and when they are asked again."""
        self.waiting, self.try_time = services, until

    def ready(self, size: int, digest: str, pieces: int, moment: datetime, days: int) -> None:
        """Can be downloaded from now on, for some days."""
        self.state, self.waiting, self.ready_time = READY, [], moment
        self.archive_bytes, self.archive_sha256, self.archive_pieces = size, digest, pieces
        self.expire_time = moment + timedelta(days=days)


class DataExportPart(Model):
    """What one service gave, sealed; the content goes when the archive is made."""

    __tablename__ = "data_export_parts"

    data_export_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    records: Mapped[int]
    content: Mapped[bytes | None]
    gather_time: Mapped[datetime]


class DataExportPiece(Model):
    """A piece of an archive, sealed."""

    __tablename__ = "data_export_pieces"

    data_export_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    piece: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class CustomerErasure(Aggregate, Model):
    """The erasure of a person. Each round asks every service under an id of its own; `try_time`: when there is something to do next."""

    __tablename__ = "customer_erasures"

    erasure_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    state: Mapped[int] = mapped_column(default=RUNNING)
    reason: Mapped[str]
    actor: Mapped[str]
    round: Mapped[int] = mapped_column(default=1)
    try_time: Mapped[datetime | None]
    waiting: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    complete_time: Mapped[datetime | None]
    statement: Mapped[bytes] = mapped_column(default=b"")
    key_id: Mapped[str] = mapped_column(default="")
    signature: Mapped[bytes] = mapped_column(default=b"")
    issue_time: Mapped[datetime | None]

    @property
    def number_of_pass(self) -> int:
        """The pass under which acknowledgements of this round stand."""
        return min(self.round, LAST_PASS)

    def asked_as(self) -> uuid.UUID:
        """The id under which services are asked in this round: a repeat of it gives the first answer."""
        return uuid.uuid5(self.erasure_id, str(self.round))

    def wait(self, services: list[str], until: datetime) -> None:
        """Notes who did not acknowledge, and when they are asked again."""
        self.waiting, self.try_time = services, until

    def next_round(self, moment: datetime | None) -> None:
        """All acknowledged; they are asked anew at a moment, or never."""
        self.waiting, self.try_time = [], moment
        self.round += 1

    def settle(self, state: int, moment: datetime) -> None:
        """All that can be erased now is erased."""
        self.state = state
        self.complete_time = self.complete_time or moment

    def certify(self, statement: bytes, key_id: str, signature: bytes, moment: datetime) -> None:
        """Keeps the certificate; a later one, after the end of a hold, takes the place of the one before."""
        self.statement, self.key_id, self.signature, self.issue_time = statement, key_id, signature, moment


class ErasureAcknowledgement(Model):
    """What a service answered: a `marque.type.v1.ErasePersonalDataResponse`."""

    __tablename__ = "erasure_acknowledgements"

    erasure_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    pass_: Mapped[int] = mapped_column("pass", primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    round: Mapped[int]
    answer: Mapped[bytes]


class ProcessingRestriction(Model):
    """That a person's data are kept and not used, since when, why, and until when."""

    __tablename__ = "processing_restrictions"

    restriction_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    reason: Mapped[str]
    actor: Mapped[str]
    set_time: Mapped[datetime]
    lift_time: Mapped[datetime | None]
    lift_reason: Mapped[str] = mapped_column(default="")
    lift_actor: Mapped[str] = mapped_column(default="")

    def lift(self, reason: str, actor: str, moment: datetime) -> None:
        """Ends it."""
        self.lift_time, self.lift_reason, self.lift_actor = moment, reason, actor


class RetentionRule(Aggregate, Model):
    """How long data of a kind are kept (`days`, None: for ever), by what law or decision, and what went by it so far."""

    __tablename__ = "retention_rules"

    kind: Mapped[int] = mapped_column(primary_key=True)
    days: Mapped[int | None]
    basis: Mapped[str]
    actor: Mapped[str]
    removed: Mapped[int] = mapped_column(default=0)
    run_time: Mapped[datetime | None]

    def put(self, days: int | None, basis: str, actor: str) -> None:
        """Is set as a whole."""
        self.days, self.basis, self.actor = days, basis, actor
