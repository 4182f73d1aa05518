"""Facts of customers as messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import orjson
from google.type import date_pb2
from marque.customer.v1 import customer_facts_pb2, customer_pb2
from servicekit import fields

from marque_customer.rules import birth
from marque_customer.rules.consents import GRANTED


def facts(
    people: Sequence[Any], consents: Mapping[Any, Sequence[Any]], holdings: Mapping[Any, Sequence[Any]]
) -> customer_facts_pb2.BatchGetCustomerFactsResponse:
    """Returns the facts of customers; `consents` and `holdings` are by their ids."""
    answer = customer_facts_pb2.BatchGetCustomerFactsResponse()
    for row in people:
        key = row["customer_id"]
        one = answer.facts.add(
            customer_id=str(key),
            restricted=row["status"] == customer_pb2.CUSTOMER_STATUS_RESTRICTED,
            interests=row["interests"],
            currency_code=row["currency"],
            **{name: row[name] for name in ("kind", "language", "stage", "tier", "spend_minor", "time_zone")},
        )
        _, one.birth_month, one.birth_day = birth.parts(row["birth_date"])
        _set_address(one, orjson.loads(row["addresses"]))
        fields.set_moment(one, "last_activity_time", row["last_activity_time"])
        for entry in consents.get(key, ()):
            if entry["action"] == GRANTED:
                one.consents.add(purpose=entry["purpose"], channel=entry["channel"])
        for holding in holdings.get(key, ()):
            kept = one.holdings.add(holding_id=str(holding["holding_id"]), kind=holding["kind"], vin=holding["vin"])
            _set(kept.end_date, holding["end_date"])
            _set(kept.renewal_date, holding["renewal_date"])
    return answer


def _set_address(one: customer_facts_pb2.CustomerFacts, addresses: list[dict[str, Any]]) -> None:
    """Takes the primary address, else the first."""
    if addresses:
        address = next((item for item in addresses if item.get("primary")), addresses[0])["address"]
        one.country_code = address.get("country_code", "")
        one.province, one.city = address.get("province", ""), address.get("city", "")


def _set(field: date_pb2.Date, day: date | None) -> None:
    if day is not None:
        field.CopyFrom(date_pb2.Date(year=day.year, month=day.month, day=day.day))
