"""The base of the campaign service's tables."""

from __future__ import annotations

from servicekit.db.base import Base, metadata


class Model(Base):
    """Base of the campaign service's tables."""

    __abstract__ = True
    metadata = metadata()
