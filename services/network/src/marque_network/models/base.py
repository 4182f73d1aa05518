"""What the tables of the network service share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from servicekit.db.base import Base, metadata


class Model(Base):
    """Base of the network service's tables."""

    __abstract__ = True
    metadata = metadata()


@dataclass(frozen=True, slots=True)
class Change:
    """What a patch does to a row: the new values of columns, and the contract's names of the fields that differ."""

    values: Mapping[str, Any]
    fields: tuple[str, ...]
