"""Rows of other systems, as texts, read into columns of dealers and staff."""

from __future__ import annotations

import re
from typing import Any

from marque.network.v1 import dealer_pb2, network_import_service_pb2, staff_pb2

from marque_network.mapping.staff import office_faults, person_values
from marque_network.rules.hours import is_zone, zone_fault
from marque_network.rules.readings import LANGUAGE, Reader, Reading, items

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,31}")
_SCOPE_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,31}")
_CODE_TEXT = "Use capitals, digits and hyphens."
_PLACE = ("province", "city", "district", "postal_code")


def _words(enum: Any, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix).lower(): number for name, number in enum.items() if number}


_KINDS = _words(dealer_pb2.DealerKind, "DEALER_KIND_")
_CHANNELS = _words(dealer_pb2.ChannelType, "CHANNEL_TYPE_")
_DEALER_STATUS = _words(dealer_pb2.DealerStatus, "DEALER_STATUS_")
_STAFF_STATUS = _words(staff_pb2.StaffStatus, "STAFF_STATUS_")


def read_dealer(row: network_import_service_pb2.DealerImportRow) -> Reading:
    """Reads a dealer's row."""
    reader = Reader()
    country = row.country_code.strip().upper()
    if country and not re.fullmatch(r"[A-Z]{2}", country):
        reader.refuse("country_code", "COUNTRY_INVALID", "Give two letters (ISO 3166-1 alpha-2).")
    zone = row.time_zone.strip()
    if zone and not is_zone(zone):
        reader.wrong.append(zone_fault("time_zone"))
    values: dict[str, Any] = {
        "names": _names(reader, row),
        "kinds": reader.words("kinds", row.kinds, _KINDS),
        "channel_type": reader.word("channel_type", row.channel_type, _CHANNELS),
        "group_code": reader.pattern("group_code", row.group_code, _SCOPE_CODE, _CODE_TEXT),
        "region_code": reader.pattern("region_code", row.region_code, _SCOPE_CODE, _CODE_TEXT),
        "brands": items(row.brands),
        "address": _address(row, country),
        "phone": reader.phone("phone", row.phone, country),
        "email": reader.email("email", row.email),
        "time_zone": zone,
        "status": reader.word("status", row.status, _DEALER_STATUS),
        **_location(reader, row),
    }
    code = reader.pattern("code", row.code, _CODE, _CODE_TEXT)
    return Reading(row.row, code, _said(values), tuple(reader.wrong))


def _names(reader: Reader, row: network_import_service_pb2.DealerImportRow) -> dict[str, str]:
    found = {language: name.strip() for language, name in row.names.items() if name.strip()}
    if not all(LANGUAGE.fullmatch(language) for language in found):
        reader.refuse("names", "LANGUAGE_INVALID", "Give a language tag such as zh-CN.")
    return found


def _address(row: network_import_service_pb2.DealerImportRow, country: str) -> dict[str, Any]:
    parts = {name: getattr(row, name).strip() for name in _PLACE}
    line = row.address_line.strip()
    lines = [line[at : at + 200] for at in range(0, len(line), 200)]
    return _said({"country_code": country, **parts, "lines": lines})


def _location(reader: Reader, row: network_import_service_pb2.DealerImportRow) -> dict[str, float]:
    given = [row.HasField("latitude"), row.HasField("longitude")]
    if any(given) and not all(given):
        reader.refuse(
            "longitude" if given[0] else "latitude", "FIELD_REQUIRED", "A place needs latitude and longitude."
        )
    return {"latitude": row.latitude, "longitude": row.longitude} if all(given) else {}


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Only what a row says something about; a coordinate of zero says something."""
    return {name: value for name, value in values.items() if value or isinstance(value, float)}


def read_staff(row: network_import_service_pb2.StaffImportRow, country: str) -> Reading:
    """Reads a row of staff; telephone numbers as dialled in the employer's country."""
    reader = Reader()
    dealer_code = reader.pattern("dealer_code", row.dealer_code, _CODE, _CODE_TEXT)
    held = sorted(items(row.roles))
    reader.wrong += office_faults(held, at_dealer=bool(row.dealer_code.strip()), place="roles")
    person = person_values(row.family_name, row.given_name, row.full_name, row.latin_name)
    values: dict[str, Any] = {
        "subject": row.subject.strip(),
        "employee_number": row.employee_number.strip(),
        **(person if person["full_name"] else {"latin_name": person["latin_name"]}),
        "phone": reader.phone("phone", row.phone, country),
        "email": reader.email("email", row.email),
        "roles": held,
        "languages": reader.languages("languages", items(row.languages)),
        "region_code": reader.pattern("region_code", row.region_code, _SCOPE_CODE, _CODE_TEXT),
        "group_code": reader.pattern("group_code", row.group_code, _SCOPE_CODE, _CODE_TEXT),
        "status": reader.word("status", row.status, _STAFF_STATUS),
    }
    if not values["employee_number"]:
        reader.refuse("employee_number", "FIELD_REQUIRED", "A value is needed here.")
    key = f"{dealer_code}/{values['employee_number']}"
    return Reading(row.row, key, _said(values), tuple(reader.wrong), row.manager_employee_number.strip())
