"""Ties between people: the permission suite's fixtures find them tied already."""

from __future__ import annotations

from typing import Any


async def people(run: Any) -> None:
    """Ties a person to an organisation as its contact, with a title that is a marker."""
    cast, rpc, field = run.cast, "customer.v1.CustomerTieService/CreateCustomerTie", "tie.title"
    dealer = cast.row("dealer", "own").id
    works = {"kind": "CUSTOMER_KIND_ORGANISATION", "organisationName": "Works"}
    person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "A B"}}
    ids = [
        (await cast.post("oem.manager", f"/v1/customers?dealerId={dealer}", one))["customerId"]
        for one in (person, works)
    ]
    tie = {"kind": "TIE_KIND_CONTACT", "customerId": ids[0], "otherCustomerId": ids[1]}
    await cast.post("oem.manager", "/v1/customerTies", {**tie, "title": run.markers.text(f"{rpc} {field}")})
    run.accepted.add((rpc, field))
