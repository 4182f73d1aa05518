"""What sending costs, and how much of it a budget pays. Whole minor units of one currency; a price is for a thousand. Pure."""

from __future__ import annotations

THOUSAND = 1000


def affordable(budget: int, thousand_cost: int) -> int | None:
    """Returns how many messages a budget pays; None for as many as there are."""
    if not (budget and thousand_cost):
        return None
    return budget * THOUSAND // thousand_cost


def cost_of(count: int, thousand_cost: int) -> int:
    """Returns what messages cost, rounded up: never more is spent than is shown."""
    return -(-count * thousand_cost // THOUSAND)
