"""Which roles a person may hold at an employer, and which a caller may give."""

from __future__ import annotations

from collections.abc import Collection

from servicekit import roles
from servicekit.rpc.principal import Principal

# Roles of systems, customers and partners: nobody holds them by working somewhere.
_NOT_FOR_PEOPLE = frozenset({"owner", "dealer.system", "plant", "partner", "service"})
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
