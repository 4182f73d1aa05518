"""Customers between rows and messages. A row keeps its whole message ready as `card`, so that a read copies bytes.

The card is what a caller who sees every kind of data gets. For others it is parsed and masked.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from google.type import date_pb2
from marque.customer.v1 import contact_point_pb2, customer_pb2, customer_service_pb2
from marque.options.v1 import options_pb2 as data
from marque.type.v1 import address_pb2, person_name_pb2
from servicekit.db.base import etag_of
from servicekit.masking import personal_fields, show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.times import stamp
from marque_customer.mapping.wire import varint
from marque_customer.rules import birth
from marque_customer.rules.kinds import ERASED

CLASSES = frozenset({data.DATA_CLASS_IDENTITY, data.DATA_CLASS_CONTACT, data.DATA_CLASS_PROFILE})
_TYPE = "customer"


class Wire:
    """An answer whose bytes stand ready; the server needs nothing else of it."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def SerializeToString(self) -> bytes:
        """Returns the bytes, as a message would."""
        return self._data


def card(
    row: Any, points: Iterable[Any], references: Iterable[Any], *, version: int, update_time: datetime
) -> customer_pb2.Customer:
    """Returns the whole message of a customer; the arguments have the columns of their tables."""
    message = customer_pb2.Customer(
        customer_id=str(row.customer_id),
        kind=row.kind,
        status=row.status,
        organisation_name=row.organisation_name,
        gender=row.gender,
        language=row.language,
        preferred_channel=row.preferred_channel,
        time_zone=row.time_zone,
        occupation=row.occupation,
        income_band=row.income_band,
        interests=row.interests,
        industry=row.industry,
        tags=row.tags,
        contact_points=[_contact_point(point) for point in points],
        addresses=[_address(item) for item in row.addresses],
        source_references=[
            customer_pb2.SourceReference(
                source=item.source, source_key=item.source_key, last_seen_time=stamp(item.last_seen_time)
            )
            for item in references
        ],
        create_time=stamp(row.create_time),
        update_time=stamp(update_time),
        etag=etag_of(version),
    )
    if row.merged_into:
        message.merged_into_customer_id = str(row.merged_into)
    if row.full_name:
        message.name.CopyFrom(
            person_name_pb2.PersonName(
                family_name=row.family_name,
                given_name=row.given_name,
                full_name=row.full_name,
                latin_name=row.latin_name,
            )
        )
    if row.birth_date:
        year, month, day = birth.parts(row.birth_date)
        message.birth_date.CopyFrom(date_pb2.Date(year=year, month=month, day=day))
    return message


def _contact_point(point: Any) -> contact_point_pb2.ContactPoint:
    return contact_point_pb2.ContactPoint(
        contact_point_id=str(point.contact_point_id),
        kind=point.kind,
        value=point.value,
        provider=point.provider,
        label=point.label,
        primary=point.is_primary,
        source=point.source,
        verify_time=stamp(point.verify_time) if point.verify_time else None,
        verification_method=point.verification_method,
        create_time=stamp(point.create_time),
        unreachable_time=stamp(point.unreachable_time) if point.unreachable_time else None,
        unreachable_reason=point.unreachable_reason,
        unreachable_source=point.unreachable_source,
    )


def _address(item: dict[str, Any]) -> customer_pb2.CustomerAddress:
    return customer_pb2.CustomerAddress(
        address=address_pb2.Address(**item["address"]),
        label=item["label"],
        primary=item["primary"],
        source=item["source"],
    )


def shown(call: Call, card: bytes) -> customer_pb2.Customer:
    """Returns the message of a card as a caller may see it, and notes for the audit what was shown."""
    message = customer_pb2.Customer.FromString(card)
    visible = visible_classes(call.principal.roles)
    if visible >= CLASSES:
        _saw(call, message.customer_id)
        return message
    masked: customer_pb2.Customer = show(call, message, _TYPE, message.customer_id, visible)
    return masked


def answer(call: Call, customer_id: uuid.UUID, card: bytes) -> Message | Wire:
    """Returns the answer of a read of one customer."""
    if visible_classes(call.principal.roles) >= CLASSES:
        _saw(call, str(customer_id))
        return Wire(card)
    return shown(call, card)


def _saw(call: Call, customer_id: str) -> None:
    if not call.principal.is_service:
        call.saw(_TYPE, customer_id, personal_fields(customer_pb2.Customer.DESCRIPTOR.full_name))


def page(call: Call, rows: Sequence[Any], next_page_token: str) -> Message | Wire:
    """Returns the answer of a list; `rows` have `customer_id` and `card`. For who sees all, cards are copied, not parsed."""
    if not visible_classes(call.principal.roles) >= CLASSES:
        return customer_service_pb2.ListCustomersResponse(
            customers=[shown(call, row["card"]) for row in rows], next_page_token=next_page_token
        )
    parts: list[bytes] = []
    noted, fields = not call.principal.is_service, personal_fields(customer_pb2.Customer.DESCRIPTOR.full_name)
    for row in rows:
        data = row["card"]
        if noted:
            call.saw(_TYPE, str(row["customer_id"]), fields)
        parts += (b"\x0a", varint(len(data)), data)  # field 1, length-delimited
    tail = customer_service_pb2.ListCustomersResponse(next_page_token=next_page_token)
    return Wire(b"".join((*parts, tail.SerializeToString())))


def batch(
    call: Call, asked: set[uuid.UUID], references: Sequence[tuple[str, str]], rows: Sequence[Any]
) -> customer_service_pb2.BatchGetCustomersResponse:
    """Returns the answer of a batch; `rows` have `asked, place, customer_id, status, card`, as `repository.reads.batch` gives them."""
    answer = customer_service_pb2.BatchGetCustomersResponse()
    found: dict[uuid.UUID, bytes] = {}
    missing = set(asked)
    for row in rows:
        if row["status"] == ERASED:
            continue
        found[row["customer_id"]] = row["card"]
        if row["place"]:
            source, key = references[row["place"] - 1]
            answer.source_matches.add(source=source, source_key=key, customer_id=str(row["customer_id"]))
            continue
        missing.discard(row["asked"])
        if row["asked"] != row["customer_id"]:
            answer.surviving_customer_ids[str(row["asked"])] = str(row["customer_id"])
    answer.customers.extend(shown(call, data) for data in found.values())
    answer.missing_customer_ids.extend(sorted(map(str, missing)))
    return answer
