"""How the parts of customers that are merged are shown as one customer's."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any


def shown_points(points: Sequence[Any], own: uuid.UUID) -> list[Any]:
    """Returns the contact points of a customer and of those merged into it, each once: a verified one goes before others, the survivor's
    before those of the merged. Of several that are first of their kind the survivor's stays so.
    """
    if all(point.customer_id == own for point in points):
        return list(points)
    chosen: dict[tuple[int, str], Any] = {}
    for point in sorted(points, key=lambda one: (one.verify_time is None, one.customer_id != own)):
        chosen.setdefault((point.kind, point.match_key), point)
    taken = {point.kind for point in points if point.is_primary and point.customer_id == own}
    found = []
    for point in points:
        if chosen[point.kind, point.match_key] is not point:
            continue
        if point.is_primary and point.customer_id != own:
            if point.kind in taken:
                point = _Second(point)
            else:
                taken.add(point.kind)
        found.append(point)
    return found


class _Second:
    """A contact point that is not the first of its kind here, though it is for the customer that is merged."""

    is_primary = False

    def __init__(self, point: Any) -> None:
        self._point = point

    def __getattr__(self, name: str) -> Any:
        return getattr(self._point, name)
