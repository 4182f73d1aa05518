"""A case at every place of the world: of the customer there, answered for by the dealer there, the maker's own by nobody."""

from __future__ import annotations

from typing import Any

from servicekit.testing.access.registry import Row

_PLACES = ("own", "desk", "group", "region", "other", "maker")


async def make(cast: Any) -> None:
    """Makes the rows; `cast` has the dealers and customers of all places."""
    dealers = cast.rows["dealer"]
    for place in _PLACES:
        word = f"squeal{cast.mark}"
        case = {"kind": "CASE_KIND_COMPLAINT", "customerId": cast.row("customer", place).id}
        if place != "maker":
            case["dealerId"] = dealers[place if place in dealers else "own"].id
        body = {"case": case, "description": f"It makes a {word} noise.", "subject": "Noise"}
        made = await cast.post("oem.manager", "/v1/cases", body)
        facts = {"word": word, "code": made["trackingCode"]}
        cast.rows.setdefault("case", {})[place] = Row(place, made["caseId"], facts)
    cast.rows["tracked case"] = cast.rows["case"]
