"""Cards and events of customers that an import makes by the thousand: the same messages as `customers.card` gives, put together from bytes.

Building the objects of a card takes five times as long as these lines; a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message
from google.type import date_pb2
from marque.customer.v1 import contact_point_pb2, customer_pb2
from marque.type.v1 import address_pb2, person_name_pb2
from servicekit.db.base import etag_of

from marque_customer.mapping.rows import ReadRow
from marque_customer.mapping.times import stamp
from marque_customer.mapping.wire import part, tag, text
from marque_customer.rules import birth
from marque_customer.rules.kinds import ACTIVE

_CUSTOMER, _POINT, _REFERENCE = customer_pb2.Customer, contact_point_pb2.ContactPoint, customer_pb2.SourceReference
_ID, _NAME, _POINTS = tag(_CUSTOMER, "customer_id"), tag(_CUSTOMER, "name"), tag(_CUSTOMER, "contact_points")
_ADDRESSES, _REFERENCES = tag(_CUSTOMER, "addresses"), tag(_CUSTOMER, "source_references")
_BIRTH = tag(_CUSTOMER, "birth_date")
_TEXTS = tuple(
    (name, tag(_CUSTOMER, name)) for name in ("organisation_name", "language", "time_zone", "occupation", "income_band")
)
_LISTS = tuple((name, tag(_CUSTOMER, name)) for name in ("interests", "tags"))
_PARTS_OF_NAME = tuple(
    (name, tag(person_name_pb2.PersonName, name)) for name in ("family_name", "given_name", "full_name", "latin_name")
)
_POINT_ID, _VALUE, _PROVIDER = (tag(_POINT, name) for name in ("contact_point_id", "value", "provider"))
_KEY = tag(_REFERENCE, "source_key")
_ADDRESS = tag(customer_pb2.CustomerAddress, "address")
_LINES = tag(address_pb2.Address, "lines")
_PARTS_OF_ADDRESS = tuple(
    (name, tag(address_pb2.Address, name)) for name in ("country_code", "province", "city", "district", "postal_code")
)


class Cards:
    """Cards of the customers that one source begins at one moment."""

    def __init__(self, source: str, moment: datetime) -> None:
        time = stamp(moment)
        self._heads: dict[tuple[int, int], bytes] = {}
        self._points: dict[int, bytes] = {}
        self._source = source
        self._moment = moment
        self._reference = _REFERENCE(source=source, last_seen_time=time).SerializeToString()
        self._tail = _CUSTOMER(status=ACTIVE, create_time=time, update_time=time, etag=etag_of(1)).SerializeToString()  # type: ignore[arg-type]

    def card(self, row: ReadRow, customer_id: str, point_ids: Sequence[str]) -> bytes:
        """Returns the card of the customer that a row begins; `point_ids` in the order of its contacts."""
        values = row.values
        get = values.get
        found = [_ID, b"$", customer_id.encode(), self._head(row.kind, get("gender", 0))]
        if get("full_name"):
            found.append(
                part(_NAME, b"".join([text(before, values[name]) for name, before in _PARTS_OF_NAME if get(name)]))
            )
        found += [text(before, values[name]) for name, before in _TEXTS if name in values]
        found += [part(before, item.encode()) for name, before in _LISTS if name in values for item in values[name]]
        for contact, point_id in zip(row.contacts, point_ids, strict=True):
            found.append(self._point(contact, point_id))
        found += [_address(item) for item in get("addresses", ())]
        if number := get("birth_date", 0):
            found.append(_birth(number))
        found += (part(_REFERENCES, self._reference + text(_KEY, row.key)), self._tail)
        return b"".join(found)

    def _head(self, kind: int, gender: int) -> bytes:
        head = self._heads.get((kind, gender))
        if head is None:
            head = self._heads[kind, gender] = _CUSTOMER(kind=kind, gender=gender).SerializeToString()  # type: ignore[arg-type]
        return head

    def _point(self, contact: Any, point_id: str) -> bytes:
        same = self._points.get(contact.kind)
        if same is None:
            same = self._points[contact.kind] = _POINT(
                kind=contact.kind, source=self._source, create_time=stamp(self._moment)
            ).SerializeToString()
        data = part(_POINT_ID, point_id.encode()) + same + text(_VALUE, contact.value)
        return part(_POINTS, data + text(_PROVIDER, contact.provider) if contact.provider else data)


@lru_cache(maxsize=16_384)
def _birth(number: int) -> bytes:
    year, month, day = birth.parts(number)
    return part(_BIRTH, date_pb2.Date(year=year, month=month, day=day).SerializeToString())


@lru_cache(maxsize=16)
def _around(label: str, primary: bool, source: str) -> bytes:
    return customer_pb2.CustomerAddress(label=label, primary=primary, source=source).SerializeToString()


def _address(item: dict[str, Any]) -> bytes:
    address = item["address"]
    found = [text(before, address[name]) for name, before in _PARTS_OF_ADDRESS if name in address]
    found += [text(_LINES, line) for line in address.get("lines", ())]
    around = _around(item["label"], item["primary"], item["source"])
    return part(_ADDRESSES, part(_ADDRESS, b"".join(found)) + around)


class EventForm:
    """Events that differ in ids of 36 characters only: the rest is written once."""

    def __init__(self, event: Message, *names: str) -> None:
        for name in names:
            setattr(event, name, "")
        self._rest = event.SerializeToString()
        self._tags = [tag(event, name) + b"$" for name in names]

    def payload(self, *ids: str) -> bytes:
        """Returns the event of some ids, in the order of the names."""
        return b"".join((*(before + one.encode() for before, one in zip(self._tags, ids, strict=True)), self._rest))
