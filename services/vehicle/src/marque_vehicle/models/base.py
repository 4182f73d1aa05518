"""The base of the vehicle service's tables."""

from __future__ import annotations

from servicekit.db.base import Base, metadata


class Model(Base):
    """Base of the vehicle service's tables."""

    __abstract__ = True
    metadata = metadata()
