"""Contact permits: how many a CPU second gives, and how soon a withdrawal is effective: at the gate, and heard by whoever listens."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

from marque.customer.v1 import (
    consent_events_pb2,
    consent_pb2,
    consent_service_pb2,
    contact_permit_pb2,
    contact_permit_service_pb2,
    contact_rule_pb2,
    contact_rule_service_pb2,
)
from marque.type.v1 import channel_pb2
from servicekit.service import connect_nats

from bench.cpu import Meter
from bench.report import Figure, Target
from bench.stats import percentile
from bench.world import ROLE, World

_SERVICE = "customer.v1.ContactPermitService"
_SERVING = ("customer", "postgres", "nats")
_MAKER = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
_EMAIL, _MARKETING = channel_pb2.CHANNEL_EMAIL, consent_pb2.CONSENT_PURPOSE_MARKETING
PEOPLE = (2_000, 10_000)  # quick, full
WITHDRAWALS = (60, 300)
BATCH = 250


async def contacts(world: World) -> list[Figure]:
    """A campaign to everybody once, in batches; then withdrawals one by one."""
    people, many = PEOPLE[0] if world.quick else PEOPLE[1], WITHDRAWALS[0] if world.quick else WITHDRAWALS[1]
    await world.grow(people)
    ids = await world.customer_ids(people)
    await _prepare(world, ids)
    await world.settled()
    return [*await _campaign(world, ids), *await _withdrawals(world, ids[:many])]


async def _prepare(world: World, ids: Sequence[str]) -> None:
    """Everybody has an address and a zone and agreed; written past the service, for this is not what is measured."""
    for statement in (
        "INSERT INTO contact_points (contact_point_id, customer_id, kind, value, match_key, create_time)"
        " SELECT gen_random_uuid(), c, 2, c || '@example.com', c || '@example.com', now() FROM unnest($1::uuid[]) c",
        "UPDATE customers SET time_zone = 'Asia/Shanghai' WHERE customer_id = ANY($1)",
        "INSERT INTO consent_entries SELECT gen_random_uuid(), c, 1, 2, 3, 1, '', 1, 't', 'bench', now(), '', '', now(), 'bench'"
        " FROM unnest($1::uuid[]) c",
    ):
        await world.platform.sql("customer", statement, [uuid.UUID(one) for one in ids])
    await world.platform.sql("customer", "ANALYZE customers, contact_points, consent_entries")
    manager = world.platform.client("customer", ROLE)
    for channel_class, purpose in ((contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, 0), (0, _MARKETING)):
        rule = contact_rule_pb2.ContactRule(
            channel_class=channel_class, purpose=purpose, most_per_day=100, repeat_days=30, held_by_complaint=True  # type: ignore[arg-type]
        )  # fmt: skip
        request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
        await manager.call("customer.v1.ContactRuleService/PutContactRule", request)


async def _campaign(world: World, ids: Sequence[str]) -> list[Figure]:
    client = world.platform.client("customer", "service")
    first, again = str(uuid.uuid4()), str(uuid.uuid4())
    for batch in _batches(ids[: 2 * BATCH]):
        await _take(client, batch, "warm")
    held: list[Any] = []
    with Meter(world.roots(*_SERVING)) as taking:
        for batch in _batches(ids):
            held += await _take(client, batch, first)
    await world.settled()
    with Meter(world.roots(*_SERVING)) as ending:
        for batch in _batches(held):
            request = contact_permit_service_pb2.SpendContactPermitsRequest(permits=batch)
            await client.call(f"{_SERVICE}/SpendContactPermits", request, timeout=60)
            done = contact_permit_service_pb2.FinishContactPermitsRequest(permits=batch)
            await client.call(f"{_SERVICE}/FinishContactPermits", done, timeout=60)
    await world.settled()
    with Meter(world.roots(*_SERVING)) as both:
        await asyncio.gather(*(_take(client, batch, again) for batch in _batches(ids)))
    note = f"{len(held):,} of {len(ids):,} given; batches of {BATCH}; " + ", ".join(
        f"{name} {value / len(ids) * 1e6:,.0f}" for name, value in taking.spent.items()
    )
    given, at_once = f"{note} µs of CPU a permit", f"{both.wall:.1f} s wall"
    return [
        Figure("contacts", "permits taken, one batch after another", len(ids) / taking.total, "permits/CPU-s", note=given),
        Figure("contacts", "permits spent and finished", len(held) / ending.total, "permits/CPU-s"),
        Figure("contacts", "permits taken, all batches at once", len(ids) / both.total, "permits/CPU-s", note=at_once),
    ]  # fmt: skip


async def _take(client: Any, batch: Sequence[str], run: str) -> list[Any]:
    asked = [
        contact_permit_pb2.Contact(
            customer_id=one, occurrence_key=f"{run}:{one}", channel=_EMAIL, purpose=_MARKETING, controller=_MAKER,
            contact_class=contact_permit_pb2.CONTACT_CLASS_CONSENTED, content_key=run,
        )
        for one in batch
    ]  # fmt: skip
    request = contact_permit_service_pb2.TakeContactPermitsRequest(contacts=asked)
    answer = await client.call(f"{_SERVICE}/TakeContactPermits", request, timeout=120)
    return [
        contact_permit_pb2.ContactPermitHolding(
            contact_permit_id=one.permit.contact_permit_id, holding=one.permit.holding
        )
        for one in answer.answers
        if one.HasField("permit")
    ]


def _batches(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


async def _withdrawals(world: World, ids: Sequence[str]) -> list[Figure]:
    """From sending the request to its answer, from which on the gate refuses; and to the event in a hearer's hands."""
    client, gate = world.platform.client("customer", "oem.agent"), world.platform.client("customer", "service")
    heard: dict[str, float] = {}
    news = asyncio.Event()
    broker = await connect_nats(world.nats.url, "bench")

    async def hear(message: Any) -> None:
        event = consent_events_pb2.ConsentChanged.FromString(message.data)
        heard.setdefault(event.customer_id, time.perf_counter())
        news.set()

    await broker.subscribe("marque.customer.v1.ConsentChanged", cb=hear)
    await broker.flush()
    answers, events = [], []
    for one in ids:
        controller = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
        entry = consent_pb2.ConsentEntry(purpose=_MARKETING, channel=_EMAIL, controller=controller, source="bench")
        began = time.perf_counter()
        request = consent_service_pb2.WithdrawConsentRequest(customer_id=one, entry=entry)
        await client.call("customer.v1.ConsentService/WithdrawConsent", request, timeout=60)
        answers.append(time.perf_counter() - began)
        if await _take(gate, [one], "after"):
            raise RuntimeError("the gate gave a permit after the answer of a withdrawal")
        async with asyncio.timeout(30):
            while one not in heard:
                news.clear()
                await news.wait()
        events.append(heard[one] - began)
    await broker.close()
    note = f"{len(ids)} withdrawals, one after another; the permit asked for after each answer was refused"
    return [
        Figure("contacts", "withdrawal answered, effective at the gate, p99", percentile(sorted(answers), 0.99) * 1000, "ms",
               target=Target("ours", "under", 1000), note=note),
        Figure("contacts", "withdrawal heard as ConsentChanged, p99", percentile(sorted(events), 0.99) * 1000, "ms",
               target=Target("ours", "under", 1000), note=f"p50 {percentile(sorted(events), 0.5) * 1000:.0f} ms"),
    ]  # fmt: skip
