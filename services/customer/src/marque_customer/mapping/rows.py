"""Rows of an import as columns: read, normalised, checked; each fault is told with its field and never with the value."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from marque.customer.v1 import customer_import_service_pb2, customer_pb2
from servicekit.errors import FieldViolation
from tradekit import names

from marque_customer.mapping.profiles import zones
from marque_customer.rules import birth, contacts, documents
from marque_customer.rules.kinds import EMAIL, MESSAGING, ORGANISATION, PERSON, PHONE
from marque_customer.rules.records import CONTACTS

Row = customer_import_service_pb2.CustomerImportRow
_GENDERS = {
    "": 0,
    **dict.fromkeys(("female", "f", "女"), customer_pb2.GENDER_FEMALE),
    **dict.fromkeys(("male", "m", "男"), customer_pb2.GENDER_MALE),
    "other": customer_pb2.GENDER_OTHER,
    "undisclosed": customer_pb2.GENDER_UNDISCLOSED,
}
_CONTACTS = (("phone", PHONE), ("second_phone", PHONE), ("email", EMAIL))
_PLAIN = ("language", "occupation", "income_band")
_ADDRESS = ("province", "city", "district", "postal_code")
# Places, tags and occupations repeat in a file; folding Han text takes longer than remembering it.
_tidy = lru_cache(maxsize=8192)(names.tidy)
_MOST_LABELS, _LONGEST_LABEL = 50, 50


@dataclass(slots=True)
class ReadRow:
    """What a row says: `values` only for what it gives, so that an update leaves the rest. `digest` is of the row as sent."""

    row: int
    key: str
    digest: bytes
    dealer_code: str
    kind: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    contacts: list[contacts.Contact] = field(default_factory=list)
    faults: list[FieldViolation] = field(default_factory=list)

    @property
    def said(self) -> dict[str, Any]:
        """What the row says, as a source record keeps it."""
        if not self.contacts:
            return self.values
        return {**self.values, CONTACTS: [(point.kind, point.value, point.provider) for point in self.contacts]}


def read(message: Any, today: date) -> ReadRow:
    """Reads a row; what is wrong with it stands in `faults`."""
    found = ReadRow(message.row, message.source_key, _digest(message), message.dealer_code)
    _read_name(message, found)
    _read_contacts(message, found)
    _read_address(message, found)
    values = found.values
    for name in _PLAIN:
        if text := getattr(message, name):
            values[name] = _tidy(text)
    for name in ("interests", "tags"):
        if text := getattr(message, name):
            values[name] = _labels(text, name, found)
    if message.time_zone:
        values["time_zone"] = message.time_zone
        if message.time_zone not in zones():
            _fault(found, "time_zone", "TIME_ZONE_UNKNOWN", "There is no zone of this name.")
    if message.birth_date:
        try:
            values["birth_date"] = birth.from_text(message.birth_date, today)
        except ValueError:
            _fault(found, "birth_date", "BIRTH_DATE_INVALID", "Give YYYY-MM-DD or --MM-DD, from 1900 until today.")
    if message.gender:
        gender = _GENDERS.get(message.gender.strip().lower())
        if gender is None:
            _fault(found, "gender", "GENDER_UNKNOWN", "Give female, male, other or undisclosed.")
        else:
            values["gender"] = gender
    return found


def _digest(message: Any) -> bytes:
    """The digest of a row without its number; the wire format of one library version is stable for equal messages."""
    number, message.row = message.row, 0
    data = message.SerializeToString(deterministic=True)
    message.row = number
    return hashlib.blake2b(data, digest_size=16).digest()


def _fault(found: ReadRow, name: str, reason: str, description: str) -> None:
    found.faults.append(FieldViolation(name, reason, description))


def _read_name(message: Any, found: ReadRow) -> None:
    family, given, full = message.family_name, message.given_name, message.full_name
    organisation = _tidy(message.organisation_name)
    person = bool(family or given or full)
    found.kind = (
        ORGANISATION if message.kind == "organisation" or (not message.kind and not person and organisation) else PERSON
    )
    if person:
        family, given = _tidy(family), _tidy(given)
        full = _tidy(full) or documents.composed(family, given, "")
        found.values.update(family_name=family, given_name=given, full_name=full)
    if message.latin_name:
        found.values["latin_name"] = _tidy(message.latin_name)
    if organisation:
        found.values["organisation_name"] = organisation
    if found.kind == PERSON and not found.values.get("full_name"):
        _fault(found, "full_name", "NAME_MISSING", "A person needs a name.")
    if found.kind == ORGANISATION and not organisation:
        _fault(found, "organisation_name", "NAME_MISSING", "An organisation needs a name.")


def _read_contacts(message: Any, found: ReadRow) -> None:
    region = message.country_code.upper()
    known: dict[tuple[int, str], contacts.Contact] = {}
    for name, kind in _CONTACTS:
        if text := getattr(message, name):
            try:
                contact = contacts.normalise(kind, text, region=region)
            except contacts.ContactError as error:
                _fault(found, name, "CONTACT_POINT_INVALID", str(error))
            else:
                known[kind, contact.match_key] = contact
    if message.messaging_id:
        try:
            contact = contacts.normalise(MESSAGING, message.messaging_id, message.messaging_provider)
        except contacts.ContactError as error:
            name = "messaging_provider" if error.field == "provider" else "messaging_id"
            _fault(found, name, "CONTACT_POINT_INVALID", str(error))
        else:
            known[MESSAGING, contact.match_key] = contact
    found.contacts = list(known.values())


def _read_address(message: Any, found: ReadRow) -> None:
    country = message.country_code.upper()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        _fault(found, "country_code", "COUNTRY_INVALID", "Give the country by its two letters (ISO 3166-1).")
        return
    address: dict[str, Any] = {name: text for name in _ADDRESS if (text := _tidy(getattr(message, name)))}
    if line := _tidy(message.address_line):
        # The contract keeps lines of at most 200 characters.
        address["lines"] = [line[start : start + 200] for start in range(0, len(line), 200)]
    if address:
        if country:
            address["country_code"] = country
        found.values["addresses"] = [{"address": address, "label": "", "primary": True, "source": ""}]


def _labels(text: str, name: str, found: ReadRow) -> list[str]:
    labels = [label for label in dict.fromkeys(map(_tidy, text.replace("；", ";").split(";"))) if label]
    if len(labels) > _MOST_LABELS or any(len(label) > _LONGEST_LABEL for label in labels):
        _fault(found, name, "LIST_TOO_LONG", f"At most {_MOST_LABELS} entries of {_LONGEST_LABEL} characters.")
    return labels
