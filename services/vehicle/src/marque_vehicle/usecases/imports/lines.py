"""Reading the lines of an imported repair order, where operations and parts come as lists with one sum each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from marque.vehicle.v1 import repair_order_types_pb2

from marque_vehicle.rules.lines import Line
from marque_vehicle.usecases.imports.reading import Reading, codes

UNSPECIFIED = "UNSPECIFIED"  # the operation or part of a sum that names none
_QUANTITY = re.compile(r"[0-9]{1,6}([.][0-9]{1,3})?")
_TEXTS = [
    (name, attrgetter(name))
    for name in ("complaint", "complaint_code", "cause", "correction", "component_code", "technician_employee_number")
]


def read_lines(reading: Reading, rows: Iterable[Any], currency: str) -> list[Line]:
    """Returns lines as the table keeps them; what is wrong is noted with the reading."""
    return [_line(reading, row, currency, index) for index, row in enumerate(rows)]


def _line(reading: Reading, row: Any, currency: str, index: int) -> Line:
    path = f"lines[{index}]"
    line: Line = {"line_number": index + 1}
    line["pay_type"] = reading.word(
        f"{path}.pay_type", row.pay_type, repair_order_types_pb2.PayType, repair_order_types_pb2.PAY_TYPE_CUSTOMER
    )
    for name, read in _TEXTS:
        if value := read(row).strip():
            line[name] = value
    faults = codes(row.fault_codes)
    if faults:
        line["fault_codes"] = faults
        if any(len(code) > 16 for code in faults) or len(faults) > 50:
            reading.refuse(
                f"{path}.fault_codes", "FAULT_CODES_INVALID", "At most 50 fault codes of at most 16 characters."
            )
    labours = _labours(reading, row, currency, path)
    parts = _parts(reading, row, currency, path)
    if labours:
        line["labours"] = labours
    if parts:
        line["parts"] = parts
    return line


def _labours(reading: Reading, row: Any, currency: str, path: str) -> list[dict[str, Any]]:
    """The sum and the time of all operations stand at the first one."""
    amount = reading.amount(f"{path}.labour_amount", row.labour_amount, currency)
    operations = codes(row.operation_codes)
    found: list[dict[str, Any]] = [{"operation_code": code} for code in operations]
    if operations and max(map(len, operations)) > 32:
        reading.refuse(f"{path}.operation_codes", "CODE_TOO_LONG", "An operation has at most 32 characters.")
    if not found and (amount is not None or row.labour_minutes):
        found = [{"operation_code": UNSPECIFIED}]
    if found:
        if row.labour_minutes:
            found[0]["minutes"] = row.labour_minutes
        if amount is not None:
            found[0]["amount"] = amount
    return found


def _parts(reading: Reading, row: Any, currency: str, path: str) -> list[dict[str, Any]]:
    """The sum of all parts stands at the first one; a causal part that was not fitted is refused."""
    amount = reading.amount(f"{path}.parts_amount", row.parts_amount, currency)
    found: list[dict[str, Any]] = []
    for text in codes(row.part_numbers):
        number, _, quantity = text.partition("*")
        number, quantity = number.strip(), quantity.strip() or "1"
        if not number or len(number) > 50 or not _QUANTITY.fullmatch(quantity):
            reading.refuse(
                f"{path}.part_numbers",
                "PART_INVALID",
                "Give parts as `number` or `number*quantity`, parted by semicolons.",
            )
            return []
        found.append({"part_number": number, "quantity": quantity})
    if not found and amount is not None:
        found = [{"part_number": UNSPECIFIED, "quantity": "1"}]
    if found and amount is not None:
        found[0]["amount"] = amount
    causal = row.causal_part_number.strip()
    if causal:
        named = [one for one in found if one["part_number"] == causal]
        if not named:
            reading.refuse(
                f"{path}.causal_part_number",
                "CAUSAL_PART_NOT_FITTED",
                "The causal part is none of the parts of the line.",
            )
        else:
            named[0]["causal"] = True
    return found
