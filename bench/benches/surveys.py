"""Surveys: answers through the gateway beside the bare write of one, and invitations planned from events."""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
from google.protobuf import json_format
from marque.vehicle.v1 import repair_order_events_pb2
from marque_survey.rules import links
from servicekit import contract
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.sealing.keys import Keyring
from servicekit.sealing.sealer import Sealer
from servicekit.service import connect_nats
from servicekit.testing.platform import until

from bench.cpu import Meter
from bench.report import Figure, Target
from bench.world import World

_SERVING = ("gateway_survey", "survey", "postgres", "nats")
_PLANNING = ("survey", "postgres", "nats")
_BARE = ("bench", "postgres")
ANSWERS, INVITATIONS = (1_000, 10_000), (2_000, 20_000)  # quick, full
_CONNECTIONS, _DEALERS, _AT_ONCE, _KIND = 8, 50, 200, "marque.vehicle.v1.RepairOrderClosed"
_QUESTIONS: list[dict[str, Any]] = [
    {"code": "nps", "kind": 3, "texts": {"en": "Recommend?"}, "scale_max": 10, "required": True, "measure": 1},
    {"code": "why", "kind": 4, "texts": {"en": "Why?"}, "show_if": "answers.nps <= 6"},
    *({"code": f"step{at}", "kind": 3, "texts": {"en": "Step"}, "scale_min": 1, "scale_max": 10} for at in range(4)),
]
_INVITE = """
INSERT INTO invitations (invitation_id, questionnaire_id, questionnaire_number, customer_id, trigger, state, channel, send_count,
    version, create_time, update_time) SELECT unnest($1::uuid[]), $2, 1, gen_random_uuid(), 4, 3, 2, 1, 1, now(), now()"""
_LOCK = "SELECT version FROM invitations WHERE invitation_id = $1 FOR UPDATE"
_KEEP = """
INSERT INTO survey_answers VALUES ($1, 'nps', $2, 'bare', 1, now()) ON CONFLICT (invitation_id, question_code) DO UPDATE SET
    value = excluded.value, submission_id = excluded.submission_id, sequence = excluded.sequence, save_time = excluded.save_time"""


async def surveys(world: World) -> list[Figure]:
    """Starts the survey service beside the world and measures both."""
    world.pids["survey"] = (await world.platform.spawn("survey", **world.traced())).pid
    world.pids["bench"] = os.getpid()
    await world.spawn_gateway("gateway_survey", **world.traced())
    client = world.platform.client("survey", "oem.manager")

    async def call(rpc: str, **request: Any) -> Any:
        service, _, name = rpc.partition("/")
        message = json_format.ParseDict(request, contract.methods(f"marque.survey.v1.{service}")[name].input())
        return await client.call(f"survey.v1.{rpc}", message)

    document = {"languages": ["en"], "titles": {"en": "Visit"}, "questions": _QUESTIONS}
    made = await call("QuestionnaireService/CreateQuestionnaire", questionnaire={"name": "Bench", "document": document})
    questionnaire = made.questionnaire_id
    await call("QuestionnaireService/PublishQuestionnaire", questionnaire_id=questionnaire)
    figures = await _answers(world, uuid.UUID(questionnaire))
    plan = {"name": "Bench", "questionnaire_id": questionnaire, "trigger": 2, "active": True, "dealer_quota": 1_000_000}
    await call("SurveyPlanService/CreateSurveyPlan", plan={**plan, "delay_days": 3})
    return [*figures, await _invitations(world)]


async def _answers(world: World, questionnaire: uuid.UUID) -> list[Figure]:
    count = ANSWERS[0] if world.quick else ANSWERS[1]
    ids = [new_uuid() for _ in range(count)]
    await world.platform.sql("survey", _INVITE, ids, questionnaire)
    sealer = Sealer(Keyring.read(world.platform.sealing_keys(), ""))
    paths = [f"/v1/surveyPages/{links.make(one, 1, sealer.digest)}:answer" for one in ids]
    await _post(world, paths[: count // 10], 1)
    await world.settled(_SERVING)
    with Meter(world.roots(*_SERVING)) as used:
        await _post(world, paths, 2)
    with Meter(world.roots(*_BARE)) as bare:
        await _write(world.platform.databases["survey"], ids)
    parts = ", ".join(f"{name} {value / count * 1e6:,.0f}" for name, value in used.spent.items())
    note = f"{count:,} answers, each judged, kept and told what it leads to; {parts} µs of CPU an answer"
    against = "lock and upsert by asyncpg, alone"
    return [
        Figure(
            "surveys", "answers accepted", count / used.total, "answers/CPU-s", count / bare.total, against, note=note
        )
    ]


async def _post(world: World, paths: list[str], sequence: int) -> None:
    waiting = iter(paths)
    body = {"answer": {"questionCode": "nps", "number": 7}, "submissionId": "bench", "sequence": sequence}

    async def send(web: httpx.AsyncClient) -> None:
        for path in waiting:
            answer = await web.post(path, json=body)
            if answer.status_code != 200:
                raise RuntimeError(f"an answer was refused: {answer.text[:200]}")

    async with httpx.AsyncClient(base_url=world.urls["gateway_survey"], timeout=60) as web:
        await asyncio.gather(*(send(web) for _ in range(_CONNECTIONS)))


async def _write(url: str, ids: list[uuid.UUID]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for one in ids:
            async with connection.transaction():
                await connection.fetchval(_LOCK, one)
                await connection.execute(_KEEP, one, '{"number": 7}')
    finally:
        await connection.close()


async def _invitations(world: World) -> Figure:
    count = INVITATIONS[0] if world.quick else INVITATIONS[1]
    await _visits(world, count // 10)
    await _planned(world, count // 10)
    await world.settled(_PLANNING)
    with Meter(world.roots(*_PLANNING)) as used:
        await _visits(world, count)
        await _planned(world, count // 10 + count)
    parts = ", ".join(f"{name} {value / count * 1e6:,.0f}" for name, value in used.spent.items())
    note = f"{count:,} closed visits of {_DEALERS} dealers, each heard once, a place of its quota taken; {parts} µs of CPU each"
    target = Target("ours", "at least", 50_000)
    return Figure(
        "surveys", "invitations planned", 60 * count / used.total, "a minute of CPU", target=target, note=note
    )


async def _visits(world: World, count: int) -> None:
    broker = await connect_nats(world.nats.url, "test")
    stream, dealers, now = broker.jetstream(), [str(new_uuid()) for _ in range(_DEALERS)], datetime.now(UTC)
    try:
        for first in range(0, count, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, count))
            await asyncio.gather(*(_visit(stream, dealers[number % _DEALERS], now) for number in numbers))
    finally:
        await broker.close()


async def _visit(stream: Any, dealer: str, now: datetime) -> None:
    event = repair_order_events_pb2.RepairOrderClosed(
        repair_order_id=str(new_uuid()),
        customer_id=str(uuid.uuid4()),
        dealer_id=dealer,
        vin="LSVAA4180A2123456",
        aggregate_version=1,
    )
    event.occur_time.FromDatetime(now)
    event.close_time.FromDatetime(now - timedelta(minutes=5))
    head = envelope.headers(
        event_id=str(new_uuid()), event_type=_KIND, key=event.repair_order_id, version=1, time=now, traceparent=None
    )
    await stream.publish(_KIND, event.SerializeToString(), headers=head)


async def _planned(world: World, count: int) -> None:
    async def there() -> bool:
        await asyncio.sleep(0.3)
        rows = await world.platform.sql("survey", "SELECT count(*) AS n FROM invitations WHERE state = 1")
        return bool(rows[0]["n"] >= count)

    await until(there, 600, "not every invitation was planned")
