"""What each acknowledged write of the trade must have left: the thing itself with its content, and its effects elsewhere, each once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from servicekit.testing.crash.accounts import Figures
from servicekit.testing.crash.stack import Stack
from servicekit.testing.crash.trade import Ledger
from servicekit.testing.platform import until

# The table of each aggregate, its key, and the event that tells of its beginning.
_BORN = (
    ("network", "dealers", "dealer_id", "marque.network.v1.DealerChanged"),
    ("customer", "customers", "customer_id", "marque.customer.v1.CustomerCreated"),
    ("customer", "relations", "relation_id", "marque.customer.v1.RelationStarted"),
    ("customer", "interactions", "interaction_id", "marque.customer.v1.InteractionLogged"),
    ("vehicle", "vehicles", "vin", "marque.vehicle.v1.VehicleRegistered"),
    ("vehicle", "sales", "sale_id", "marque.vehicle.v1.SaleRecorded"),
    ("vehicle", "ownerships", "ownership_id", "marque.vehicle.v1.OwnershipStarted"),
    ("vehicle", "repair_orders", "repair_order_id", "marque.vehicle.v1.RepairOrderOpened"),
)


async def check_wholeness(stack: Stack) -> None:
    """Asserts that every thing has the event of its beginning and every such event its thing: no half of anything stands anywhere."""
    for service, table, key, kind in _BORN:
        rows = await stack.sql(service, f"SELECT DISTINCT {key}::text AS id FROM {table}")  # noqa: S608
        told = await stack.sql(
            service,
            "SELECT aggregate_id AS id, count(*) AS times FROM outbox_messages"
            " WHERE event_type = $1 AND aggregate_version = 1 GROUP BY 1",
            kind,
        )
        assert {row["id"] for row in rows} == {row["id"] for row in told}, f"{table} and {kind} differ"
        assert all(row["times"] == 1 for row in told), f"{kind} was said twice of one thing"


async def check_open(stack: Stack, ledger: Ledger) -> None:
    """Asserts that a write whose writer went away is there with its key and its answer, or that neither is there."""
    for write in ledger.open:
        keys = await stack.sql(write.owner, "SELECT answer FROM idempotency_keys WHERE request_id = $1", write.key)
        if write.rpc.endswith("/RecordSale"):
            number = write.request["sale"]["invoice_number"]
            rows = await stack.sql("vehicle", "SELECT 1 FROM sales WHERE invoice_number = $1", number)
        else:
            name = write.request["customer"]["name"]["full_name"]
            rows = await stack.sql("customer", "SELECT 1 FROM customers WHERE full_name = $1", name)
        assert len(rows) == len(keys) <= 1, f"{write.rpc} under {write.key} is half done"
        assert all(row["answer"] for row in keys), f"{write.rpc} under {write.key} has no answer kept"


async def check_content(stack: Stack, ledger: Ledger, figures: Figures) -> None:
    """Asserts that everything that was answered is there, as it was answered, and nothing else."""
    rows = await stack.sql(
        "customer", "SELECT customer_id::text AS id, full_name AS name, tags, version FROM customers"
    )
    stored = {row["id"]: {"name": row["name"], "tags": row["tags"], "version": row["version"]} for row in rows}
    imported = {id_: one for id_, one in stored.items() if one["name"].startswith("Import ")}
    assert {id_: one for id_, one in stored.items() if id_ not in imported} == ledger.customers
    assert len(imported) == len({one["name"] for one in imported.values()}) == sum(ledger.files.values())
    cars = await stack.sql("vehicle", "SELECT vin FROM vehicles")
    assert {row["vin"] for row in cars} == set(ledger.cars)
    sales = await stack.sql(
        "vehicle", "SELECT sale_id::text AS id, vin, buyer_customer_id::text AS customer FROM sales"
    )
    assert {row["id"]: {"vin": row["vin"], "customer": row["customer"]} for row in sales} == ledger.sales
    orders = await stack.sql(
        "vehicle",
        "SELECT repair_order_id::text AS id, customer_id::text AS customer, close_time IS NOT NULL AS closed FROM repair_orders",
    )
    assert {row["id"]: {"customer": row["customer"], "closed": row["closed"]} for row in orders} == ledger.visits
    await _check_consents(stack, ledger)
    await _check_imports(stack, ledger)
    figures.effects["customers imported"] += len(imported)


async def _check_consents(stack: Stack, ledger: Ledger) -> None:
    rows = await stack.sql(
        "customer",
        "SELECT customer_id::text AS customer, consent_entry_id::text AS id, action FROM consent_entries ORDER BY 1, sequence",
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["customer"], []).append((row["id"], "grant" if row["action"] == 1 else "withdraw"))
    assert found == ledger.consents


async def _check_imports(stack: Stack, ledger: Ledger) -> None:
    rows = await stack.sql(
        "customer",
        "SELECT import_id::text AS id, state, created, updated + unchanged + rejected AS other, next_row, rows_total,"
        " (SELECT count(*) FROM import_chunks c WHERE c.import_id = i.import_id) AS chunks FROM imports i",
    )
    found = {row["id"]: (row["state"], row["created"], row["other"], row["rows_total"], row["chunks"]) for row in rows}
    assert found == {import_id: ("SUCCEEDED", count, 0, count, 0) for import_id, count in ledger.files.items()}


async def check_effects(stack: Stack, ledger: Ledger, figures: Figures) -> None:
    """Asserts the effects of events in the other services, each once: time lines, relations, known cars and their plates, known dealers."""
    await _check_time_lines(stack, ledger, figures)
    await _check_cars(stack, figures)
    await _check_dealers(stack, ledger, figures)


async def _check_time_lines(stack: Stack, ledger: Ledger, figures: Figures) -> None:
    rows = await stack.sql(
        "customer",
        "SELECT customer_id::text AS customer, reference_id, subject_key, count(*) AS times FROM interactions GROUP BY 1, 2, 3",
    )
    found = Counter({(row["customer"], row["reference_id"], row["subject_key"]): row["times"] for row in rows})
    wanted = Counter((sale["customer"], sale_id, "sale.recorded") for sale_id, sale in ledger.sales.items())
    wanted.update((visit["customer"], id_, "repair_order.opened") for id_, visit in ledger.visits.items())
    wanted.update(
        (visit["customer"], id_, "repair_order.closed") for id_, visit in ledger.visits.items() if visit["closed"]
    )
    assert found == wanted, f"{len(wanted - found)} entries of time lines are missing, {len(found - wanted)} too many"
    relations = await stack.sql("customer", "SELECT customer_id, dealer_id, kind FROM relations")
    shown = await stack.sql("customer", "SELECT customer_id, dealer_id FROM dealer_customers")
    wants = await stack.sql(
        "vehicle",
        "SELECT buyer_customer_id AS customer_id, dealer_id FROM sales"
        " UNION SELECT customer_id, dealer_id FROM repair_orders",
    )
    pairs = {(row["customer_id"], row["dealer_id"]) for row in wants}
    assert {(row["customer_id"], row["dealer_id"]) for row in relations} == pairs
    assert Counter((row["customer_id"], row["dealer_id"]) for row in shown) == Counter(pairs)
    figures.effects.update({"time line": found.total(), "relations": len(relations)})


async def _check_cars(stack: Stack, figures: Figures) -> None:
    """Known cars are the ownerships of the vehicle service; their plates are asked for after the fact."""
    query = (
        "SELECT ownership_id, customer_id, vin, role, version, {start} AS start, {end} AS end FROM {table} ORDER BY 1"
    )
    known = query.format(table="known_cars", start="valid_start_time", end="valid_end_time")
    owned = query.format(table="ownerships", start="valid_from", end="valid_until")

    async def asked() -> bool:
        return not await stack.sql("customer", "SELECT 1 FROM known_cars WHERE plate_stale_time IS NOT NULL LIMIT 1")

    await until(asked, 90, "plates are not asked for")
    rows: list[Any] = [tuple(row) for row in await stack.sql("customer", known)]
    assert rows == [tuple(row) for row in await stack.sql("vehicle", owned)]
    figures.effects["known cars"] += len(rows)


async def _check_dealers(stack: Stack, ledger: Ledger, figures: Figures) -> None:
    query = "SELECT dealer_id, code, region_code, status, version FROM {} ORDER BY 1"
    told = [tuple(row) for row in await stack.sql("network", query.format("dealers"))]
    stored = {str(row[0]): {"code": row[1], "region": row[2], "version": row[4]} for row in told}
    assert stored == ledger.dealers
    for service in stack.services:
        known = [tuple(row) for row in await stack.sql(service, query.format("known_dealers"))]
        assert known == told, f"{service} knows other dealers than there are"
        figures.effects["known dealers"] += len(known)
