"""What the columns of a table mean to the linker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a column holds. A column of no role of its own is OTHER: the data say whether its words or its value tell people apart.

    Several columns may have one role: parts of an address are read as one, further phones as further numbers.
    """

    FAMILY = "family"
    GIVEN = "given"
    FULL = "full"
    ORGANISATION = "organisation"
    BIRTH = "birth"
    PHONE = "phone"
    EMAIL = "email"
    IDENTITY = "identity"
    ADDRESS = "address"
    POSTCODE = "postcode"
    PLACE = "place"
    OTHER = "other"


class MappingError(ValueError):
    """A mapping names a column or a role that is not there."""


@dataclass(frozen=True)
class Columns:
    """The column mapping of a data set: which column names the record, and the role of each column that is read."""

    key: str
    roles: Mapping[str, Role] = field(default_factory=dict)

    def of(self, role: Role) -> list[str]:
        """Returns the columns of a role, in the order given."""
        return [column for column, one in self.roles.items() if one is role]

    def check(self, present: list[str]) -> None:
        """Raises MappingError where a column is not present, or nothing is left to compare."""
        missing = [column for column in (self.key, *self.roles) if column not in present]
        if missing:
            raise MappingError(f"no such column: {', '.join(missing)} (there are: {', '.join(present)})")
        if not self.roles:
            raise MappingError("no column has a role: there is nothing to compare")


def columns_of(key: str, **roles: str) -> Columns:
    """Builds a mapping from `column="role"`; raises MappingError for a word that is no role."""
    known = {role.value for role in Role}
    wrong = [f"{column}={role}" for column, role in roles.items() if role not in known]
    if wrong:
        raise MappingError(f"no such role: {', '.join(wrong)} (there are: {', '.join(sorted(known))})")
    return Columns(key, {column: Role(role) for column, role in roles.items()})
