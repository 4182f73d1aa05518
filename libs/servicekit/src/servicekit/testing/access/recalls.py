"""A recall of every car of the suite's world."""

from __future__ import annotations

from typing import Any

from servicekit.testing.access.registry import Row


async def make(cast: Any) -> None:
    """Makes and opens the recall; `cast` has the cars of all places, whose rows are told of it."""
    body = {"code": f"R-{cast.mark}", "title": "Brakes"}
    made = (await cast.post("oem.manager", "/v1/recalls", body))["recallId"]
    rule = {"make": "Marque", "models": ["One"]}
    await cast.post("oem.manager", f"/v1/recalls/{made}:addVehiclesByRule", rule)
    await cast.post("oem.manager", f"/v1/recalls/{made}:open", {})
    cast.rows["dealer:recall"] = {"own": Row("own", made, {"vin": cast.row("car", "maker").id})}
    for row in cast.rows["car"].values():
        row.facts["recall"] = made
