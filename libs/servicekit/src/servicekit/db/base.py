"""The declarative base of every service's tables, and what all aggregates share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from servicekit.errors import EtagMismatch

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of a service's models; each service makes a subclass with metadata of its own by `metadata()`."""

    __abstract__ = True
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's own form


def metadata() -> MetaData:
    """Returns metadata with the names of constraints fixed, so that errors and migrations can name them."""
    return MetaData(naming_convention=NAMING)


def now() -> datetime:
    """Returns the present moment in UTC."""
    return datetime.now(UTC)


class Aggregate:
    """A row that is changed as a whole: every flush of a change raises `version`, and a stale write is refused by the database."""

    version: Mapped[int] = mapped_column(BigInteger, nullable=False)
    create_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    update_time: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now, onupdate=now)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {
            "version_id_col": cls.__table__.c.version if hasattr(cls, "__table__") else cls.version,
            "eager_defaults": False,
        }

    @property
    def etag(self) -> str:
        """The etag of the present state (AIP-154)."""
        return etag_of(self.version)

    def check_etag(self, etag: str) -> None:
        """Raises EtagMismatch where the caller names a state that is not the present one; an empty etag is no condition."""
        if etag and etag.strip('"') != self.etag:
            raise EtagMismatch()

    def touch(self) -> None:
        """Marks the aggregate as changed when only its parts were, so that version, etag and update time move."""
        self.update_time = now()


def etag_of(version: int) -> str:
    """Returns the etag of a version."""
    return f"v{version}"
