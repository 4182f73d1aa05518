"""Papers of admission files: which are needed, which still hold, which ends next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

LICENCE, REPAIR_LICENCE, PREMISES = 1, 2, 5  # the contract's numbers of DealerDocumentKind
SERVICE, BODY_REPAIR = 2, 3  # of DealerKind
Paper = tuple[int, date | None]


def missing(kinds: Iterable[int], papers: Sequence[Paper], today: date) -> list[int]:
    """Returns the kinds of papers that a dealer needs and has none of that holds on a day. `papers` are kind and last
    day.
    """
    needed = {LICENCE, PREMISES} | ({REPAIR_LICENCE} if {SERVICE, BODY_REPAIR} & set(kinds) else set())
    holding = {kind for kind, last in papers if last is None or last >= today}
    return sorted(needed - holding)


def next_expiry(papers: Iterable[Paper], today: date) -> date | None:
    """Returns the last day of the next paper that ends, of those that have not ended yet."""
    return min((last for _, last in papers if last is not None and last >= today), default=None)
