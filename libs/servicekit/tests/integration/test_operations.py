"""Operations over real gRPC, PostgreSQL and NATS: dead letters seen and replayed, the state said again, how it is doing."""

from __future__ import annotations

import uuid
from typing import Any

import nats
import pytest
from marque.customer.v1.customer_events_pb2 import CustomerSnapshot
from marque.type.v1 import operations_pb2 as pb
from marque.vehicle.v1.sale_events_pb2 import SaleRecorded
from servicekit.db.base import now
from servicekit.messaging import envelope
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.CustomerOperationsService"


async def sold(lab: Any) -> str:
    """Publishes a sale that the laboratory parks while it is closed; returns the sale's id once it is parked."""
    sale_id, event_id = str(uuid.uuid4()), str(uuid.uuid4())
    event = SaleRecorded(sale_id=sale_id, aggregate_version=1)
    head = envelope.headers(
        event_id=event_id,
        event_type="marque.vehicle.v1.SaleRecorded",
        key=sale_id,
        version=1,
        time=now(),
        traceparent=None,
    )
    broker = await nats.connect(lab.platform.nats.url)
    await broker.jetstream().publish("marque.vehicle.v1.SaleRecorded", event.SerializeToString(), headers=head)
    await broker.close()

    async def parked() -> Any:
        return await lab.sql("SELECT 1 FROM dead_letters WHERE event_id = $1", uuid.UUID(event_id))

    await until(parked, 15.0, "the event was not parked")
    return sale_id


async def call(lab: Any, method: str, request: Any, role: str = "ops") -> Any:
    return await lab.client(role, subject="test:ops").call(f"{SERVICE}/{method}", request)


async def letters(lab: Any, **more: Any) -> list[Any]:
    found: list[Any] = []
    request = pb.ListDeadLettersRequest(page_size=2, **more)
    while True:
        page = await call(lab, "ListDeadLetters", request)
        found += page.dead_letters
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def applied(lab: Any, sale_id: str) -> int:
    rows = await lab.sql("SELECT count(*) AS n FROM lab_writes WHERE source_key = $1 AND principal = 'sale'", sale_id)
    return int(rows[0]["n"])


class TestDeadLetters:
    async def test_they_are_listed_and_applied_once_after_the_cause_is_gone(self, lab: Any) -> None:
        await lab.sql("DELETE FROM lab_switches")
        sales = [await sold(lab) for _ in range(5)]
        listed = await letters(lab)
        assert [item.aggregate_key for item in listed] == sales
        assert {(item.consumer, item.event_type, item.reason) for item in listed} == {
            ("customer_vehicle", "marque.vehicle.v1.SaleRecorded", "LAB_CLOSED")
        }
        assert await letters(lab, consumer="another") == []

        one = pb.ReplayDeadLettersRequest(dead_letter_ids=[listed[0].dead_letter_id], request_id="r1")
        failed = await call(lab, "ReplayDeadLetters", one)
        assert [(item.applied, item.reason) for item in failed.results] == [(False, "LAB_CLOSED")]
        assert failed.waiting == 5

        await lab.sql("INSERT INTO lab_switches VALUES ('open')")
        assert await call(lab, "ReplayDeadLetters", one) == failed  # a retry gives the first answer
        assert await applied(lab, sales[0]) == 0
        done = await call(lab, "ReplayDeadLetters", pb.ReplayDeadLettersRequest(all=True))
        assert [item.applied for item in done.results] == [True] * 5
        assert done.waiting == 0
        again = pb.ReplayDeadLettersRequest(dead_letter_ids=[item.dead_letter_id for item in listed])
        assert all(item.applied for item in (await call(lab, "ReplayDeadLetters", again)).results)
        assert [await applied(lab, sale) for sale in sales] == [1] * 5
        assert await letters(lab) == []

    @pytest.mark.parametrize(
        "request_",
        [pb.ReplayDeadLettersRequest(), pb.ReplayDeadLettersRequest(all=True, dead_letter_ids=[str(uuid.uuid4())])],
    )
    async def test_what_to_replay_must_be_said_in_one_way(self, lab: Any, request_: Any) -> None:
        with pytest.raises(RpcFailure) as refused:
            await call(lab, "ReplayDeadLetters", request_)
        assert refused.value.code == "INVALID_ARGUMENT"

    @pytest.mark.parametrize(
        ("method", "request_"),
        [
            ("ListDeadLetters", pb.ListDeadLettersRequest()),
            ("ReplayDeadLetters", pb.ReplayDeadLettersRequest(all=True)),
            ("Republish", pb.RepublishRequest()),
            ("GetState", pb.GetStateRequest()),
        ],
    )
    async def test_only_operators_may(self, lab: Any, method: str, request_: Any) -> None:
        with pytest.raises(RpcFailure) as refused:
            await call(lab, method, request_, role="dealer.manager")
        assert refused.value.code == "PERMISSION_DENIED"


class TestRepublish:
    async def test_every_row_is_said_once_in_the_order_of_keys(self, lab: Any) -> None:
        await lab.sql("DELETE FROM lab_customers")
        query = "INSERT INTO lab_customers SELECT gen_random_uuid(), 's', lpad(n::text, 5, '0'), 'x', 3 FROM generate_series(1, 1201) n"
        await lab.sql(query)
        began = await call(lab, "Republish", pb.RepublishRequest(request_id="p1"))
        assert began.aggregates == ["customer"]
        assert await call(lab, "Republish", pb.RepublishRequest(request_id="p1")) == began

        async def over() -> Any:
            found = await call(lab, "GetRepublish", pb.GetRepublishRequest(republish_id=began.republish_id))
            return found if found.state == pb.REPUBLISH_STATE_SUCCEEDED else None

        done = await until(over, 30.0, "the republication did not end")
        assert done.snapshots == 1201
        assert await heard(lab, 1201) == [
            str(row["customer_id"])
            for row in await lab.sql("SELECT customer_id FROM lab_customers ORDER BY source_key")
        ]

    async def test_an_unknown_aggregate_is_refused(self, lab: Any) -> None:
        with pytest.raises(RpcFailure) as refused:
            await call(lab, "Republish", pb.RepublishRequest(aggregate="boat"))
        assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "AGGREGATE_UNKNOWN")

    async def test_an_unknown_republication_is_not_found(self, lab: Any) -> None:
        with pytest.raises(RpcFailure) as refused:
            await call(lab, "GetRepublish", pb.GetRepublishRequest(republish_id=str(uuid.uuid4())))
        assert refused.value.reason == "REPUBLISH_NOT_FOUND"


async def heard(lab: Any, count: int) -> list[str]:
    """What a rebuilding consumer hears, in its order."""
    broker = await nats.connect(lab.platform.nats.url)
    pull = await broker.jetstream().pull_subscribe(
        "marque.customer.v1.CustomerSnapshot", durable=f"test_{uuid.uuid4().hex}", stream="MARQUE_CUSTOMER"
    )
    found: list[str] = []
    while len(found) < count:
        for message in await pull.fetch(500, timeout=10):
            snapshot = CustomerSnapshot.FromString(message.data)
            assert snapshot.aggregate_version == 3
            found.append(snapshot.customer_id)
            await message.ack()
    await broker.close()
    return found


class TestState:
    async def test_it_tells_what_waits(self, lab: Any) -> None:
        await lab.sql("DELETE FROM lab_switches")
        await sold(lab)
        found = await call(lab, "GetState", pb.GetStateRequest())
        assert (found.service, found.schema_revision, found.broker_reachable) == ("customer", "0002", True)
        assert [(item.consumer, item.source, item.dead_letters) for item in found.consumers] == [
            ("customer_vehicle", "vehicle", 1)
        ]
        assert found.consumers[0].pending == 0
        assert found.dead_letters == 1
        assert "housekeeping" in [item.kind for item in found.due_work]
        assert found.outbox.waiting == 0

    async def test_a_broker_that_is_away_is_said(self, lab: Any) -> None:
        from servicekit import state

        assert await state.broker_pending("nats://127.0.0.1:1", []) is None
