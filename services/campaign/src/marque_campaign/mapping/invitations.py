"""Between the event and the offer of a campaign, and their messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from marque.campaign.v1 import campaign_pb2, campaign_report_pb2, offer_pb2
from servicekit import fields
from servicekit.errors import InvalidArgument
from tradekit import money

from marque_campaign.mapping.experiments import money_of
from marque_campaign.rules import codes
from marque_campaign.rules.kinds import CANCELLED

WRITABLE = ("marketing_event_id", "event_notice", "offer")
_TIMES = ("valid_from", "valid_until")
_MOST = 2**53


def column(message: campaign_pb2.Campaign, path: str) -> dict[str, Any]:
    """Returns the column of a field of WRITABLE. Raises InvalidArgument."""
    if path == "marketing_event_id":
        return {path: fields.uuid_or_none(message.marketing_event_id)}
    if path == "event_notice":
        return {path: message.event_notice}
    return {path: _kept(message.offer) if message.HasField("offer") else None}


def show(message: campaign_pb2.Campaign, row: Any) -> None:
    """Adds the fields of WRITABLE from a row."""
    message.marketing_event_id = fields.text(row["marketing_event_id"])
    message.event_notice = row["event_notice"]
    if (kept := document(row["offer"])) is not None:
        message.offer.CopyFrom(offer_message(kept))


def document(value: Any) -> dict[str, Any] | None:
    """Returns the kept form of an offer, which a plain read has as text; None for none."""
    found: dict[str, Any] | None = orjson.loads(value) if isinstance(value, str) else value
    return found


def offer_message(kept: dict[str, Any]) -> offer_pb2.Offer:
    """Returns an offer of its kept form."""
    message = offer_pb2.Offer(**{name: kept[name] for name in ("name", "terms", "shared_code")})
    for name in _TIMES:
        if kept[name]:
            fields.set_moment(message, name, datetime.fromisoformat(kept[name]))
    if kept["worth_minor"]:
        message.worth.CopyFrom(money_of(kept["currency"], kept["worth_minor"]))
    return message


def _kept(message: offer_pb2.Offer) -> dict[str, Any]:
    moments = {name: fields.as_moment(message, name, f"campaign.offer.{name}") for name in _TIMES}
    start, end = moments["valid_from"], moments["valid_until"]
    if end is None or (start is not None and start >= end):
        raise InvalidArgument.of("campaign.offer.valid_until", "TIME_INVALID", "An offer ends after it begins.")
    if not message.name.strip():
        raise InvalidArgument.of("campaign.offer.name", "FIELD_REQUIRED", "It cannot be empty.")
    return {
        "name": message.name.strip(),
        "terms": message.terms.strip(),
        "shared_code": message.shared_code,
        "currency": message.worth.currency_code,
        "worth_minor": _minor(message) if message.HasField("worth") else 0,
        **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
    }


def _minor(message: offer_pb2.Offer) -> int:
    told = message.worth
    try:
        found = money.from_units_nanos(told.currency_code, told.units, told.nanos).minor
    except money.MoneyError as error:
        raise InvalidArgument.of("campaign.offer.worth", "MONEY_INVALID", str(error)) from None
    if not 0 < found < _MOST:
        raise InvalidArgument.of("campaign.offer.worth", "MONEY_INVALID", "Give an amount above nothing.")
    return found


def moments(kept: dict[str, Any]) -> tuple[datetime | None, datetime]:
    """Returns from when (None: at once) and until when an offer of its kept form can be redeemed."""
    start = kept["valid_from"]
    return datetime.fromisoformat(start) if start else None, datetime.fromisoformat(kept["valid_until"])


def code_message(row: Any, moment: datetime) -> offer_pb2.OfferCode:
    """Returns a code as it stands at a moment; whom a code was given to, else who redeemed it."""
    kept = document(row["offer"]) or {}
    start, end = moments(kept)
    standing = codes.standing(
        redeemed=row["redeem_time"] is not None,
        cancelled=row["state"] == CANCELLED,
        valid_from=start,
        valid_until=end,
        now=moment,
    )
    message = offer_pb2.OfferCode(
        code=codes.shown(row["code"]),
        campaign_id=str(row["campaign_id"]),
        offer=offer_message(kept),
        state=standing,  # type: ignore[arg-type]
        customer_id=fields.text(row["customer_id"] or row["redeem_customer_id"]),
        redeem_dealer_id=fields.text(row["redeem_dealer_id"]),
    )
    fields.set_moment(message, "redeem_time", row["redeem_time"])
    return message


def add_offer(message: campaign_report_pb2.CampaignReport, row: Any, drawn: int, redeemed: int) -> None:
    """Adds what became of a campaign's offer to its report."""
    kept = document(row["offer"]) or {}
    message.offer_code_count, message.offer_redeem_count = drawn, redeemed
    if kept["worth_minor"]:
        message.offer_cost.CopyFrom(money_of(kept["currency"], kept["worth_minor"] * redeemed))
