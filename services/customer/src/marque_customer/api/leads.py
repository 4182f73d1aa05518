"""The servicers of leads: the desk, promises, rules, intake."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from marque.customer.v1 import lead_promise_service_pb2, lead_service_pb2
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import moment as token_moment
from servicekit.paging import page_key, page_of
from servicekit.rpc.call import Call

from marque_customer.errors import LeadNotFound, LeadRulesNotFound
from marque_customer.mapping import lead_rules as rules_mapping
from marque_customer.mapping import leads as mapping
from marque_customer.mapping.interactions import own_dealer
from marque_customer.mapping.leads import optional_id
from marque_customer.mapping.requests import lead_filter
from marque_customer.mapping.times import moment
from marque_customer.repository import lead_work
from marque_customer.repository import leads as repository
from marque_customer.usecases.leads import creating, finding, intake, promises, rules, verbs

_YEAR = timedelta(days=365)
_MOST_CHANGES = 2**62


class LeadApi:
    """marque.customer.v1.LeadService."""

    service = "marque.customer.v1.LeadService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateLead(self, request: Any, call: Call) -> Any:
        message = request.lead
        wish = creating.Wish(source=message.source, source_detail=message.source_detail, **mapping.wish_values(message))
        return await creating.create(
            uow=self._work(call, mapping.lead_for(call)),
            customer_id=uuid.UUID(message.customer_id),
            wish=wish,
            dealer_id=own_dealer(request.dealer_id, call.principal, "dealer_id"),
        )

    async def GetLead(self, request: Any, call: Call) -> Any:
        lead_id = uuid.UUID(request.lead_id)
        async with self._work.read() as session:
            row = await repository.read(session, call.principal, lead_id)
            if row is None:
                raise LeadNotFound(lead_id=request.lead_id)
            joined = await repository.joined(session, call.principal, row.group_id, lead_id)
        return mapping.lead_for(call)(mapping.LeadView(row, joined))

    async def ListLeads(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after, wanted = page_key(page, token_moment, uuid.UUID), lead_filter(request)
        async with self._work.read() as session:
            rows = await repository.page(session, call.principal, wanted, request.order_by, page, after)
        by_due = request.order_by == "next_due_time"
        key = lambda row: (row.next_due_time if by_due else row.create_time, str(row.lead_id))  # noqa: E731
        return mapping.lead_page(call, *page.cut(rows, key))

    async def SearchLeads(self, request: Any, call: Call) -> lead_service_pb2.SearchLeadsResponse:
        return await finding.search(work=self._work, call=call, request=request)

    async def UpdateLead(self, request: Any, call: Call) -> Any:
        if not request.lead.lead_id:
            raise mapping.missing("lead.lead_id")
        paths = mapping.changed_paths(request)
        return await verbs.update(
            uow=self._work(call, mapping.lead_for(call)),
            lead_id=uuid.UUID(_id(request.lead.lead_id)),
            etag=request.lead.etag,
            values=mapping.wish_values(request.lead, paths),
        )

    async def AssignLead(self, request: Any, call: Call) -> Any:
        return await verbs.assign(
            **self._verb(request, call),
            dealer_id=optional_id(request.dealer_id),
            adviser=optional_id(request.adviser_staff_id),
            reason=request.reason,
        )

    async def RecordLeadContact(self, request: Any, call: Call) -> Any:
        at = moment(request.contact_time, "contact_time") if request.HasField("contact_time") else None
        return await verbs.contact(**self._verb(request, call), reached=request.reached, note=request.note, at=at)

    async def AdvanceLead(self, request: Any, call: Call) -> Any:
        return await verbs.advance(**self._verb(request, call), stage=request.stage, reason=request.reason)

    async def WinLead(self, request: Any, call: Call) -> Any:
        return await verbs.win(**self._verb(request, call), sale_id=request.sale_id, reason=request.reason)

    async def ProposeLeadLoss(self, request: Any, call: Call) -> Any:
        given = {"reason": request.reason, "competitor": request.competitor, "note": request.note}
        return await verbs.propose_loss(**self._verb(request, call), **given)

    async def DecideLeadLoss(self, request: Any, call: Call) -> Any:
        return await verbs.decide_loss(**self._verb(request, call), approved=request.approved, reason=request.reason)

    async def RecycleLead(self, request: Any, call: Call) -> Any:
        return await verbs.recycle(**self._verb(request, call), reason=request.reason)

    async def ListLeadChanges(self, request: Any, call: Call) -> Any:
        page, lead_id = page_of(request), uuid.UUID(request.lead_id)
        after, descending = page_key(page, _number), request.order_by == "sequence desc"
        async with self._work.read() as session:
            if await repository.customer_of(session, call.principal, lead_id) is None:
                raise LeadNotFound(lead_id=request.lead_id)
            rows = await repository.changes(session, call.principal, lead_id, page, descending, after)
        return mapping.change_page(call, *page.cut(rows, lambda row: (row.sequence,)))

    def _verb(self, request: Any, call: Call) -> dict[str, Any]:
        uow = self._work(call, mapping.lead_for(call))
        return {"uow": uow, "lead_id": uuid.UUID(request.lead_id), "etag": request.etag}


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidArgument.of("lead.lead_id", "ID_INVALID", "Give the id of a lead.") from None


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST_CHANGES:
        raise ValueError
    return value


class LeadPromiseApi:
    """marque.customer.v1.LeadPromiseService."""

    service = "marque.customer.v1.LeadPromiseService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def AddLeadPromise(self, request: Any, call: Call) -> Any:
        message = request.promise
        if not message.text.strip():
            raise mapping.missing("promise.text")
        priced = message.HasField("amount")
        currency, minor = mapping.amount(message.amount, "promise.amount") if priced else ("", None)
        due = moment(message.due_time, "promise.due_time") if message.HasField("due_time") else None
        values = {"kind": message.kind, "text": message.text.strip(), "currency": currency, "minor": minor}
        return await promises.add(
            uow=self._work(call, mapping.promise_for(call)),
            lead_id=uuid.UUID(request.lead_id),
            values={**values, "due_time": due},
        )

    async def ListLeadPromises(self, request: Any, call: Call) -> Any:
        lead_id = uuid.UUID(request.lead_id)
        async with self._work.read() as session:
            if await repository.customer_of(session, call.principal, lead_id) is None:
                raise LeadNotFound(lead_id=request.lead_id)
            rows = await repository.promises(session, lead_id, promises.MOST)
        render = mapping.promise_for(call)
        return lead_promise_service_pb2.ListLeadPromisesResponse(promises=[render(row) for row in rows])

    async def SettleLeadPromise(self, request: Any, call: Call) -> Any:
        return await promises.settle(
            uow=self._work(call, mapping.promise_for(call)),
            lead_id=uuid.UUID(request.lead_id),
            promise_id=uuid.UUID(request.promise_id),
            kept=request.kept,
        )


class LeadRulesApi:
    """marque.customer.v1.LeadRulesService."""

    service = "marque.customer.v1.LeadRulesService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def GetLeadRules(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            asked = request.version
            row = await (lead_work.rules_of(session, asked) if asked else lead_work.latest_rules(session))
        if row is None:
            raise LeadRulesNotFound(version=request.version)
        return rules_mapping.rules_message(row)

    async def PutLeadRules(self, request: Any, call: Call) -> Any:
        return await rules.put(
            uow=self._work(call, rules_mapping.rules_message),
            values=rules_mapping.rules_values(request.rules),
            etag=request.rules.etag,
        )

    async def GetLeadCalibration(self, request: Any, call: Call) -> Any:
        begin = moment(request.from_time, "from_time") if request.HasField("from_time") else now() - _YEAR
        end = moment(request.to_time, "to_time") if request.HasField("to_time") else None
        async with self._work.read() as session:
            rows = await lead_work.calibration(session, call.principal, optional_id(request.dealer_id), begin, end)
        return rules_mapping.calibration(rows, lead_work.CALIBRATED)


class LeadIntakeApi:
    """marque.customer.v1.LeadIntakeService."""

    service = "marque.customer.v1.LeadIntakeService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ReceiveAdf(self, request: Any, call: Call) -> Any:
        return await intake.receive_adf(uow=self._work(call), document=request.document, charset=request.charset)

    async def SubmitWebLead(self, request: Any, call: Call) -> Any:
        return await intake.submit_web(uow=self._work(call), request=request)
