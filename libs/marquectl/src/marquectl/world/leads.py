"""Leads of some customers, in every stage that a newcomer should see: each is a wish and the steps that were taken with it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.type import money_pb2
from marque.customer.v1 import lead_pb2

from marquectl.world.network import STATIONS
from marquectl.world.people import key_of

MOST = 36
WAYS: tuple[tuple[str, ...], ...] = (
    (),
    ("miss",),
    ("reach",),
    ("reach", "promise", "qualify"),
    ("reach", "qualify", "drive"),
    ("reach", "qualify", "offer", "promise"),
    ("reach", "qualify", "offer_above_limit"),
    ("reach", "refer", "offer", "win"),
    ("reach", "give_up"),
    ("miss", "give_up", "approve"),
)
_SOURCES = (
    lead_pb2.LEAD_SOURCE_WEB_FORM,
    lead_pb2.LEAD_SOURCE_SHOWROOM,
    lead_pb2.LEAD_SOURCE_CALL,
    lead_pb2.LEAD_SOURCE_EVENT,
    lead_pb2.LEAD_SOURCE_REFERRAL,
)
_COMMENTS = {
    "CN": ("想周末试驾，最好下午。", "比较在意油耗和后排空间。", "家里换第二台车，希望以旧换新。", ""),
    "US": (
        "Would like to drive it on a Saturday.",
        "Compares fuel use and space in the rear.",
        "Second car, has one to trade in.",
        "",
    ),
}
_KINDS = (
    lead_pb2.LEAD_INTEREST_KIND_BUY,
    lead_pb2.LEAD_INTEREST_KIND_BUY,
    lead_pb2.LEAD_INTEREST_KIND_LEASE,
    lead_pb2.LEAD_INTEREST_KIND_TEST_DRIVE,
)


@dataclass(frozen=True, slots=True)
class MadeLead:
    """A lead without its customer's id, the code of its dealer, and what was done with it."""

    number: int
    customer_key: str
    dealer_code: str
    lead: lead_pb2.Lead
    way: Sequence[str]


def leads(seed: int, countries: Sequence[str]) -> Iterator[MadeLead]:
    """Yields leads of the first customers; `countries` are those of the customers, in order."""
    for number, country in enumerate(countries[:MOST], 1):
        dice = random.Random(f"{seed}:lead:{number}")
        near = [station for station in STATIONS if station.zone.startswith("Asia/") is (country == "CN")] or list(
            STATIONS
        )
        lead = lead_pb2.Lead(
            source=dice.choice(_SOURCES),
            interest=lead_pb2.LeadInterest(
                kind=dice.choice(_KINDS), brand="Marque", model=dice.choice(("One", "Two", "Cross"))
            ),
            comments=dice.choice(_COMMENTS["CN" if country == "CN" else "US"]),
        )
        if dice.random() < 0.7:
            lead.timeframe_days = dice.choice((3, 7, 14, 30, 60, 180))
        if dice.random() < 0.5:
            currency, units = ("CNY", 180_000) if country == "CN" else ("USD", 32_000)
            lead.budget.CopyFrom(money_pb2.Money(currency_code=currency, units=units + 1000 * dice.randrange(60)))
        way = WAYS[number % len(WAYS)]
        yield MadeLead(number, key_of(number), dice.choice(near).code, lead, way)
