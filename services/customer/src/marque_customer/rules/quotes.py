"""The arithmetic of a quote: lines that add up in one currency, what may be taken off, and who may allow it. Pure and exact."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

VEHICLE, OPTION, ACCESSORY, SERVICE, DISCOUNT, TRADE_IN, FINANCE = range(1, 8)
DRAFT, AWAITING, APPROVED, SENT, ACCEPTED, DECLINED, EXPIRED, WITHDRAWN = range(1, 9)
OPEN = frozenset({DRAFT, AWAITING, APPROVED, SENT})
REVISABLE = OPEN | {DECLINED, EXPIRED}
VALID_FOR, VALID_AT_MOST = timedelta(days=14), timedelta(days=366)
MOST_OF_LEAD, MOST_VERSIONS = 50, 100
MOST_UNIT_MINOR = 10**13  # so that a thousand of a hundred lines fit what the database counts with
_SOLD = frozenset({VEHICLE, OPTION, ACCESSORY, SERVICE})
_WHOLE = 10_000


class QuoteFault(ValueError):
    """Lines that are no quote: `path` names the one that is wrong, `reason` is a constant of the contract."""

    def __init__(self, path: str, reason: str, text: str) -> None:
        super().__init__(text)
        self.path, self.reason = path, reason


@dataclass(frozen=True, slots=True)
class Line:
    """One line; the amount of all in minor units of the quote's currency, never negative."""

    kind: int
    quantity: int
    unit_minor: int

    @property
    def minor(self) -> int:
        """The price of all."""
        return self.quantity * self.unit_minor


@dataclass(frozen=True, slots=True)
class Sums:
    """What the lines come to, in minor units."""

    list_minor: int
    discount_minor: int
    trade_in_minor: int
    financed_minor: int

    @property
    def total_minor(self) -> int:
        """What the person owes; below zero where the old car is worth more than the new one."""
        return self.list_minor - self.discount_minor - self.trade_in_minor

    @property
    def rest_minor(self) -> int:
        """What the person pays out of their own pocket."""
        return self.total_minor - self.financed_minor

    @property
    def basis_points(self) -> int:
        """The discount in basis points of the list price, rounded up: who may give 3 % may not give a fen more."""
        return -(-self.discount_minor * _WHOLE // self.list_minor) if self.list_minor else 0


def sums(lines: Sequence[Line]) -> Sums:
    """Returns what lines come to. Raises QuoteFault."""
    for index, line in enumerate(lines):
        if line.kind not in _SOLD and line.quantity != 1:
            raise QuoteFault(
                f"lines[{index}].quantity", "QUANTITY_WRONG", "There is one of this kind of line at a time."
            )
    if not any(line.kind == VEHICLE for line in lines):
        raise QuoteFault("lines", "VEHICLE_MISSING", "A quote offers a car.")

    def of(kinds: Collection[int]) -> int:
        return sum(line.minor for line in lines if line.kind in kinds)

    found = Sums(of(_SOLD), of({DISCOUNT}), of({TRADE_IN}), of({FINANCE}))
    if found.discount_minor > found.list_minor:
        raise QuoteFault("lines", "DISCOUNT_TOO_GREAT", "More is taken off than it costs.")
    if found.financed_minor > max(found.total_minor, 0):
        raise QuoteFault("lines", "FINANCE_TOO_GREAT", "More is financed than the person owes.")
    return found


def allowed(limits: Sequence[Mapping[str, object]], roles: Collection[str]) -> int:
    """Returns the basis points that somebody with some roles may give alone: the highest of theirs, 0 for none."""
    return max((int(str(one.get("basis_points", 0))) for one in limits if one["role"] in roles), default=0)


def covers(basis_points: int, discount_minor: int, allowed_points: int, personal_minor: int | None) -> bool:
    """Tells whether a discount lies within the limit of a role, or within a person's own amount."""
    return basis_points <= allowed_points or (personal_minor is not None and discount_minor <= personal_minor)
