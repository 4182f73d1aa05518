"""Kinds of imports for the suites: a good row of each, and values that spoil one. A kind joins by one fixture in `KINDS`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from servicekit.testing.access.cast import Cast
from servicekit.testing.month_rows import SPENT_BAD, TARGET_BAD, spent, target
from servicekit.testing.order_rows import CHANNEL_BAD, PLANT_BAD, channel_day, plant_said
from servicekit.testing.world import new_vin

Row = dict[str, str]
FORMULA = '=HYPERLINK("http://evil.example";"总价")'


@dataclass(frozen=True)
class Kind:
    """A kind of import: a good row by number (the first is told apart by `mark`), and values that spoil one: (column, value) → reason."""

    service: str
    good: Callable[[Cast, str, int], Row]
    bad: dict[tuple[str, str], str]
    text: str
    """A column of free text, which takes any writing; empty where a kind has none."""
    key: str
    """A column without which there is no row."""
    path: dict[str, str]
    """Where the fault of a column is told, if not under the column's own name."""


def _phone(start: str, mark: str, number: int) -> str:
    """A mobile number of nobody else's: two desks with one number would find each other's people."""
    return f"+86{start}{int(mark, 16) % 1_000_000:06}{number % 100:02}"


def _customer(cast: Cast, mark: str, number: int) -> Row:
    return {
        "source_key": f"{mark}-{number}",
        "full_name": f"诸葛{'甲乙丙丁'[number % 4]}",
        "phone": _phone("139", mark, number),
        "birth_date": "1990-05-01",
        "email": f"a{number}.{mark}@example.com",
        "dealer_code": cast.row("dealer", "own")["code"],
        "tags": "贵宾",
    }


def _dealer(cast: Cast, mark: str, number: int) -> Row:
    return {
        "code": f"I{mark}-{number}".upper(),
        "name_zh_cn": f"经销商{number}",
        "kinds": "sales",
        "time_zone": "Asia/Shanghai",
        "phone": "02162345678",
        "country_code": "CN",
        "latitude": "31.2",
        "longitude": "121.5",
    }


def _staff(cast: Cast, mark: str, number: int) -> Row:
    return {
        "employee_number": f"{mark}-{number}",
        "full_name": f"王{'甲乙丙丁'[number % 4]}",
        "roles": "dealer.sales",
        "dealer_code": cast.row("dealer", "own")["code"],
        "phone": "13800138000",
    }


def _vehicle(cast: Cast, mark: str, number: int) -> Row:
    return {
        "vin": new_vin(),
        "make": "Marque",
        "model": "一号",
        "market": "US",
        "build_date": "2024-05-01",
        "model_year": "2024",
    }


def _sale(cast: Cast, mark: str, number: int) -> Row:
    return {
        "dealer_code": cast.row("dealer", "own")["code"],
        "invoice_number": f"{mark}-{number}",
        "vin": new_vin(),
        "customer_id": cast.row("customer", "own").id,
        "invoice_date": "2025-02-03",
        "currency_code": "CNY",
        "price": "150000.50",
        "use": "private",
    }


def _order(cast: Cast, mark: str, number: int) -> Row:
    return {
        "dealer_code": cast.row("dealer", "own")["code"],
        "number": f"{mark}-{number}",
        "vin": cast.row("car", "own").id,
        "customer_id": cast.row("customer", "own").id,
        "open_time": "2025-03-31T09:00:00",
        "odometer_in_km": "1000",
        "currency_code": "CNY",
        "complaint": "异响",
        "pay_type": "customer",
        "labour_amount": "120.10",
    }


def _kpi_value(cast: Cast, mark: str, number: int) -> Row:
    return {
        "dealer_code": cast.row("dealer", "own")["code"],
        "kpi_code": f"rows_{mark}",
        "period": f"{2000 + number // 12}-{number % 12 + 1:02}",
        "value": "0.5",
        "source": "",
    }


def _lead(cast: Cast, mark: str, number: int) -> Row:
    return {
        "source_key": f"{mark}-{number}",
        "full_name": f"欧阳{'甲乙丙丁'[number % 4]}",
        "phone": _phone("138", mark, number),
        "email": "",
        "dealer_code": cast.row("dealer", "own")["code"],
        "timeframe_days": "30",
        "interest": "buy",
        "model": "One",
        "comments": "周末看车",
    }


def _holding(cast: Cast, mark: str, number: int) -> Row:
    return {
        "source_key": f"{mark}-{number}",
        "customer_id": cast.row("customer", "own").id,
        "dealer_code": cast.row("dealer", "own")["code"],
        "kind": "insurance",
        "provider": "平安",
        "product": "全险",
        "currency_code": "CNY",
        "value": "5200.50",
        "start_date": "2025-04-01",
        "end_date": "2026-03-31",
    }


def _recalled(cast: Cast, mark: str, number: int) -> Row:
    return {"recall_code": f"R-{cast.mark}", "vin": new_vin(), "action": ""}


def _case(cast: Cast, mark: str, number: int) -> Row:
    return {
        "source_key": f"{mark}-{number}",
        "receive_date": "2024-04-29",
        "kind": "complaint",
        "crash": "N",
        "injured": "0",
        "make": "Marque",
        "model": "一号",
        "model_year": "2024",
        "description": "刹车异响",
        "dealer_code": cast.row("dealer", "own")["code"],
    }


def _member(cast: Cast, mark: str, number: int) -> Row:
    """Everybody is put on the same list by the desk, which makes the person of each row."""
    return {
        "audience_list_id": cast.row("audience list", "own").id,
        "phone": _phone("137", mark, number),
        "action": "add",
    }


KINDS = {
    "customers": Kind(
        "customer",
        _customer,
        {
            ("phone", "12"): "CONTACT_POINT_INVALID",
            ("phone", FORMULA[:60]): "CONTACT_POINT_INVALID",
            ("birth_date", "2001-02-29"): "BIRTH_DATE_INVALID",
            ("birth_date", "01.02.2001"): "BIRTH_DATE_INVALID",
            ("email", "a@"): "CONTACT_POINT_INVALID",
            ("dealer_code", "NOWHERE"): "DEALER_UNKNOWN",
            ("full_name", ""): "NAME_MISSING",
            ("source_key", "k" * 101): "STRING_MAX_LEN",
        },
        "occupation",
        "source_key",
        {},
    ),
    "dealers": Kind(
        "network",
        _dealer,
        {
            ("phone", "call me"): "PHONE_INVALID",
            ("code", "=1+1"): "CODE_INVALID",
            ("kinds", "juggling"): "WORD_UNKNOWN",
            ("time_zone", "Nowhere"): "TIME_ZONE_UNKNOWN",
            ("latitude", "north"): "NUMBER_INVALID",
        },
        "name_zh_cn",
        "code",
        {},
    ),
    "staff": Kind(
        "network",
        _staff,
        {
            ("phone", "call me"): "PHONE_INVALID",
            ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
            ("roles", "juggler"): "ROLE_UNKNOWN",
            ("full_name", ""): "FIELD_REQUIRED",
        },
        "full_name",
        "employee_number",
        {},
    ),
    "vehicles": Kind(
        "vehicle",
        _vehicle,
        {
            ("vin", "LSVAA41801234567"): "VIN_LENGTH",
            ("vin", "1M8GDM9A0KP999999"): "VIN_CHECK_DIGIT",
            ("build_date", "2024-02-30"): "DATE_INVALID",
            ("model_year", "9999"): "INT32_GTE_LTE",
            ("model_year", "=2024"): "INTEGER_INVALID",
            ("make", ""): "REQUIRED",
        },
        "trim",
        "vin",
        {},
    ),
    "sales": Kind(
        "vehicle",
        _sale,
        {
            ("vin", "1M8GDM9A0KP999999"): "VEHICLE_NOT_FOUND",
            ("vin", "LSVAA41801234567"): "VIN_LENGTH",
            ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
            ("invoice_date", "03.02.2026"): "DATE_INVALID",
            ("price", "1,000.00"): "AMOUNT_INVALID",
            ("price", "=1000"): "AMOUNT_INVALID",
            ("customer_id", str(uuid.UUID(int=7))): "CUSTOMER_NOT_FOUND",
        },
        "option_codes",
        "invoice_number",
        {},
    ),
    "repair-orders": Kind(
        "vehicle",
        _order,
        {
            ("vin", "1M8GDM9A0KP999999"): "VEHICLE_NOT_FOUND",
            ("vin", "LSVAA41801234567"): "VIN_LENGTH",
            ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
            ("open_time", "yesterday"): "TIME_INVALID",
            ("labour_amount", "=1+1"): "AMOUNT_INVALID",
            ("pay_type", "nobody"): "WORD_UNKNOWN",
        },
        "complaint",
        "number",
        {"labour_amount": "lines[0].labour_amount", "pay_type": "lines[0].pay_type"},
    ),
    "targets": Kind("network", target, TARGET_BAD, "", "measure", {}),
    "kpi-values": Kind(
        "network",
        _kpi_value,
        {
            ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
            ("kpi_code", "nobody_knows"): "KPI_UNKNOWN",
            ("period", "yesterday"): "PERIOD_INVALID",
            ("value", "=1+1"): "NUMBER_INVALID",
        },
        "source",
        "kpi_code",
        {},
    ),
    "leads": Kind(
        "customer",
        _lead,
        {
            ("phone", "call me"): "CONTACT_POINT_INVALID",
            ("email", "a@"): "CONTACT_POINT_INVALID",
            ("dealer_code", "NOWHERE"): "DEALER_UNKNOWN",
            ("timeframe_days", "soon"): "NUMBER_INVALID",
            ("interest", "juggle"): "STRING_IN",
            ("source_key", "k" * 101): "STRING_MAX_LEN",
        },
        "comments",
        "source_key",
        {},
    ),
    "cases": Kind(
        "complaint",
        _case,
        {
            ("receive_date", "yesterday"): "DATE_INVALID",
            ("kind", "juggle"): "WORD_UNKNOWN",
            ("model_year", "=2024"): "NUMBER_INVALID",
            ("crash", "perhaps"): "MARK_INVALID",
            ("injured", "1,000"): "NUMBER_INVALID",
            ("dealer_code", "NOWHERE"): "DEALER_NOT_FOUND",
        },
        "description",
        "source_key",
        {},
    ),
    "holdings": Kind(
        "customer",
        _holding,
        {
            ("dealer_code", "NOWHERE"): "DEALER_UNKNOWN",
            ("customer_id", str(uuid.UUID(int=7))): "CUSTOMER_NOT_FOUND",
            ("kind", "juggle"): "STRING_IN",
            ("value", "1,000"): "AMOUNT_INVALID",
            ("value", "=1+1"): "AMOUNT_INVALID",
            ("end_date", "2026-02-30"): "DATE_INVALID",
            ("end_date", "2001-01-01"): "DATES_DISORDERED",
            ("currency_code", "QQQ"): "CURRENCY_UNKNOWN",
        },
        "product",
        "source_key",
        {},
    ),
    "recall-vehicles": Kind(
        "vehicle",
        _recalled,
        {
            ("vin", "LSVAA41801234567"): "VIN_LENGTH",
            ("recall_code", "NOWHERE"): "RECALL_NOT_FOUND",
            ("action", "juggle"): "WORD_UNKNOWN",
        },
        "",
        "vin",
        {},
    ),
    "recall-models": Kind(
        "vehicle",
        lambda cast, mark, number: {
            "recall_code": f"26V{mark}"[:40],
            "make": "MARQUE",
            "model": f"M{number}",
            "model_year": "2024",
            "market": "US",
            "defect": "刹车",
        },
        {
            ("model_year", "20x4"): "MODEL_YEAR_INVALID",
            ("model_year", "2924"): "MODEL_YEAR_INVALID",
            ("recall_code", "26V 1"): "CODE_INVALID",
            ("market", "us"): "MARKET_INVALID",
        },
        "defect",
        "recall_code",
        {},
    ),
    "audience-list-members": Kind(
        "campaign",
        _member,
        {
            ("phone", "12"): "CONTACT_POINT_INVALID",
            ("phone", FORMULA[:60]): "CONTACT_POINT_INVALID",
            ("phone", "+8613700000000"): "CUSTOMER_NOT_FOUND",
            ("action", "juggle"): "WORD_UNKNOWN",
            ("audience_list_id", "somebody"): "STRING_UUID",
            ("audience_list_id", str(uuid.UUID(int=7))): "AUDIENCE_LIST_NOT_FOUND",
        },
        "",
        "audience_list_id",
        {},
    ),
    "outside-spends": Kind("campaign", spent, SPENT_BAD, "note", "month", {}),
    "plant-stages": Kind("vehicle", plant_said, PLANT_BAD, "station", "message_id", {}),
    "channel-days": Kind("vehicle", channel_day, CHANNEL_BAD, "", "date", {}),
}
