"""What a request says of a customer, as columns; every fault is named with its field, all at once."""

from __future__ import annotations

import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from google.protobuf.json_format import MessageToDict
from marque.customer.v1 import contact_point_pb2, customer_pb2
from servicekit.errors import FieldViolation, InvalidArgument
from tradekit import names

from marque_customer.rules import birth, contacts, documents
from marque_customer.rules.kinds import ORGANISATION, PERSON

_LIST_FIELDS = ("interests", "tags")
_PLAIN = ("gender", "language", "preferred_channel", "occupation", "income_band", "industry")
_NAME_COLUMNS = ("family_name", "given_name", "full_name", "latin_name")
WRITABLE = (*_PLAIN, *_LIST_FIELDS, "name", "organisation_name", "addresses", "birth_date", "time_zone")
REFERENCES = "source_references"
# A resource is read, changed and sent back whole: what only the platform writes is then passed over, as AIP-203 has it.
_IGNORED = frozenset(
    {"customer_id", "kind", "status", "merged_into_customer_id", "create_time", "update_time", "etag", "masked_fields"}
    | {"possible_duplicates"}
)


@cache
def zones() -> frozenset[str]:
    """Returns the names of all zones that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


class Faults:
    """Collects what is wrong with a request and raises it at once."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, reason: str, description: str) -> None:
        """Notes a fault."""
        self._found.append(FieldViolation(field, reason, description))

    def check(self) -> None:
        """Raises InvalidArgument where there is any."""
        if self._found:
            raise InvalidArgument(violations=self._found)


def customer_id_of(message: customer_pb2.Customer) -> uuid.UUID:
    """Reads the id of a customer to change, which the contract's rules leave open because creation takes the same message."""
    try:
        return uuid.UUID(message.customer_id)
    except ValueError:
        raise InvalidArgument.of("customer.customer_id", "STRING_UUID", "Give a UUID.") from None


def new_values(message: customer_pb2.Customer) -> tuple[dict[str, Any], list[tuple[contacts.Contact, Any]]]:
    """Returns the columns of a new customer and its contact points beside their messages. Raises InvalidArgument."""
    faults = Faults()
    values = _columns(message, WRITABLE, faults)
    _check_name(message.kind, values, faults)
    region = message.addresses[0].address.country_code if message.addresses else ""
    found = contact_list(message.contact_points, region, faults)
    faults.check()
    return {"kind": message.kind, **values}, found


def contact_list(
    messages: Iterable[contact_point_pb2.ContactPoint],
    region: str,
    faults: Faults,
    prefix: str = "customer.contact_points",
) -> list[tuple[contacts.Contact, Any]]:
    """Returns contact points normalised, each once, beside their messages."""
    found: dict[tuple[int, str], tuple[contacts.Contact, Any]] = {}
    for index, message in enumerate(messages):
        try:
            contact = contacts.normalise(message.kind, message.value, message.provider, region)
        except contacts.ContactError as error:
            faults.add(f"{prefix}[{index}].{error.field}", "CONTACT_POINT_INVALID", str(error))
        else:
            found.setdefault((contact.kind, contact.match_key), (contact, message))
    return list(found.values())


def one_contact(message: contact_point_pb2.ContactPoint, region: str) -> contacts.Contact:
    """Returns one contact point normalised. Raises InvalidArgument."""
    try:
        return contacts.normalise(message.kind, message.value, message.provider, region)
    except contacts.ContactError as error:
        raise InvalidArgument.of(f"contact_point.{error.field}", "CONTACT_POINT_INVALID", str(error)) from None


def changed_paths(message: customer_pb2.Customer, mask: Iterable[str]) -> list[str]:
    """Returns the top-level fields that an update changes. Raises InvalidArgument for fields that cannot be written."""
    faults = Faults()
    named = list(mask)
    present = [field.name for field, _ in message.ListFields() if field.name not in _IGNORED]
    paths = list(dict.fromkeys(path.split(".")[0] for path in named)) if named else present
    for path in named or present:
        top, _, below = path.partition(".")
        if top not in customer_pb2.Customer.DESCRIPTOR.fields_by_name:
            faults.add("update_mask", "FIELD_UNKNOWN", f"A customer has no field {path[:100]!r}.")
        elif top not in WRITABLE and top != REFERENCES:
            faults.add(f"customer.{top}", "FIELD_NOT_WRITABLE", "This field is not changed by an update.")
        elif below and not (top == "name" and below in _NAME_COLUMNS):
            faults.add("update_mask", "FIELD_UNKNOWN", f"{path[:100]!r} cannot be changed by itself.")
    faults.check()
    return paths


def refuse_unsaid(verified: Iterable[str], paths: Iterable[str]) -> None:
    """Raises InvalidArgument where a field is said to be verified that the update does not change."""
    faults = Faults()
    for name in sorted(set(verified) - set(paths)):
        faults.add(
            "verified_fields", "FIELD_NOT_SAID", f"The update says nothing of {name}; nothing of it was verified."
        )
    faults.check()


def update_values(message: customer_pb2.Customer, paths: list[str], mask: Iterable[str], row: Any) -> dict[str, Any]:
    """Returns the columns that an update sets on a row. Raises InvalidArgument."""
    faults = Faults()
    values = _columns(message, [path for path in paths if path != REFERENCES], faults)
    single = {path.removeprefix("name.") for path in mask if path.startswith("name.")}
    if single and "name" not in set(mask):
        kept = {name: getattr(row, name) for name in _NAME_COLUMNS if name not in single}
        if single & {"family_name", "given_name"} and "full_name" not in single:
            kept.pop("full_name")  # composed anew from the parts
        merged = {name: names.tidy(getattr(message.name, name)) for name in single} | kept
        values.update(merged, full_name=_full(merged))
    _check_name(row.kind, {name: getattr(row, name) for name in ("full_name", "organisation_name")} | values, faults)
    faults.check()
    return values


def _columns(message: customer_pb2.Customer, fields: Iterable[str], faults: Faults) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in fields:
        if field in _PLAIN:
            values[field] = getattr(message, field)
        elif field in _LIST_FIELDS:
            values[field] = list(dict.fromkeys(map(names.tidy, getattr(message, field))))
        else:
            _READERS[field](message, values, faults)
    return values


def _name(message: customer_pb2.Customer, values: dict[str, Any], _: Faults) -> None:
    found = {name: names.tidy(getattr(message.name, name)) for name in _NAME_COLUMNS}
    values.update(found, full_name=_full(found))


def _full(parts: dict[str, str]) -> str:
    return documents.composed(parts.get("family_name", ""), parts.get("given_name", ""), parts.get("full_name", ""))


def _organisation(message: customer_pb2.Customer, values: dict[str, Any], _: Faults) -> None:
    values["organisation_name"] = names.tidy(message.organisation_name)


def _addresses(message: customer_pb2.Customer, values: dict[str, Any], faults: Faults) -> None:
    values["addresses"] = [
        {
            "address": MessageToDict(item.address, preserving_proto_field_name=True),
            "label": item.label,
            "primary": item.primary,
            "source": item.source,
        }
        for item in message.addresses
    ]
    if sum(item.primary for item in message.addresses) > 1:
        faults.add("customer.addresses", "PRIMARY_NOT_UNIQUE", "At most one address is the primary one.")


def _birth_date(message: customer_pb2.Customer, values: dict[str, Any], faults: Faults) -> None:
    values["birth_date"] = 0
    if message.HasField("birth_date"):
        given = message.birth_date
        try:
            values["birth_date"] = birth.number(given.year, given.month, given.day, datetime.now(UTC).date())
        except (ValueError, OverflowError):
            faults.add("customer.birth_date", "BIRTH_DATE_INVALID", "Give a calendar day from 1900 until today.")


def _time_zone(message: customer_pb2.Customer, values: dict[str, Any], faults: Faults) -> None:
    values["time_zone"] = message.time_zone
    if message.time_zone and message.time_zone not in zones():
        faults.add(
            "customer.time_zone", "TIME_ZONE_UNKNOWN", "Give a zone by its IANA name, for example Asia/Shanghai."
        )


def _check_name(kind: int, values: dict[str, Any], faults: Faults) -> None:
    if kind == PERSON and not values["full_name"]:
        faults.add("customer.name", "NAME_MISSING", "A person needs a name.")
    if kind == ORGANISATION and not values["organisation_name"]:
        faults.add("customer.organisation_name", "NAME_MISSING", "An organisation needs a name.")


_READERS: dict[str, Callable[[customer_pb2.Customer, dict[str, Any], Faults], None]] = {
    "name": _name,
    "organisation_name": _organisation,
    "addresses": _addresses,
    "birth_date": _birth_date,
    "time_zone": _time_zone,
}
