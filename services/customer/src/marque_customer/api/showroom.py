"""The servicers of fleet deals, referrals and re-calls."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors.showroom import FleetDealNotFound, ReferralNotFound
from marque_customer.mapping import showroom as mapping
from marque_customer.mapping.leads import missing, optional_id
from marque_customer.mapping.times import moment
from marque_customer.repository import families, recalls, referrals
from marque_customer.repository import fleet_deals as deals
from marque_customer.usecases.leads import recalling, referring
from marque_customer.usecases.showroom import fleet_deals

_YEAR = timedelta(days=365)


class ReferralApi:
    """marque.customer.v1.ReferralService."""

    service = "marque.customer.v1.ReferralService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateReferral(self, request: Any, call: Call) -> Any:
        return await referring.create(
            uow=self._work(call, mapping.referral_for(call)),
            lead_id=uuid.UUID(request.lead_id),
            referrer=uuid.UUID(request.referrer_customer_id),
        )

    async def GetReferral(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await referrals.read(session, call.principal, uuid.UUID(request.referral_id))
        if row is None:
            raise ReferralNotFound(referral_id=request.referral_id)
        return mapping.referral_for(call)(row)

    async def ListReferrals(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        equal: dict[str, Any] = {"dealer_id": uuid.UUID(request.dealer_id)} if request.dealer_id else {}
        if request.state:
            equal["state"] = request.state
        async with self._work.read() as session:
            persons = {
                name: await families.whole(session, [uuid.UUID(text)])
                for name in ("customer_id", "referrer_customer_id")
                if (text := getattr(request, name))
            }
            rows = await referrals.page(session, call.principal, equal, persons, descending, page, after)
        return mapping.referral_page(call, *page.cut(rows, lambda row: (row.create_time, str(row.referral_id))))


class LeadRecallApi:
    """marque.customer.v1.LeadRecallService."""

    service = "marque.customer.v1.LeadRecallService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def RecordLeadRecall(self, request: Any, call: Call) -> Any:
        uow = self._work(call, mapping.recall_for(call))
        return await recalling.record(uow=uow, lead_id=uuid.UUID(request.lead_id), **mapping.recall_values(request))

    async def ListLeadRecalls(self, request: Any, call: Call) -> Any:
        page, dealer_id = page_of(request), optional_id(request.dealer_id)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        async with self._work.read() as session:
            rows = await recalls.page(session, call.principal, dealer_id, descending, page, after)
        return mapping.recall_page(call, *page.cut(rows, lambda row: (row.create_time, str(row.lead_id))))

    async def GetLeadRecallReport(self, request: Any, call: Call) -> Any:
        since = moment(request.from_time, "from_time") if request.HasField("from_time") else now() - _YEAR
        async with self._work.read() as session:
            rows = await recalls.report(session, call.principal, optional_id(request.dealer_id), since)
        return mapping.recall_report(rows)


class FleetDealApi:
    """marque.customer.v1.FleetDealService."""

    service = "marque.customer.v1.FleetDealService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateFleetDeal(self, request: Any, call: Call) -> Any:
        if not request.title.strip():
            raise missing("title")
        return await fleet_deals.create(
            uow=self._work(call, mapping.deal_for(call)),
            customer_id=uuid.UUID(request.customer_id),
            title=request.title.strip(),
            parts=[mapping.part_values(part) for part in request.parts],
        )

    async def AddFleetDealPart(self, request: Any, call: Call) -> Any:
        return await fleet_deals.add_part(
            uow=self._work(call, mapping.deal_for(call)),
            fleet_deal_id=uuid.UUID(request.fleet_deal_id),
            values=mapping.part_values(request.part),
        )

    async def GetFleetDeal(self, request: Any, call: Call) -> Any:
        deal_id = uuid.UUID(request.fleet_deal_id)
        async with self._work.read() as session:
            row = await deals.read(session, call.principal, deal_id)
            if row is None:
                raise FleetDealNotFound(fleet_deal_id=request.fleet_deal_id)
            parts = await deals.parts_of(session, call.principal, [deal_id])
        return mapping.deal_for(call)(fleet_deals.View(row, parts[deal_id]))

    async def ListFleetDeals(self, request: Any, call: Call) -> Any:
        page, dealer_id = page_of(request), optional_id(request.dealer_id)
        after, descending = page_key(page, token_moment, uuid.UUID), request.order_by != "create_time"
        async with self._work.read() as session:
            family = await families.whole(session, [uuid.UUID(request.customer_id)]) if request.customer_id else None
            rows = await deals.page(session, call.principal, dealer_id, family, descending, page, after)
            shown, token = page.cut(rows, lambda row: (row.create_time, str(row.fleet_deal_id)))
            parts = await deals.parts_of(session, call.principal, [row.fleet_deal_id for row in shown])
        return mapping.deal_page(call, [fleet_deals.View(row, parts[row.fleet_deal_id]) for row in shown], token)

    async def CloseFleetDealPart(self, request: Any, call: Call) -> Any:
        return await fleet_deals.close_part(
            uow=self._work(call, mapping.deal_for(call)),
            fleet_deal_id=uuid.UUID(request.fleet_deal_id),
            part_id=uuid.UUID(request.fleet_deal_part_id),
            etag=request.etag,
            said=mapping.closing_values(request),
        )
