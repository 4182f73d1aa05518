"""A lead, its person and a task at every dealer of the world. They are seen by whoever sees the hours of the dealer (`rows.TABLE`)."""

from __future__ import annotations

import asyncio
from typing import Any

from servicekit.testing.access.registry import Row


async def make(cast: Any, places: Any) -> None:
    """Makes the rows; `cast` has the dealers of all places."""
    await asyncio.gather(*(_at(cast, place, number) for number, place in enumerate(places)))


async def _at(cast: Any, place: str, number: int) -> None:
    dealer = cast.row("dealer", place)
    name = f"线索{'甲乙丙丁'[number]}{cast.mark}"
    person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": name}}
    made = await cast.post("oem.agent", f"/v1/customers?dealerId={dealer.id}", person)
    dealer.facts["person"] = made["customerId"]
    wish = {"customerId": made["customerId"], "source": "LEAD_SOURCE_CALL", "comments": "Asked"}
    lead = await cast.post("oem.manager", f"/v1/leads?dealerId={dealer.id}", wish)
    promise = {"kind": "LEAD_PROMISE_KIND_GIFT", "text": "Mats"}
    promised = await cast.post("oem.manager", f"/v1/leads/{lead['leadId']}/promises", promise)
    facts = {"dealer": dealer.id, "name": name, "promise": promised["promiseId"], "person": made["customerId"]}
    cast.rows.setdefault("calendar:lead", {})[place] = Row(place, lead["leadId"], facts)
    task = {"kind": "TASK_KIND_CALL", "title": "Call", "dealerId": dealer.id, "dueTime": "2090-01-01T00:00:00Z"}
    given = await cast.post("oem.manager", "/v1/tasks", task)
    cast.rows.setdefault("calendar:task", {})[place] = Row(place, given["taskId"], {"dealer": dealer.id})
