"""Rows of other systems, as texts, read into columns of targets and values of KPIs."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from marque.network.v1 import network_import_service_pb2 as pb

from marque_network.rules.periods import Span, read
from marque_network.rules.readings import Reader, Reading

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VALUE = re.compile(r"-?[0-9]{1,15}([.][0-9]{1,4})?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}([.][0-9]{1,12})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")


def read_target(row: pb.TargetImportRow) -> Reading:
    """Reads a row of a target; dealer and adviser stay texts, `dealer_code` and `employee_number`."""
    reader = Reader()
    currency = row.currency_code.strip().upper()
    if currency and not _CURRENCY.fullmatch(currency):
        reader.refuse("currency_code", "CURRENCY_INVALID", "Give three letters (ISO 4217).")
    value = row.value.strip()
    if not _VALUE.fullmatch(value):
        reader.refuse("value", "NUMBER_INVALID", "Give a decimal number with at most four places.")
    values = {
        "dealer_code": row.dealer_code.strip().upper(),
        "employee_number": row.employee_number.strip(),
        "measure": _measure(reader, "measure", row.measure),
        **_period(reader, row.period)._asdict(),
        "value": Decimal(value) if not reader.wrong else Decimal(0),
        "currency_code": currency,
    }
    return _reading(row.row, values, ("dealer_code", "employee_number", "measure"), row.period, reader)


def read_kpi_value(row: pb.KpiValueImportRow, source: str) -> Reading:
    """Reads a row of a value; the dealer stays a text, `dealer_code`. `source` is that of the import."""
    reader = Reader()
    text = row.value.strip()
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        reader.refuse("value", "NUMBER_INVALID", "Give a decimal number.")
    values = {
        "dealer_code": row.dealer_code.strip().upper(),
        "kpi_code": _measure(reader, "kpi_code", row.kpi_code),
        **_period(reader, row.period)._asdict(),
        "value": float(text) if not reader.wrong else 0.0,
        "source": row.source.strip() or source,
    }
    return _reading(row.row, values, ("dealer_code", "kpi_code"), row.period, reader)


def _measure(reader: Reader, place: str, text: str) -> str:
    plain = text.strip().lower()
    if not _CODE.fullmatch(plain):
        reader.refuse(place, "CODE_INVALID", "Use small letters, digits and underscores.")
    return plain


def _period(reader: Reader, text: str) -> Span:
    found = read(text)
    if found is None:
        reader.refuse("period", "PERIOD_INVALID", "Give 2026, 2026-Q3 or 2026-07.")
    return found or Span(2000, 0, 0)


def _reading(number: int, values: dict[str, Any], names: tuple[str, ...], period: str, reader: Reader) -> Reading:
    key = "/".join((*(values[name] for name in names), period.strip()))
    return Reading(number, key, values, tuple(reader.wrong))
