"""The values that a template may show of what a message is about. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

VIN, MODEL, MODEL_YEAR, DUE_DATE, DAYS_LEFT, HOLDING_KIND = range(50, 56)
"""The numbers of marque.campaign.v1.PersonField."""


def values_of(row: Any, today: date) -> dict[int, str]:
    """Returns by field what is known of a run's car, date and contract; what is not known is not there."""
    found: dict[int, Any] = {
        VIN: row["vin"],
        MODEL: row["model"],
        MODEL_YEAR: row["model_year"],
        HOLDING_KIND: row["holding_kind"],
    }
    if (due := row["due_date"]) is not None:
        found[DUE_DATE] = due.isoformat()
        if due >= today:
            found[DAYS_LEFT] = (due - today).days
    return {field: str(value) for field, value in found.items() if value not in (None, "")}
