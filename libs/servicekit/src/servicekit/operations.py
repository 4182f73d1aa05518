"""The servicer of every `<Service>OperationsService`: dead letters, the state said again, the audit trail, how the service is doing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from marque.type.v1 import audit_pb2, operations_pb2

from servicekit import paging, republish, state
from servicekit.audit import api as audit
from servicekit.db.uow import Work
from servicekit.errors import DomainError, InvalidArgument, NotFound
from servicekit.messaging import consumer, deadletters, resend
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event
from servicekit.rpc.call import Call
from servicekit.snapshots import SnapshotReader

if TYPE_CHECKING:
    from servicekit.service import Kit

REPLAYS = 100  # in one call


class AggregateUnknown(InvalidArgument):
    """The service says no snapshots of this aggregate."""

    reason = "AGGREGATE_UNKNOWN"
    message = "There are no snapshots of {aggregate}; there are: {aggregates}."


class RepublishNotFound(NotFound):
    """No such republication."""

    reason = "REPUBLISH_NOT_FOUND"
    message = "There is no republication {republish_id}."


class ConsumerUnknown(DomainError):
    """A dead letter of a consumer that this image does not have."""

    reason = "CONSUMER_UNKNOWN"
    message = "There is no consumer {consumer}."


class OperationsApi:
    """`marque.<service>.v1.<Service>OperationsService`. `snapshots` and `subscriptions` are those of the service itself."""

    def __init__(
        self,
        service: str,
        work: Work,
        snapshots: Mapping[str, SnapshotReader],
        subscriptions: Sequence[Subscription],
        *,
        kit: Kit,
    ) -> None:
        self.service = f"marque.{service}.v1.{service.capitalize()}OperationsService"
        self._name = service
        self._work = work
        self._snapshots = snapshots
        self._subscriptions = {subscription.name: subscription for subscription in subscriptions}
        self._kit = kit

    async def ListDeadLetters(
        self, request: operations_pb2.ListDeadLettersRequest, call: Call
    ) -> operations_pb2.ListDeadLettersResponse:
        page = paging.page_of(request)
        after: Any = paging.page_key(page, paging.moment, uuid.UUID)
        async with self._work.read() as session:
            found = await state.parked(session, request.consumer, page.size + 1, after)
        rows, token = page.cut(found, lambda row: (row.create_time, str(row.dead_letter_id)))
        return operations_pb2.ListDeadLettersResponse(
            dead_letters=[_dead_letter(row) for row in rows], next_page_token=token
        )

    async def ReplayDeadLetters(
        self, request: operations_pb2.ReplayDeadLettersRequest, call: Call
    ) -> operations_pb2.ReplayDeadLettersResponse:
        """Applies dead letters, each in a transaction of its own; the one here only keeps the answer for a retry."""
        if request.all == bool(request.dead_letter_ids):
            raise InvalidArgument.of("dead_letter_ids", "REPLAY_CHOICE", "Either name dead letters or set all.")
        consumer_name = request.consumer if request.all else ""
        async with (uow := self._work(call)):
            ids = [uuid.UUID(text) for text in request.dead_letter_ids]
            if request.all:
                ids = [row.dead_letter_id for row in await state.parked(uow.session, consumer_name, REPLAYS)]
            done = await deadletters.replay(self._kit.database, ids, self._apply)
            waiting = await state.parked_count(uow.session, consumer_name)
            answer = operations_pb2.ReplayDeadLettersResponse(waiting=waiting)
            for dead_letter_id, reason in done.items():
                answer.results.add(dead_letter_id=str(dead_letter_id), applied=not reason, reason=reason)
                uow.audit("replay", "dead_letter", str(dead_letter_id))
            await uow.answer(answer)
            return answer

    async def Republish(self, request: operations_pb2.RepublishRequest, call: Call) -> Any:
        aggregates = [request.aggregate] if request.aggregate else sorted(self._snapshots)
        if not set(aggregates) <= set(self._snapshots):
            raise AggregateUnknown(aggregate=request.aggregate, aggregates=", ".join(sorted(self._snapshots)))
        async with (uow := self._work(call, republish.republish_message)):
            row = await republish.begin(uow, aggregates)
            uow.audit("republish", "state", str(row.republish_id))
            return await uow.answer(row)

    async def GetRepublish(self, request: operations_pb2.GetRepublishRequest, call: Call) -> operations_pb2.Republish:
        async with self._work.read() as session:
            row = await republish.find(session, uuid.UUID(request.republish_id))
        if row is None:
            raise RepublishNotFound(republish_id=request.republish_id)
        return republish.republish_message(row)

    async def ResendEvents(
        self, request: operations_pb2.ResendEventsRequest, call: Call
    ) -> operations_pb2.ResendEventsResponse:
        async with (uow := self._work(call)):
            start = request.publish_start_time.ToDatetime(UTC)
            end = request.publish_end_time.ToDatetime(UTC) if request.HasField("publish_end_time") else uow.now
            events = await resend.resend(uow, start, end)
            answer = operations_pb2.ResendEventsResponse(events=events, more=events == resend.STEP)
            answer.publish_end_time.FromDatetime(end)
            uow.audit("resend", "events", "")
            return await uow.answer(answer)

    async def GetState(self, request: operations_pb2.GetStateRequest, call: Call) -> operations_pb2.ServiceState:
        subscriptions = list(self._subscriptions.values())
        pending = await state.broker_pending(
            self._kit.settings.nats_url, subscriptions, self._kit.settings.broker_access
        )
        async with self._work.read() as session:
            found = await state.read(session, self._name)
            await state.add_consumers(session, found, subscriptions, pending)
        return found

    async def ListAuditRecords(
        self, request: audit_pb2.ListAuditRecordsRequest, call: Call
    ) -> audit_pb2.ListAuditRecordsResponse:
        return await audit.list_records(self._work, request, call)

    async def VerifyAuditTrail(
        self, request: audit_pb2.VerifyAuditTrailRequest, call: Call
    ) -> audit_pb2.VerifyAuditTrailResponse:
        return await audit.verify(self._kit, self._name, request)

    async def _apply(self, name: str, event: Event) -> None:
        """Applies a parked event by the way of its consumer: inbox row and effect in one transaction."""
        subscription = self._subscriptions.get(name)
        if subscription is None:
            raise ConsumerUnknown(consumer=name)
        await consumer.apply(self._kit.database, subscription, [event], self._kit.committed)


def _dead_letter(row: Any) -> operations_pb2.DeadLetter:
    version = row.headers.get("ce-aggregateversion", "")
    message = operations_pb2.DeadLetter(
        dead_letter_id=str(row.dead_letter_id),
        consumer=row.consumer,
        event_id=row.headers.get("ce-id", ""),
        event_type=row.event_type,
        aggregate_key=row.headers.get("ce-subject", ""),
        aggregate_version=int(version) if version.isdecimal() and len(version) < 19 else 0,
        reason=row.reason,
    )
    message.create_time.FromDatetime(row.create_time)
    return message
