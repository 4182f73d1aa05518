"""Between columns and messages: what a member of staff can do, may approve, and when they work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from google.type import date_pb2, money_pb2
from marque.network.v1 import calendar_pb2, staff_pb2
from servicekit.errors import FieldViolation

from marque_network.rules.hours import Hours, read_hours


def parts_values(message: staff_pb2.StaffMember) -> dict[str, Any]:
    """Returns the columns of the parts. Raises InvalidArgument for hours that make no sense."""
    week = [(int(day.day), [f"{one.start}-{one.end}" for one in day.intervals]) for day in message.week]
    hours: Hours = read_hours(time_zone="", week=week, holiday_country="", exceptions=(), prefix="staff")
    return {
        "skills": [{"code": found.code, "level": found.level} for found in message.skills],
        "certificates": [
            {"code": found.code, "issue": _iso(found, "issue_date"), "expiry": _iso(found, "expiry_date")}
            for found in message.certificates
        ],
        "approval_limits": [
            {
                "kind": found.kind,
                "currency": found.amount.currency_code,
                "units": found.amount.units,
                "nanos": found.amount.nanos,
            }
            for found in message.approval_limits
        ],
        "week": hours.week,
        "employment_start_date": _date(message, "employment_start_date"),
        "employment_end_date": _date(message, "employment_end_date"),
    }


def parts_faults(message: staff_pb2.StaffMember) -> Iterable[FieldViolation]:
    """Yields what is wrong with the parts: dates that are none, spans that end before they begin, codes named twice."""
    for name in ("employment_start_date", "employment_end_date"):
        yield from _date_faults(message, name, f"staff.{name}")
    start, end = (_date(message, name) for name in ("employment_start_date", "employment_end_date"))
    if start and end and end < start:
        yield FieldViolation("staff.employment_end_date", "DATES_REVERSED", "The employment ends before it begins.")
    for index, found in enumerate(message.certificates):
        place = f"staff.certificates[{index}]"
        yield from _date_faults(found, "issue_date", f"{place}.issue_date")
        yield from _date_faults(found, "expiry_date", f"{place}.expiry_date")
        issue, expiry = _date(found, "issue_date"), _date(found, "expiry_date")
        if issue and expiry and expiry < issue:
            yield FieldViolation(f"{place}.expiry_date", "DATES_REVERSED", "The certificate ends before it begins.")
    yield from _repeated("staff.skills", [found.code for found in message.skills])
    yield from _repeated("staff.certificates", [found.code for found in message.certificates])
    yield from _repeated("staff.approval_limits", [found.kind for found in message.approval_limits])


def add_parts(message: staff_pb2.StaffMember, row: Any) -> None:
    """Writes the parts of a row into its message."""
    message.skills.extend(staff_pb2.StaffSkill(**found) for found in row.skills)
    for found in row.certificates:
        certificate = message.certificates.add(code=found["code"])
        for name, text in (("issue_date", found["issue"]), ("expiry_date", found["expiry"])):
            if text:
                getattr(certificate, name).CopyFrom(date_message(date.fromisoformat(text)))
    for found in row.approval_limits:
        amount = money_pb2.Money(currency_code=found["currency"], units=found["units"], nanos=found["nanos"])
        message.approval_limits.add(kind=found["kind"], amount=amount)
    for day, intervals in sorted(row.week.items()):
        shown = [_interval(text) for text in intervals]
        message.week.add(day=int(day), intervals=shown)  # type: ignore[arg-type] # numbers of an enum
    for name in ("employment_start_date", "employment_end_date"):
        if getattr(row, name) is not None:
            getattr(message, name).CopyFrom(date_message(getattr(row, name)))


def date_message(day: date) -> date_pb2.Date:
    """Returns the message of a day."""
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def date_of(message: date_pb2.Date) -> date:
    """Returns the day of a message. Raises ValueError where it is none."""
    return date(message.year, message.month, message.day)


def _interval(text: str) -> calendar_pb2.WorkInterval:
    start, _, end = text.partition("-")
    return calendar_pb2.WorkInterval(start=start, end=end)


def _date(message: Any, name: str) -> date | None:
    try:
        return date_of(getattr(message, name)) if message.HasField(name) else None
    except ValueError:
        return None


def _iso(message: Any, name: str) -> str | None:
    found = _date(message, name)
    return found.isoformat() if found else None


def _date_faults(message: Any, name: str, place: str) -> Iterable[FieldViolation]:
    if message.HasField(name) and _date(message, name) is None:
        yield FieldViolation(place, "DATE_INVALID", "Give a whole date of the calendar.")


def _repeated(place: str, codes: Sequence[str]) -> Iterable[FieldViolation]:
    for index, code in enumerate(codes):
        if code in codes[:index]:
            yield FieldViolation(f"{place}[{index}]", "CODE_REPEATED", "Name each only once.")
