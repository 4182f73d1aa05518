"""marque.campaign.v1.SegmentService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import segment_service_pb2 as messages
from servicekit import fields
from servicekit.db.uow import UnitOfWork, Work
from servicekit.rpc.call import Call

from marque_campaign.api.scoping import owner_of, page_of_rows, seen
from marque_campaign.errors import SegmentNotFound
from marque_campaign.mapping import segments as mapping
from marque_campaign.repository import addressing as addressed
from marque_campaign.repository import lists as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import addressing
from marque_campaign.usecases import segments as usecases
from marque_campaign.usecases.segments import Days


class SegmentApi:
    """marque.campaign.v1.SegmentService."""

    service = "marque.campaign.v1.SegmentService"

    def __init__(self, work: Work, days: Days) -> None:
        self._work = work
        self._days = days

    async def CreateSegment(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values = mapping.new_segment(request.segment)
        values["dealer_id"] = await owner_of(self._work, scope, request.segment.dealer_id, "segment.dealer_id")
        return await usecases.create(uow=self._write(call), values=values)

    async def GetSegment(self, request: Any, call: Call) -> Any:
        return mapping.segment_message(await self._seen(request, call))

    async def ListSegments(self, request: Any, call: Call) -> Any:
        rows, token = await page_of_rows(self._work, call, repository.SEGMENTS, request)
        found = [mapping.segment_message(row) for row in rows]
        return messages.ListSegmentsResponse(segments=found, next_page_token=token)

    async def UpdateSegment(self, request: Any, call: Call) -> Any:
        return await usecases.update(
            uow=self._write(call),
            scope=await scopes.visible_to(self._work.reader, call.principal),
            segment_id=uuid.UUID(request.segment.segment_id),
            values=mapping.changes(request.segment, request.update_mask),
            etag=request.segment.etag,
        )

    async def CheckSegmentRule(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        dealer = None if scope.everything or len(scope.dealers) != 1 else scope.dealers[0]
        fault = await usecases.check(self._work, request.rule, dealer) if request.rule else None
        return mapping.check_answer(fault)

    async def PreviewSegment(self, request: Any, call: Call) -> Any:
        segment = await self._seen(request, call)
        count, method = await usecases.count(self._work, segment, self._days)
        people, since = await usecases.sample(self._work, segment, self._days, request.sample_size)
        answer = messages.PreviewSegmentResponse(count=count, method=method)  # type: ignore[arg-type]
        fields.set_moment(answer, "fresh_time", since)
        mapping.add_people(answer, people)
        return answer

    async def ExplainSegment(self, request: Any, call: Call) -> Any:
        segment, customer = await self._seen(request, call), uuid.UUID(request.customer_id)
        return mapping.explanation(*await usecases.explain(self._work, segment, customer, self._days))

    async def ListSuppressionRules(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            rules = await addressed.all_rules(session)
        return messages.ListSuppressionRulesResponse(suppression_rules=[mapping.rule_message(one) for one in rules])

    async def PutSuppressionRule(self, request: Any, call: Call) -> Any:
        asked = request.suppression_rule
        write = self._work(call, mapping.rule_message)
        return await addressing.put_rule(uow=write, values=mapping.rule_values(asked), etag=asked.etag)

    async def _seen(self, request: Any, call: Call) -> Any:
        return await seen(self._work, call, repository.SEGMENTS, request.segment_id, SegmentNotFound)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, lambda made: mapping.segment_message(fields.row_of(made)))
