"""Where customers stand, and the rules of it, between rows and messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from google.type import money_pb2
from marque.customer.v1 import lifecycle_pb2, lifecycle_service_pb2
from servicekit.db.base import etag_of
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call
from tradekit.money import Money, MoneyError, digits

from marque_customer.mapping.profiles import Faults
from marque_customer.mapping.times import moment, stamp
from marque_customer.rules.lifecycle import NO_CAR_YET, PROSPECT, StageRules

_OUTPUT = ("version", "effective_time", "create_time", "etag")


def stage_rules(row: Any) -> StageRules:
    """Returns a version of the rules as far as stages go by them."""
    days = {name: timedelta(days=row.rules[name]) for name in _SPANS}
    return StageRules(
        row.version,
        row.effective_time,
        days["at_risk_after_days"],
        days["lost_after_days"],
        days["lost_without_car_days"],
        days["won_back_days"],
    )


_SPANS = ("at_risk_after_days", "lost_after_days", "lost_without_car_days", "won_back_days")


def value_message(
    call: Call, standing: Any, row: Any, actions: Sequence[dict[str, Any]], lost: Sequence[Any] = ()
) -> lifecycle_pb2.CustomerValue:
    """Returns where a customer (`customer_id`, `stage`, `tier`) stands; `row` is what was found, none for who has nothing to go by, `lost`
    why they stay away.
    """
    message = lifecycle_pb2.CustomerValue(
        customer_id=str(standing.customer_id), stage=standing.stage or PROSPECT, tier=standing.tier
    )
    message.stage_reason.code = NO_CAR_YET
    if row is not None:
        _found(message, row)
    for action in actions:
        message.next_actions.add(code=action["code"], reason=_reason(action["reason"]))
    message.lost_reasons.extend(_lost(one) for one in lost)
    shown: lifecycle_pb2.CustomerValue = show(
        call, message, "customer", message.customer_id, visible_classes(call.principal.roles)
    )
    if not (call.principal.sees_all_rows or call.principal.is_owner):
        # The sum goes across dealers, and nobody sees another dealer's prices (access.md).
        shown.ClearField("spend")
    return shown


def _found(message: lifecycle_pb2.CustomerValue, row: Any) -> None:
    if row.stage_reason:
        message.stage_reason.CopyFrom(_reason(row.stage_reason))
    message.tier_reasons.extend(_reason(one) for one in row.tier_reasons)
    message.visits, message.cars, message.rules_version = row.visits, row.cars, row.rules_version
    if row.stage_start_time is not None:
        message.stage_start_time.CopyFrom(stamp(row.stage_start_time))
    if row.last_activity_time is not None:
        message.last_activity_time.CopyFrom(stamp(row.last_activity_time))
    if row.currency:
        units, nanos = Money(row.currency, row.spend_minor).units_nanos
        message.spend.CopyFrom(money_pb2.Money(currency_code=row.currency, units=units, nanos=nanos))


def _lost(row: Any) -> lifecycle_pb2.LostReason:
    return lifecycle_pb2.LostReason(
        reasons=row.reasons,
        tell_time=stamp(row.tell_time),
        source="survey",
        reference_id=str(row.invitation_id),
        dealer_id=str(row.dealer_id or ""),
        vin=row.vin,
    )


def _reason(found: dict[str, Any]) -> lifecycle_pb2.ValueReason:
    return lifecycle_pb2.ValueReason(code=found["code"], value=found["value"])


def history_page(rows: Sequence[Any], token: str) -> lifecycle_service_pb2.ListLifecycleHistoryResponse:
    """Returns a page of changes."""
    return lifecycle_service_pb2.ListLifecycleHistoryResponse(
        changes=[_change(row) for row in rows], next_page_token=token
    )


def _change(row: Any) -> lifecycle_pb2.LifecycleChange:
    return lifecycle_pb2.LifecycleChange(
        sequence=row.sequence,
        customer_id=str(row.customer_id),
        from_stage=row.from_stage,
        stage=row.stage,
        from_tier=row.from_tier,
        tier=row.tier,
        stage_reason=_reason(row.stage_reason),
        tier_reasons=[_reason(one) for one in row.tier_reasons],
        start_time=stamp(row.start_time) if row.start_time else None,
        create_time=stamp(row.create_time),
        rules_version=row.rules_version,
    )


def rules_message(row: Any) -> lifecycle_pb2.LifecycleRules:
    """Returns the message of a version; the etag is of its number."""
    message = ParseDict(row.rules, lifecycle_pb2.LifecycleRules())
    message.version, message.etag = row.version, etag_of(row.version)
    message.effective_time.CopyFrom(stamp(row.effective_time))
    message.create_time.CopyFrom(stamp(row.create_time))
    return message


def rules_values(message: lifecycle_pb2.LifecycleRules) -> tuple[dict[str, Any], datetime | None]:
    """Returns rules as they are stored, and since when they are to hold (none: now). Raises InvalidArgument that names every wrong part."""
    faults = Faults()
    if message.lost_after_days <= message.at_risk_after_days:
        faults.add("rules.lost_after_days", "DAYS_DISORDERED", "Who is lost was at risk before: give more days.")
    if len({one.tier for one in message.tiers}) < len(message.tiers):
        faults.add("rules.tiers", "TIER_REPEATED", "A tier stands there twice.")
    codes = [(one.code, one.signal) for one in message.next_actions]
    if len(set(codes)) < len(codes):
        faults.add("rules.next_actions", "RULE_REPEATED", "The same action stands there twice for one signal.")
    try:
        digits(message.currency_code)
    except MoneyError:
        faults.add("rules.currency_code", "CURRENCY_UNKNOWN", "Give an ISO 4217 code that is in use.")
    faults.check()
    effective = moment(message.effective_time, "rules.effective_time") if message.HasField("effective_time") else None
    plain = lifecycle_pb2.LifecycleRules()
    plain.CopyFrom(message)
    for name in _OUTPUT:
        plain.ClearField(name)
    found: dict[str, Any] = MessageToDict(plain, preserving_proto_field_name=True)
    return found, effective
