"""Which roles a person may hold at an employer, and which a caller may give."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from servicekit import roles
from servicekit.rpc.principal import Principal
from servicekit.staff import subject_key

_NOT_FOR_PEOPLE = roles.NOT_OF_STAFF
# Roles by which everything else could be had: a person who has them gives them, by a mapping, never a group by its name alone.
_GIVEN_BY_HAND = frozenset({"oem.admin", "ops"})
REGION_ROLE = "oem.region"


def is_known(role: str) -> bool:
    """Tells whether the platform has such a role."""
    return role in roles.PERMISSIONS


def fits_employer(role: str, *, at_dealer: bool) -> bool:
    """Tells whether a person of a dealer, or of the maker, may hold a role."""
    return role not in _NOT_FOR_PEOPLE and role.startswith("dealer.") == at_dealer


def may_give(principal: Principal, role: str) -> bool:
    """Tells whether a caller may give a role: it must add no permission, kind of data or sight of rows to what the
    caller has.
    """
    held = frozenset({role})
    return (
        roles.permissions(held) <= principal.permissions
        and roles.visible_classes(held) <= roles.visible_classes(principal.roles)
        and (principal.sees_all_rows or (role not in roles.UNSCOPED and role != REGION_ROLE))
    )


def not_grantable(
    principal: Principal, *, held: Collection[str], at_dealer: bool, region_code: str, group_code: str
) -> str:
    """Returns what of an office a caller may not give, in words; empty where they may give it all."""
    for role in held:
        if not may_give(principal, role):
            return f"the role {role}"
    if principal.sees_all_rows:
        return ""
    if not at_dealer:
        return "a place at the maker"
    if region_code and region_code != principal.region:
        return "the sight of a region"
    if group_code and group_code != principal.dealer_group:
        return "the sight of a dealer group"
    return ""


def provisioned_role(display_name: str) -> str:
    """Returns the role that a group of the identity provider gives by its name; empty for none."""
    role = display_name.strip().lower()
    return role if is_known(role) and role not in _NOT_FOR_PEOPLE | _GIVEN_BY_HAND else ""


def not_provisionable(principal: Principal, held: Iterable[str]) -> str:
    """Returns what of some roles an identity provider may not give by itself, in words; empty where it may give them all."""
    for role in held:
        if role in _GIVEN_BY_HAND and not may_give(principal, role):
            return f"the role {role}"
    return ""


def former_keys(known: Iterable[str], before: str, after: str) -> list[str]:
    """Returns the keys of the subjects that somebody had, once their subject changes; the one that they have now is none."""
    found = dict.fromkeys([*known, *([subject_key(before)] if before else [])])
    return [key for key in found if not after or key != subject_key(after)]
