"""Between plans of marketing, what was spent, and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import field_mask_pb2
from google.type import money_pb2
from marque.campaign.v1 import marketing_plan_pb2, marketing_plan_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from tradekit import money

from marque_campaign.mapping.experiments import money_of
from marque_campaign.mapping.templates import document
from marque_campaign.rules import plan

WRITABLE = ("name", "first_month", "last_month", "lines")
_MOST = 2**53
_COUNTS = {"lead_count": "leads", "test_drive_count": "test_drives", "sale_count": "sales"}
_COSTS = {"cost_per_lead": "leads", "cost_per_test_drive": "test_drives", "cost_per_sale": "sales"}


def new_plan(message: marketing_plan_pb2.MarketingPlan) -> dict[str, Any]:
    """Returns the columns of a new plan, without its dealer. Raises InvalidArgument."""
    values: dict[str, Any] = {
        "name": message.name.strip(),
        "currency": _currency(message.currency_code),
        "first_month": message.first_month,
        "last_month": message.last_month,
        "lines": _lines(message, message.currency_code),
    }
    _check(values)
    return values


def changes(
    message: marketing_plan_pb2.MarketingPlan, mask: field_mask_pb2.FieldMask, row: fields.Row
) -> dict[str, Any]:
    """Returns the columns that an update of a row names. Raises InvalidArgument, also for what does not fit the rest of the row."""
    paths = fields.masked_paths(message, mask, WRITABLE, "marketing_plan_id", "marketing_plan")
    values: dict[str, Any] = {}
    for path in paths:
        values[path] = _lines(message, row["currency"]) if path == "lines" else getattr(message, path).strip()
        if path != "lines" and not values[path]:
            raise InvalidArgument.of(f"marketing_plan.{path}", "FIELD_REQUIRED", "It cannot be taken away.")
    _check(
        {"first_month": row["first_month"], "last_month": row["last_month"], "lines": document(row, "lines")} | values
    )
    return values


def _check(values: Mapping[str, Any]) -> None:
    first, last = values["first_month"], values["last_month"]
    if not 1 <= plan.months_between(first, last) <= plan.MOST_MONTHS:
        text = f"It is not before the first month, and {plan.MOST_MONTHS} months in all at most."
        raise InvalidArgument.of("marketing_plan.last_month", "PERIOD_INVALID", text)
    known: set[plan.Key] = set()
    for place, one in enumerate(values["lines"]):
        key = one["month"], one["channel"], one["source"]
        if not first <= one["month"] <= last:
            field = f"marketing_plan.lines[{place}].month"
            raise InvalidArgument.of(field, "LINE_OUTSIDE", "It is not one of the plan's months.")
        if key in known:
            text = "There is a line of this month, channel and source before."
            raise InvalidArgument.of(f"marketing_plan.lines[{place}]", "LINE_DOUBLE", text)
        known.add(key)


def _lines(message: marketing_plan_pb2.MarketingPlan, currency: str) -> list[dict[str, Any]]:
    found = []
    for place, one in enumerate(message.lines):
        amount = _amount(one.amount, f"marketing_plan.lines[{place}].amount")
        if one.amount.currency_code != currency:
            field = f"marketing_plan.lines[{place}].amount"
            raise InvalidArgument.of(field, "CURRENCY_MISMATCH", "All amounts are in the currency of the plan.")
        found.append({"month": one.month, "channel": one.channel, "source": one.source, "minor": amount})
    return found


def _currency(code: str) -> str:
    try:
        money.digits(code)
    except money.MoneyError as error:
        raise InvalidArgument.of("marketing_plan.currency_code", "MONEY_INVALID", str(error)) from None
    return code


def _amount(told: money_pb2.Money, field: str) -> int:
    try:
        found = money.from_units_nanos(told.currency_code, told.units, told.nanos).minor
    except money.MoneyError as error:
        raise InvalidArgument.of(field, "MONEY_INVALID", str(error)) from None
    if not 0 <= found < _MOST:
        raise InvalidArgument.of(field, "MONEY_INVALID", "Give an amount that is not negative.")
    return found


def plan_message(row: fields.Row) -> marketing_plan_pb2.MarketingPlan:
    """Returns a plan."""
    message = marketing_plan_pb2.MarketingPlan(
        marketing_plan_id=str(row["marketing_plan_id"]), name=row["name"], dealer_id=fields.text(row["dealer_id"]),
        currency_code=row["currency"], first_month=row["first_month"], last_month=row["last_month"],
        etag=etag_of(row["version"]),
    )  # fmt: skip
    for one in document(row, "lines"):
        amount = money_of(row["currency"], one["minor"])
        message.lines.add(month=one["month"], channel=one["channel"], source=one["source"], amount=amount)
    for name in ("create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def spends(request: marketing_plan_service_pb2.RecordOutsideSpendsRequest) -> list[dict[str, Any]]:
    """Returns the columns of what was spent, without whose it is. Raises InvalidArgument."""
    found: dict[str, dict[str, Any]] = {}
    for place, one in enumerate(request.spends):
        path = f"spends[{place}]"
        if one.source_key in found:
            raise InvalidArgument.of(f"{path}.source_key", "SPEND_DOUBLE", "It was given before.")
        found[one.source_key] = {
            "source_key": one.source_key,
            "day": fields.as_day(one, "spend_date", f"{path}.spend_date"),
            "channel": one.channel,
            "source": one.source,
            "currency": one.amount.currency_code,
            "minor": _amount(one.amount, f"{path}.amount"),
            "note": one.note.strip(),
        }
    return list(found.values())


def recorded(counts: tuple[int, int]) -> marketing_plan_service_pb2.RecordOutsideSpendsResponse:
    """Returns how many rows were written, of how many."""
    written, told = counts
    return marketing_plan_service_pb2.RecordOutsideSpendsResponse(written_count=written, unchanged_count=told - written)


def report(
    row: Any, lines: Mapping[plan.Key, plan.Figures], total: plan.Figures, foreign: int, calendar: Iterable[Any]
) -> marketing_plan_pb2.MarketingPlanReport:
    """Returns what became of a plan."""
    made = marketing_plan_pb2.MarketingPlanReport(
        marketing_plan_id=str(row["marketing_plan_id"]), other_currency_count=foreign
    )
    _fill(made.total, total, row["currency"])
    for (month, channel, source), one in lines.items():
        _fill(made.lines.add(month=month, channel=channel, source=source), one, row["currency"])  # type: ignore[arg-type]
    for one in calendar:
        entry = made.calendar.add(
            campaign_id=str(one["campaign_id"]), **{name: one[name] for name in ("name", "kind", "channel", "state")}
        )
        for name in ("start_time", "finish_time"):
            fields.set_moment(entry, name, one[name])
    return made


def _fill(line: marketing_plan_pb2.MarketingPlanReportLine, one: plan.Figures, currency: str) -> None:
    for name in ("planned", "committed", "spent", "revenue"):
        getattr(line, name).CopyFrom(money_of(currency, getattr(one, name)))
    for field, name in _COUNTS.items():
        setattr(line, field, getattr(one, name))
    for field, name in _COSTS.items():
        if (cost := one.cost_per(getattr(one, name))) is not None:
            getattr(line, field).CopyFrom(money_of(currency, cost))
    if (back := one.return_on_investment) is not None:
        line.return_on_investment = back
