"""Between variants, prices and reports of campaigns, and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from google.type import money_pb2
from marque.campaign.v1 import campaign_pb2, campaign_report_pb2
from servicekit.errors import InvalidArgument
from tradekit import money, shares

from marque_campaign.rules import budget, kinds

PRICES = {"budget": "budget_minor", "thousand_cost": "thousand_cost_minor", "response_value": "response_value_minor"}
PLAIN = ("holdout_percent", "goal", "attribution", "response_days", "trigger", "trigger_delay_hours")
WRITABLE = ("variants", *PRICES, *PLAIN)
_MOST = 2**53


def column(message: campaign_pb2.Campaign, path: str) -> dict[str, Any]:
    """Returns the columns of a field of WRITABLE. Raises InvalidArgument."""
    if path == "variants":
        return {"variants": _variants(message)}
    if path in PRICES:
        return {PRICES[path]: _minor(message, path)} | currency_of(message, [path])
    return {path: getattr(message, path)}


def currency_of(message: campaign_pb2.Campaign, paths: Iterable[str]) -> dict[str, str]:
    """Returns the one currency of the prices named, as a column; nothing where none is given. Raises InvalidArgument."""
    found = {getattr(message, path).currency_code: path for path in paths if message.HasField(path)}  # type: ignore[arg-type]
    if len(found) > 1:
        path = list(found.values())[-1]
        raise InvalidArgument.of(f"campaign.{path}", "CURRENCY_MISMATCH", "All prices are in one currency.")
    return {"currency": next(iter(found))} if found else {}


def _minor(message: campaign_pb2.Campaign, path: str) -> int:
    if not message.HasField(path):  # type: ignore[arg-type]
        return 0
    told: money_pb2.Money = getattr(message, path)
    try:
        found = money.from_units_nanos(told.currency_code, told.units, told.nanos).minor
    except money.MoneyError as error:
        raise InvalidArgument.of(f"campaign.{path}", "MONEY_INVALID", str(error)) from None
    if not 0 < found < _MOST:
        raise InvalidArgument.of(f"campaign.{path}", "MONEY_INVALID", "Give an amount above nothing.")
    return found


def _variants(message: campaign_pb2.Campaign) -> list[dict[str, Any]]:
    codes: set[str] = set()
    for place, one in enumerate(message.variants):
        if one.code in codes:
            raise InvalidArgument.of(f"campaign.variants[{place}].code", "VARIANT_DOUBLE", "It was given before.")
        codes.add(one.code)
    if sum(one.percent for one in message.variants) > 99:
        raise InvalidArgument.of(
            "campaign.variants", "VARIANTS_TOO_LARGE", "Their shares make 99 in a hundred at most."
        )
    return [
        {"code": one.code, "percent": one.percent, "template_id": str(uuid.UUID(one.template_id))}
        for one in message.variants
    ]


def show(message: campaign_pb2.Campaign, row: Any) -> None:
    """Adds the fields of WRITABLE from a row."""
    kept = row["variants"] if isinstance(row["variants"], list) else orjson.loads(row["variants"])
    for one in kept:
        message.variants.add(**one)
    for path, name in PRICES.items():
        if row[name]:
            getattr(message, path).CopyFrom(money_of(row["currency"], row[name]))
    for path in PLAIN:
        setattr(message, path, row[path])


def money_of(currency: str, minor: int) -> money_pb2.Money:
    """Returns an amount of minor units."""
    units, nanos = money.Money(currency, minor).units_nanos
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


def report(
    campaign: Any,
    arms: Iterable[Any],
    responses: Iterable[Any],
    trial: Mapping[int, tuple[int, int]],
    groups: tuple[int, int],
) -> campaign_report_pb2.CampaignReport:
    """Returns the report of a campaign: lines by variant, credited responses by variant and kind, and the comparison.

    `trial` has by kind how many of those drawn and of those held out did it, `groups` how many of both there are.
    """
    made = campaign_report_pb2.CampaignReport(campaign_id=str(campaign["campaign_id"]))
    by_code: dict[str, Any] = {}
    paid = 0
    for arm in arms:
        by_code[arm["variant"]] = made.variants.add(
            code=arm["variant"], drawn_count=arm["drawn"], sent_count=arm["sent"], bounced_count=arm["bounced"],
            unknown_count=arm["unknown"],
        )  # fmt: skip
        paid += arm["sent"] + arm["unknown"]
    totals: dict[int, int] = {}
    for one in responses:
        if one["variant"] in by_code:
            by_code[one["variant"]].responses.add(kind=one["kind"], count=one["count"])
        totals[one["kind"]] = totals.get(one["kind"], 0) + one["count"]
    for kind, count in sorted(totals.items()):
        made.responses.add(kind=kind, count=count)
    if groups[1]:
        _add_lifts(made, trial, groups)
    _add_money(made, campaign, paid, totals.get(campaign["goal"] or kinds.PURCHASE, 0))
    return made


def _add_lifts(made: Any, trial: Mapping[int, tuple[int, int]], groups: tuple[int, int]) -> None:
    for kind in kinds.TOLD:
        drawn, held = trial.get(kind, (0, 0))
        lift = shares.difference(drawn, groups[0], held, groups[1])
        made.lifts.add(
            kind=kind, drawn_count=groups[0], drawn_response_count=drawn, holdout_count=groups[1], holdout_response_count=held,
            lift=lift.value, lift_low=lift.low, lift_high=lift.high,
        )  # fmt: skip


def _add_money(made: Any, campaign: Any, paid: int, reached: int) -> None:
    currency, price = campaign["currency"], campaign["thousand_cost_minor"]
    cost, revenue = budget.cost_of(paid, price), reached * campaign["response_value_minor"]
    if price:
        made.cost.CopyFrom(money_of(currency, cost))
        if reached:
            made.cost_per_response.CopyFrom(money_of(currency, round(cost / reached)))
    if campaign["response_value_minor"]:
        made.revenue.CopyFrom(money_of(currency, revenue))
        if cost:
            made.return_on_investment = (revenue - cost) / cost
    if (most := budget.affordable(campaign["budget_minor"], price)) is not None:
        made.affordable_count = max(0, most - paid)
