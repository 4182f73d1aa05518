"""Between goodwill and its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.type import money_pb2
from marque.complaint.v1 import case_goodwill_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit import money

from marque_complaint.rules import goodwill as rules

_PLAIN = ("remedy", "reason", "state", "decide_reason", "policy_version")
_IDS = ("goodwill_id", "case_id", "ask_staff_id", "decide_staff_id")


def amount(message: money_pb2.Money, path: str) -> tuple[str, int]:
    """Returns currency and minor units of an amount above nothing. Raises InvalidArgument."""
    try:
        found = money.from_units_nanos(message.currency_code, message.units, message.nanos)
    except money.MoneyError as error:
        raise InvalidArgument.of(path, "MONEY_INVALID", str(error)) from None
    if not 0 < found.minor < 2**53:
        raise InvalidArgument.of(path, "MONEY_INVALID", "Give an amount above nothing that can be paid.")
    return message.currency_code, found.minor


def _money(currency: str, minor: int) -> money_pb2.Money:
    units, nanos = money.Money(currency, minor).units_nanos
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


def goodwill_for(call: Call) -> Callable[[fields.Row], case_goodwill_pb2.Goodwill]:
    """Returns the rendering of goodwill for a caller, from a read row."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> case_goodwill_pb2.Goodwill:
        made = case_goodwill_pb2.Goodwill(
            **{name: row[name] for name in _PLAIN},
            **{name: fields.text(row[name]) for name in _IDS},
            amount=_money(row["currency"], row["amount_minor"]),
            etag=etag_of(row["version"]),
        )
        for name in ("create_time", "decide_time"):
            fields.set_moment(made, name, row[name])
        shown: case_goodwill_pb2.Goodwill = show(call, made, "goodwill", made.goodwill_id, visible)
        return shown

    return render


def limits_of(message: case_goodwill_pb2.GoodwillPolicy) -> list[dict[str, Any]]:
    """Returns limits as they are kept. Raises InvalidArgument."""
    limits: list[dict[str, Any]] = []
    for place, line in enumerate(message.limits):
        currency, minor = amount(line.amount, f"policy.limits[{place}].amount")
        limits.append({"role": line.role, "currency": currency, "minor": minor})
    wrong = [
        FieldViolation(f"policy.limits[{place}]", "LIMIT_DOUBLE", "The role has a limit in this currency before.")
        for place in rules.doubles(limits)
    ]
    if wrong:
        raise InvalidArgument(violations=wrong)
    return limits


def policy_message(row: Any) -> case_goodwill_pb2.GoodwillPolicy:
    """Returns a version of the limits."""
    made = case_goodwill_pb2.GoodwillPolicy(version=row.version, etag=etag_of(row.version))
    for line in row.limits:
        made.limits.add(role=line["role"], amount=_money(line["currency"], line["minor"]))
    fields.set_moment(made, "create_time", row.create_time)
    return made
