"""marque.campaign.v1.CampaignSendService."""

from __future__ import annotations

import uuid
from typing import Any

from marque.campaign.v1 import campaign_send_service_pb2 as messages
from servicekit.db.uow import Work
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call
from servicekit.sealing.tokens import Digests

from marque_campaign.api.scoping import seen
from marque_campaign.errors import CampaignNotFound
from marque_campaign.mapping import journeys
from marque_campaign.mapping import sends as mapping
from marque_campaign.repository import ledger as repository
from marque_campaign.repository import lists, runs
from marque_campaign.repository import scope as scopes
from marque_campaign.usecases import ledger as usecases


class CampaignSendApi:
    """marque.campaign.v1.CampaignSendService."""

    service = "marque.campaign.v1.CampaignSendService"

    def __init__(self, work: Work, digests: Digests) -> None:
        self._work = work
        self._digests = digests

    async def ListCampaignSends(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        (after,) = page_key(page, uuid.UUID) or (None,)
        row = await self._seen(request, call)
        rows = await repository.page(self._work.reader, row["campaign_id"], request.state, page, after)
        shown, token = page.cut(rows, lambda line: (str(line["send_id"]),))
        found = [mapping.send_message(line) for line in shown]
        return messages.ListCampaignSendsResponse(sends=found, next_page_token=token)

    async def ExplainCampaignSend(self, request: Any, call: Call) -> Any:
        row, person = await self._seen(request, call), uuid.UUID(request.customer_id)
        rows = await repository.of_person(self._work.reader, row["campaign_id"], person)
        walks = await runs.of_person(self._work.reader, row["campaign_id"], person)
        reason = "" if rows or walks else "NOT_IN_AUDIENCE" if row["plan_time"] is not None else "NOT_LAUNCHED"
        listed = await repository.is_listed(self._work.reader, row["audience_list_id"], person)
        found = [mapping.send_message(line) for line in rows]
        codes = journeys.codes_of(row)
        told = [journeys.run_message(one, codes) for one in walks]
        return messages.ExplainCampaignSendResponse(reason=reason, listed=listed, sends=found, runs=told)

    async def SettleCampaignSend(self, request: Any, call: Call) -> Any:
        uow = self._work(call, lambda made: mapping.send_message(made._mapping))
        scope = await scopes.visible_to(self._work.reader, call.principal)
        return await usecases.settle(uow=uow, scope=scope, send_id=uuid.UUID(request.send_id), state=request.state)

    async def RecordDeliveryReports(self, request: Any, call: Call) -> Any:
        reports = [(uuid.UUID(one.send_id), int(one.state), one.reason, one.address_gone) for one in request.reports]
        changed, unknown = await usecases.record(uow=self._work(call), reports=reports)
        return messages.RecordDeliveryReportsResponse(changed_count=changed, unknown_count=unknown)

    async def RecordBounceMail(self, request: Any, call: Call) -> Any:
        found = mapping.report_of(request.message, self._digests)
        reports = [] if found is None else [found]
        changed, unknown = await usecases.record(uow=self._work(call), reports=reports)
        return messages.RecordDeliveryReportsResponse(changed_count=changed, unknown_count=unknown if reports else 1)

    async def _seen(self, request: Any, call: Call) -> Any:
        return await seen(self._work, call, lists.CAMPAIGNS, request.campaign_id, CampaignNotFound)
