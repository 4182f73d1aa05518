"""Why a pair was found, feature by feature, heaviest first: what a clerk reads beside the two records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marque_customer.linking.compare import Feature
from marque_customer.rules import likeness

_NAMES = {"org_key": "ORGANISATION", "birth": "BIRTH_DATE"}
MOST = 12
LEAST_BITS = 0.05


def reasons(row: Mapping[str, Any], features: Sequence[Feature], others: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Returns `{"code", "weight"}` for each known feature of a row of `pairs`; `weight` in bits, against the pair where negative.

    `others` are the names of the columns without a role of their own, in their order.
    """
    found = []
    for feature in features:
        level, weight = int(row[f"g_{feature.name}"]), float(row[f"w_{feature.name}"])
        if level < 0 or abs(weight) < LEAST_BITS:
            continue
        name = feature.levels[len(feature.levels) - level].name if level else "different"
        subject, column = _NAMES.get(feature.name, feature.name), ""
        if feature.name.startswith("other_"):
            subject, column = "OTHER", others[int(feature.name.removeprefix("other_"))]
        code = likeness.code(name, subject, float(row[f"t_{feature.name}"]), column)
        found.append({"code": code, "weight": round(weight, 2)})
    return sorted(found, key=lambda reason: (-abs(reason["weight"]), reason["code"]))[:MOST]


def probability(weight: float) -> float:
    """Returns how likely a weight in bits makes a match, 0 to 1."""
    return 1.0 / (1.0 + 2.0 ** -min(max(weight, -60.0), 60.0))
