"""The role table: what each role may do, and which kinds of data it sees. One file, from which the permission suite is generated.

Rows are not judged here: which rows a caller sees is said by each repository's `visible_to(principal)`, by the table in docs/access.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from marque.options.v1.options_pb2 import DataClass as D

IDENTITY, CONTACT, PROFILE = D.DATA_CLASS_IDENTITY, D.DATA_CLASS_CONTACT, D.DATA_CLASS_PROFILE
COMMERCIAL, PERSON, NARRATIVE = D.DATA_CLASS_COMMERCIAL, D.DATA_CLASS_PERSON, D.DATA_CLASS_NARRATIVE
ALL_CLASSES = frozenset({IDENTITY, CONTACT, PROFILE, COMMERCIAL, PERSON, NARRATIVE})

PERMISSIONS: dict[str, frozenset[str]] = {
    "dealer.sales": frozenset(
        {"vehicle.sales.record", "vehicle.sales.read", "vehicle.sales.list", "vehicle.sales.reverse"}
    )
}
CLASSES: dict[str, frozenset[int]] = {}

UNSCOPED = frozenset(
    {"oem.agent", "oem.manager", "oem.admin", "oem.keyaccount", "oem.quality", "oem.technical", "service"}
)


@cache
def permissions(held: frozenset[str]) -> frozenset[str]:
    """Returns all permissions of a set of roles."""
    return frozenset().union(*(PERMISSIONS.get(role, frozenset()) for role in held))


@cache
def visible_classes(held: frozenset[str]) -> frozenset[int]:
    """Returns the kinds of data (`DataClass` numbers) that a set of roles sees on rows in its scope."""
    return frozenset().union(*(CLASSES.get(role, frozenset()) for role in held))


def roles() -> Iterable[str]:
    """Returns every role, sorted."""
    return sorted(PERMISSIONS)
