"""What imports of sales and repair orders look up before their transaction: dealers by code, customers by id or source key."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from servicekit.db.engine import Reader

from marque_vehicle.clients import Customers, DealerIds
from marque_vehicle.errors import CustomerNotFound
from marque_vehicle.repository import scope as scopes
from marque_vehicle.usecases.imports.reading import Reading

Dealers = dict[str, tuple[uuid.UUID, str]]


async def dealers_of(reader: Reader, scope: scopes.Scope, rows: Sequence[Any]) -> Dealers:
    """Returns (id, zone) by code of the dealers that rows name and for whom the caller may write."""
    found = await scopes.dealers_by_code(reader, sorted({row.dealer_code.strip() for row in rows}))
    return {code: dealer for code, dealer in found.items() if scope.everything or dealer[0] in scope.dealers}


def take_dealer(reading: Reading, code: str, dealers: Dealers) -> str:
    """Sets the dealer of a row; returns its zone."""
    found = dealers.get(code.strip())
    if found is None:
        reading.refuse("dealer_code", "DEALER_NOT_FOUND", "There is no dealer with this code, or it is not yours.")
        return ""
    reading.values["dealer_id"], zone = found
    return zone


async def take_customers(
    customers: Customers,
    dealer_ids: DealerIds,
    source: str,
    readings: Sequence[Reading],
    rows: Sequence[Any],
    column: str,
    *,
    required: bool,
) -> None:
    """Sets the customer of every row. Each is asked for once, whatever the number of rows."""
    ids = [reading.customer_id(row.customer_id) for reading, row in zip(readings, rows, strict=True)]
    keys = ["" if known else row.customer_source_key.strip() for known, row in zip(ids, rows, strict=True)]
    by_key = await customers.by_source_keys(source, filter(None, keys), dealer_ids) if any(keys) else {}
    known = await customers.existing(filter(None, ids), dealer_ids) if any(ids) else set()
    for reading, given, key in zip(readings, ids, keys, strict=True):
        found = given if given in known else by_key.get(key, "")
        reading.values[column] = uuid.UUID(found) if found else None
        if (given or key) and not found:
            field = "customer_id" if given else "customer_source_key"
            reading.refuse(field, "CUSTOMER_NOT_FOUND", CustomerNotFound.message)
        elif required and not found and not reading.violations:
            reading.refuse("customer_id", "CUSTOMER_MISSING", "Name the customer by id or by source key.")
