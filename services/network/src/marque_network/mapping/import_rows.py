"""Rows of other systems, as texts, read into columns of dealers and staff."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from marque.network.v1 import dealer_pb2, network_import_service_pb2, staff_pb2

from marque_network.mapping.staff import office_faults, person_values
from marque_network.rules.hours import is_zone, zone_fault
from marque_network.rules.readings import LANGUAGE, Reader, Reading, items

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,31}")
_SCOPE_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,31}")
_CODE_TEXT = "Use capitals, digits and hyphens."
_CAPACITY: tuple[Any, ...] = ("service_bays", "loan_cars", "service_cars_per_day", "handovers_per_day")
_TEAM = re.compile(r"[a-z][a-z0-9-]{0,49}")
_MOST_CAPACITY = 10_000
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
        "open_date": reader.date("open_date", row.open_date),
        **_location(reader, row),
    }
    code = reader.pattern("code", row.code, _CODE, _CODE_TEXT)
    capacity = {name: getattr(row, name) for name in _CAPACITY if row.HasField(name)}
    return Reading(row.row, code, {**_said(values), **capacity}, tuple(reader.wrong))


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
        **_abilities(reader, row),
    }
    if not values["employee_number"]:
        reader.refuse("employee_number", "FIELD_REQUIRED", "A value is needed here.")
    key = f"{dealer_code}/{values['employee_number']}"
    return Reading(row.row, key, _said(values), tuple(reader.wrong), row.manager_employee_number.strip())


def _abilities(reader: Reader, row: network_import_service_pb2.StaffImportRow) -> dict[str, Any]:
    """Reads what somebody can do, and since and until when they are there."""
    capacity = row.capacity.strip()
    if capacity and not (capacity.isascii() and capacity.isdigit() and int(capacity) <= _MOST_CAPACITY):
        reader.refuse("capacity", "NUMBER_INVALID", "Give a whole number from 0 to 10000.")
        capacity = ""
    team = row.team.strip().lower()
    if team and not _TEAM.fullmatch(team):
        reader.refuse("team", "CODE_INVALID", "Use small letters, digits and hyphens.")
    skills, certificates = _graded(reader, "skills", row.skills), _graded(reader, "certificates", row.certificates)
    for code, level in skills.items():
        if level and level not in "12345":
            reader.refuse("skills", "NUMBER_INVALID", f"The level of {code} must be 1 to 5.")
    ends = {code: _day(reader, "certificates", text) for code, text in certificates.items()}
    return {
        "title": row.title.strip(),
        "department": row.department.strip(),
        "team": team,
        "user_name": row.user_name.strip(),
        "capacity": int(capacity) if capacity else None,
        "employment_start_date": _day(reader, "employment_start_date", row.employment_start_date),
        "employment_end_date": _day(reader, "employment_end_date", row.employment_end_date),
        "skills": [
            {"code": code, "level": int(level) if level in tuple("12345") else 0} for code, level in skills.items()
        ],
        "certificates": [
            {"code": code, "issue": None, "expiry": day.isoformat() if day else None} for code, day in ends.items()
        ],
    }


def _graded(reader: Reader, place: str, text: str) -> dict[str, str]:
    """Reads a list of codes, each with what stands after its colon."""
    found = {}
    for item in items(text):
        code, _, rest = (part.strip() for part in item.lower().partition(":"))
        if _TEAM.fullmatch(code):
            found[code] = rest
        else:
            reader.refuse(place, "CODE_INVALID", "Use small letters, digits and hyphens.")
    return found


def _day(reader: Reader, place: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        reader.refuse(place, "DATE_INVALID", "Give a date as 2026-01-31.")
        return None
