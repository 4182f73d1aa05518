"""Consents and conversations of some customers; as many as a demonstration needs, however large the world is."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from marque.customer.v1 import consent_pb2, interaction_pb2
from marque.type.v1 import channel_pb2

from marquectl.world.cars import WORLD_DAY
from marquectl.world.people import key_of

MOST = 120
_SHARE = 0.06
_END = datetime(WORLD_DAY.year, WORLD_DAY.month, WORLD_DAY.day, tzinfo=UTC)
_CALLS = {
    "CN": (
        ("预约首保", "客户希望周六上午到店，已转告服务站。", "REACHED"),
        ("询问召回进度", "已说明召回范围，零件到货后电话通知。", "CALL_BACK"),
        ("交车三天回访", "客户对交车过程满意，提醒了首保里程。", "REACHED"),
        ("保养提醒", "无人接听。", "NO_ANSWER"),
    ),
    "US": (
        ("Appointment for the first service", "Wants Saturday morning; passed on to the station.", "REACHED"),
        ("Asks about a recall", "Explained the campaign; will call when parts are in.", "CALL_BACK"),
        ("Follow-up three days after delivery", "Happy with the hand-over; reminded of the first service.", "REACHED"),
        ("Service reminder", "Nobody answered.", "NO_ANSWER"),
    ),
}


@dataclass(frozen=True, slots=True)
class MadeConsent:
    """An entry of the consent ledger of a customer; `request_id` makes a repeat change nothing."""

    customer_key: str
    granted: bool
    entry: consent_pb2.ConsentEntry
    request_id: str


@dataclass(frozen=True, slots=True)
class MadeInteraction:
    """A touch with a customer, without the customer's id."""

    customer_key: str
    interaction: interaction_pb2.Interaction
    request_id: str


def _chosen(seed: int, size: int, what: str) -> Iterator[tuple[int, random.Random]]:
    found = 0
    for number in range(1, size + 1):
        dice = random.Random(f"{seed}:{what}:{number}")
        if dice.random() < _SHARE or number <= 2:
            found += 1
            yield number, dice
        if found == MOST:
            return


def consents(seed: int, size: int) -> Iterator[MadeConsent]:
    """Grants to the maker, some of which are taken back later."""
    for number, dice in _chosen(seed, size, "consent"):
        given = _END - timedelta(days=dice.randrange(200, 900), minutes=dice.randrange(600))
        purpose = dice.choice((consent_pb2.CONSENT_PURPOSE_SERVICE, consent_pb2.CONSENT_PURPOSE_MARKETING))
        channel = dice.choice((channel_pb2.CHANNEL_SMS, channel_pb2.CHANNEL_EMAIL, channel_pb2.CHANNEL_PHONE))
        entry = consent_pb2.ConsentEntry(
            purpose=purpose,
            channel=channel,
            controller=consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM),
            text_version="privacy-2024-01",
            source=dice.choice(("website", "paper-form", "call")),
            given_time=_stamp(given),
        )
        yield MadeConsent(key_of(number), True, entry, f"sample-{seed}-consent-{number}-1")
        if dice.random() < 0.25 and number > 2:
            back = consent_pb2.ConsentEntry()
            back.CopyFrom(entry)
            back.given_time.CopyFrom(_stamp(given + timedelta(days=dice.randrange(30, 190))))
            yield MadeConsent(key_of(number), False, back, f"sample-{seed}-consent-{number}-2")


def interactions(seed: int, countries: Sequence[str]) -> Iterator[MadeInteraction]:
    """Calls of the contact centre; `countries` are those of the customers, in order."""
    for number, dice in _chosen(seed, len(countries), "touch"):
        subject, note, outcome = dice.choice(_CALLS[countries[number - 1]])
        inbound = dice.random() < 0.4
        touch = interaction_pb2.Interaction(
            kind=interaction_pb2.INTERACTION_KIND_CALL,
            direction=interaction_pb2.INTERACTION_DIRECTION_INBOUND
            if inbound
            else interaction_pb2.INTERACTION_DIRECTION_OUTBOUND,
            channel=channel_pb2.CHANNEL_PHONE,
            occur_time=_stamp(_END - timedelta(days=dice.randrange(1, 400), minutes=dice.randrange(500))),
            duration=Duration(seconds=dice.randrange(20, 900)),
            subject=subject,
            note=note,
            outcome=outcome,
        )
        yield MadeInteraction(key_of(number), touch, f"sample-{seed}-touch-{number}")


def _stamp(instant: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(instant)
    return found
