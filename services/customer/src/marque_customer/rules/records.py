"""Source records: what one source said of a customer, as it is kept, and the statements in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from marque_customer.rules.survivorship import DEFAULTS, RULES, UNIT_OF, Statement, best

CONTACTS = "contact_points"


def units_in(columns: Iterable[str]) -> set[str]:
    """Returns the units to which columns belong."""
    return {UNIT_OF[column] for column in columns if column in UNIT_OF}


def statements(record: Any, member: int = 0) -> list[Statement]:
    """Returns what a record says; `member` is the place of its customer among those that are merged."""
    found = []
    for unit in sorted(units_in(record.said)):
        time, actor = said_when(record, unit)
        values = {column: record.said[column] for column in RULES[unit].columns if column in record.said}
        found.append(Statement(unit, values, record.origin, time, unit in record.verified, member, record, actor))
    return found


def said_when(record: Any, unit: str) -> tuple[datetime, str]:
    """Returns when, and by whom, a unit of a record was said."""
    if unit in record.older:
        time, actor = record.older[unit]
        return datetime.fromisoformat(time), actor
    return record.last_time, record.actor


def told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of the units of which anything is said: what is left empty when a customer is begun was not said."""
    said = {UNIT_OF[column] for column, value in values.items() if column in UNIT_OF and value != DEFAULTS[column]}
    return {column: value for column, value in values.items() if UNIT_OF.get(column) in said}


def restate(
    record: Any,
    values: Mapping[str, Any],
    *,
    moment: datetime,
    actor: str,
    verified: Iterable[str] = (),
    contacts: Iterable[list[Any]] = (),
) -> None:
    """Lets a record say other values; what it says besides keeps its time. A value that is only repeated stays verified."""
    fresh, older = units_in(values), dict(record.older)
    for unit in units_in(record.said) - fresh:
        older.setdefault(unit, [record.last_time.isoformat(), record.actor])
    same = {
        unit for unit in fresh if all(record.said.get(column) == values.get(column) for column in RULES[unit].columns)
    }
    kept = [unit for unit in record.verified if unit not in fresh or unit in same]
    said = {**record.said, **values}
    points = [*record.said.get(CONTACTS, ())]
    points += [point for point in contacts if point not in points]
    if points:
        said[CONTACTS] = points
    record.said = said
    record.older = {unit: known for unit, known in older.items() if unit not in fresh}
    record.verified = sorted({*kept, *verified})
    record.last_time, record.actor = moment, actor


def missing(row: Any, said: Iterable[Statement]) -> dict[str, Any]:
    """Returns the columns of a customer of which nobody is known to have said anything: what was there before statements were kept."""
    known = {statement.unit for statement in said}
    return {
        column: getattr(row, column)
        for column, unit in UNIT_OF.items()
        if unit not in known and any(getattr(row, name) != DEFAULTS[name] for name in RULES[unit].columns)
    }


def split_list(unit: str, wanted: list[Any], said: Iterable[Statement], members: int) -> list[list[Any]]:
    """Returns what each of several merged customers keeps of a list that is set as a whole: entries stay with those who had them, new
    ones go to the survivor, and what is left out goes from all.
    """
    (column,) = RULES[unit].columns
    known = list(said)
    had = []
    for member in range(members):
        found = best(unit, [one for one in known if one.member == member])
        had.append(list(found.values[column]) if found is not None else [])
    places = [_place(item) for item in wanted]
    others = [_place(item) for entries in had[1:] for item in entries if _place(item) in places]
    mine = [item for item in wanted if _place(item) not in others or _place(item) in map(_place, had[0])]
    return [mine, *([item for item in entries if _place(item) in places] for entries in had[1:])]


def _place(item: Any) -> Any:
    return item["address"] if isinstance(item, dict) else item
