"""The whole way of a campaign's messages: a campaign and a customer service as they are deployed, real permits, ledger and events.

A campaign to thousands is launched for each channel: mails with links that are counted, openings where the person agreed to that, and a
budget; and text messages. From the launch until the campaign is finished the CPU of every process is told, and its memory. Beside it stands
the hand-over alone, by the same provider to the same sink in the same run: what permits, ledger and events add.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format
from marque.customer.v1 import contact_rule_pb2, contact_rule_service_pb2
from marque_campaign.settings import ProviderSettings
from servicekit import contract

from bench import cpu
from bench.benches.sends import SENDER, mails, texts
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.sinks import Sinks, sinks
from bench.world import World

PEOPLE = (10_000, 100_000)  # quick, full
_LONGEST = 3600.0
_SERVING = ("campaign", "customer", "postgres", "nats")
_TEXT = "Dear {{ name }}, your car has been with us for a year. See https://marque.example/year for what it needs.\n"
_HTML = (
    "<html><body>"
    + "<p>Dear {{ name }}, your car has been with us for a year.</p>" * 10
    + '<p><a href="https://marque.example/year">What it needs</a> <a href="https://marque.example/book">Book</a></p></body></html>'
)
_AGREED = ((2, 3), (2, 2), (6, 0))
_CLASSES = (contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, contact_rule_pb2.CONTACT_CHANNEL_CLASS_MESSAGE)
_NAME = {"name": "name", "person_field": "PERSON_FIELD_FULL_NAME", "fallback": "friend"}


@dataclass(frozen=True, slots=True)
class Course:
    """How one campaign went: CPU seconds by process, those of the wall, and the memory of the sender, looked at all the time."""

    spent: dict[str, float]
    wall: float
    resident: Sequence[int]


async def pipeline(quick: bool) -> list[Figure]:
    """Launches a campaign for each channel, to the same people."""
    count = PEOPLE[0] if quick else PEOPLE[1]
    with sinks() as places:
        async with World(quick=quick) as world:
            await world.start_some({"customer": {"database_pool_size": 10}, "campaign": _settings(places)})
            await world.grow(count)
            listed = await prepare(world, _AGREED, _CLASSES)
            await world.settled(_SERVING)
            found = []
            for channel, alone in (("EMAIL", mails), ("SMS", texts)):
                yardstick, *_ = await alone("pipeline", quick, places)
                found += _figures(channel, count, await _campaign(world, channel, listed, count), yardstick)
                await world.settled(_SERVING)
            return found


def _settings(places: Sinks) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": places.smtp_port,
        "mail_sender": SENDER,
        "dkim_key_file": places.key_file,
        "providers": {"SMS": ProviderSettings(url=places.url, secret_file=places.secret_file, repeatable=True)},
        "database_pool_size": 10,
    }


async def prepare(world: World, agreed: Sequence[tuple[int, int]], classes: Sequence[int]) -> str:
    """Everybody agreed to each (purpose, channel) and stands in a list, whose id is returned; written past the services, for this is not
    what is measured. By each class of channels people are contacted three times a day at most.
    """
    for sequence, (purpose, channel) in enumerate(agreed, 1):
        await world.platform.sql(
            "customer",
            "INSERT INTO consent_entries SELECT gen_random_uuid(), customer_id, $3::bigint, $1::int, $2::int, 1, '', 1, 't', 'bench', "
            "now(), '', '', now() + $3::bigint * interval '1 millisecond', 'bench' FROM customers",
            purpose, channel, sequence,
        )  # fmt: skip
    await world.platform.sql("customer", "UPDATE customers SET time_zone = $1", _noon())
    await world.vacuum("customer")
    people = [row["customer_id"] for row in await world.platform.sql("customer", "SELECT customer_id FROM customers")]
    listed = uuid.uuid4()
    await world.platform.sql(
        "campaign",
        "INSERT INTO audience_lists (audience_list_id, version, create_time, update_time, name, member_count)"
        " VALUES ($1, 1, now(), now(), 'all', $2)",
        listed, len(people),
    )  # fmt: skip
    for statement in (
        "INSERT INTO audience_list_members SELECT $1, p, now() FROM unnest($2::uuid[]) p",
        "INSERT INTO audience_people (customer_id, kind, language) SELECT customer_id, 'PERSON', 'en'"
        " FROM audience_list_members WHERE audience_list_id = $1 AND $2::uuid[] <> '{}' ON CONFLICT DO NOTHING",
    ):
        await world.platform.sql("campaign", statement, listed, people)
    await world.vacuum("campaign")
    manager = world.platform.client("customer", "oem.manager")
    for channel_class in classes:
        rule = contact_rule_pb2.ContactRule(
            channel_class=channel_class,  # type: ignore[arg-type]
            most_per_day=3,
            repeat_days=30,
            held_by_complaint=True,
        )
        request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
        await manager.call("customer.v1.ContactRuleService/PutContactRule", request)
    return str(listed)


def _noon() -> str:
    """A zone in which it is about noon, so that the end of a day does not refuse anybody."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


async def _campaign(world: World, channel: str, listed: str, count: int) -> Course:
    """Launches one and waits for its end."""
    mail = channel == "EMAIL"
    words = {"language": "en", "text": _TEXT, **({"subject": "A year, {{ name }}", "html": _HTML} if mail else {})}
    template = {
        "name": "Year", "channel": f"CHANNEL_{channel}", "default_language": "en", "variables": [_NAME], "contents": [words],
    }  # fmt: skip
    made = await call(world, "MessageTemplateService/CreateMessageTemplate", template=template)
    campaign = {
        "name": "Year", "kind": "CAMPAIGN_KIND_NEWSLETTER", "channel": f"CHANNEL_{channel}", "purpose": "CONSENT_PURPOSE_MARKETING",
        "template_id": made.template_id, "audience_list_id": listed,
        **({"track_opens": True, "budget": _money(2 * count), "thousand_cost": _money(1_000)} if mail else {}),
    }  # fmt: skip
    draft = await call(world, "CampaignService/CreateCampaign", campaign=campaign)
    for verb, role in (("Submit", "oem.marketing"), ("Approve", "oem.manager")):
        await call(world, f"CampaignService/{verb}Campaign", role, campaign_id=draft.campaign_id)
    seen: list[int] = []
    with Meter(world.roots(*_SERVING)) as used:
        await call(world, "CampaignService/ScheduleCampaign", campaign_id=draft.campaign_id)
        began = time.perf_counter()
        while not await _finished(world, draft.campaign_id):
            seen.append(cpu.resident(world.pids["campaign"]))
            if time.perf_counter() - began > _LONGEST:
                raise TimeoutError(f"the campaign by {channel} is not over")
            await asyncio.sleep(0.25)
        wall = time.perf_counter() - began
        await world.settled(_SERVING)  # events are told on for a while, and belong to the messages
    ended = await world.platform.sql(
        "campaign", "SELECT state, reason, count(*) AS n FROM campaign_sends WHERE campaign_id = $1 GROUP BY 1, 2",
        draft.campaign_id,
    )  # fmt: skip
    if [(row["state"], row["n"]) for row in ended] != [(4, count)]:
        raise RuntimeError(f"not everybody was sent to: {[tuple(row) for row in ended]}")
    return Course(used.spent, wall, seen)


async def _finished(world: World, campaign_id: str) -> bool:
    rows = await world.platform.sql("campaign", "SELECT state FROM campaigns WHERE campaign_id = $1", campaign_id)
    return bool(rows[0]["state"] == 7)


def _money(units: int) -> dict[str, Any]:
    return {"currency_code": "CNY", "units": str(units)}


async def call(world: World, rpc: str, role: str = "oem.marketing", **request: Any) -> Any:
    """Calls an RPC of the campaign service with a request as JSON in the contract's names."""
    service, name = rpc.split("/")
    message = json_format.ParseDict(request, contract.methods(f"marque.campaign.v1.{service}")[name].input())
    return await world.platform.client("campaign", role).call(f"campaign.v1.{rpc}", message, timeout=60)


def _figures(channel: str, count: int, course: Course, alone: Figure) -> list[Figure]:
    """What is added to the hand-over alone, by process, for a send; and whether memory stays."""
    spent, told = sum(course.spent.values()), course.spent
    by = ", ".join(f"{name} {value / count * 1000:,.2f}" for name, value in told.items())
    early, late = _quarter(course.resident, 1), _quarter(course.resident, 4)
    bare = 1000 / alone.ours
    return [
        Figure(
            "pipeline", f"{channel}: sent, launch to finished", count / course.wall, "sends/s",
            note=f"{count:,} people in {course.wall:,.1f} s, with customer service, PostgreSQL, NATS and sink on the same cores",
        ),
        Figure("pipeline", f"{channel}: CPU of the sender", told["campaign"] / count * 1000, "ms/send", bare, "the hand-over alone"),
        Figure(
            "pipeline", f"{channel}: CPU of all", spent / count * 1000, "ms/send", bare, "the hand-over alone", note=f"ms a send: {by}"
        ),
        Figure(
            "pipeline", f"{channel}: memory of the sender, last quarter", late / 2**20, "MB", early / 2**20, "the first quarter",
            Target("ratio", "at most", 1.1),
        ),
    ]  # fmt: skip


def _quarter(sizes: Sequence[int], which: int) -> int:
    """The highest of a quarter of the readings, counted from 1."""
    step = max(1, len(sizes) // 4)
    return max(sizes[(which - 1) * step :][:step] or sizes[-1:])
