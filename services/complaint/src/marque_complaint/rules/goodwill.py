"""How much may be given without owing it, and who decides: limits by role, for all that is given for one case together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

WAITING, APPROVED, DECLINED = 1, 2, 3
DECIDED, OWN, LIMIT = "GOODWILL_DECIDED", "GOODWILL_OWN", "GOODWILL_LIMIT"
Limits = Sequence[Mapping[str, object]]
"""`role`, `currency`, `minor` (units of the currency)."""


def limit_of(limits: Limits, roles: Iterable[str], currency: str) -> int:
    """Returns the greatest limit that somebody of some roles has in a currency; 0 for none. Amounts are never converted."""
    held = set(roles)
    found = [line["minor"] for line in limits if line["role"] in held and line["currency"] == currency]
    return max((minor for minor in found if isinstance(minor, int)), default=0)


def doubles(limits: Limits) -> list[int]:
    """Returns the places of lines whose role has a limit in the same currency before."""
    seen: set[tuple[object, object]] = set()
    found = []
    for place, line in enumerate(limits):
        key = line["role"], line["currency"]
        if key in seen:
            found.append(place)
        seen.add(key)
    return found


def asked(given: int, amount: int, limit: int) -> int:
    """Returns where something that is asked for stands at once. `given`: what was approved for the case before, in the same currency."""
    return APPROVED if given + amount <= limit else WAITING


def refusal(state: int, *, own: bool, approved: bool, given: int, amount: int, limit: int) -> str:
    """Returns why a decision is refused; '' for not at all. Whoever has a limit may decline, whatever the amount."""
    if state != WAITING:
        return DECIDED
    if own:
        return OWN
    if limit <= 0 or (approved and given + amount > limit):
        return LIMIT
    return ""
