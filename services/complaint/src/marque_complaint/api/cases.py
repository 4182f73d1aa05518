"""marque.complaint.v1.CaseService."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import orjson
from marque.complaint.v1 import case_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.query import Order
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument, Unavailable
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call
from servicekit.scope import family
from servicekit.staff import subject_key
from tradekit import search

from marque_complaint.api.scoping import dealer_of, own_dealer, seen
from marque_complaint.clients import Customers
from marque_complaint.errors import CaseNotFound, CaseViewNotFound, CustomerNotFound
from marque_complaint.mapping import cases as mapping
from marque_complaint.mapping import tools as tool_mapping
from marque_complaint.mapping.attachments import attachment_for as file_for
from marque_complaint.repository import attachments, facts, relations, tools
from marque_complaint.repository import cases as repository
from marque_complaint.repository import clocks as clock_rows
from marque_complaint.repository import scope as scopes
from marque_complaint.rules import clocks, hours, kinds, tracking
from marque_complaint.usecases import creating, verbs

_SEARCH_SIZE = 20
FILES_READ = "complaint.attachments.read"


class CaseApi:
    """marque.complaint.v1.CaseService. The verbs without further arguments are made from one pattern."""

    service = "marque.complaint.v1.CaseService"

    def __init__(self, work: Work, customers: Customers) -> None:
        self._work = work
        self._customers = customers

    async def CreateCase(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values = mapping.new_case(request)
        values["dealer_id"] = await dealer_of(self._work, scope, request.case.dealer_id)
        if scope.customers:
            values |= {"channel": kinds.WEB, "customer_tier": "", "customer_id": uuid.UUID(call.principal.customer_id)}
        else:
            values["customer_id"] = await self._known(request.case.customer_id, scope)
            values |= mapping.receipt(request, now())
        author = creating.Author(customer=bool(scope.customers))
        return await creating.create(uow=self._write(call), scope=scope, author=author, values=values)

    async def GetCase(self, request: Any, call: Call) -> Any:
        row = await seen(self._work, call, request.case_id)
        found = (await repository.clocks_of(self._work.reader, [row["case_id"]])).get(row["case_id"], [])
        made = mapping.case_for(call)(row, found, await self._elapsed(row) if found else None)
        if (guess := await facts.prediction(self._work.reader, row["case_id"])) is not None:
            mapping.add_prediction(made, guess)
        if call.principal.may(FILES_READ):
            shown = await attachments.of_cases(
                self._work.reader,
                await relations.with_merged(self._work.reader, row["case_id"]),
                internal=not call.principal.is_owner,
            )
            made.attachments.extend(map(file_for(call), shown))
        return made

    async def ListCases(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "receive_time desc", "case_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(reader, call.principal)
        filters = await self._filters(request, scope, call)
        if scope.nothing or filters.get("nothing"):
            return case_service_pb2.ListCasesResponse()
        customers = await family(reader, uuid.UUID(request.customer_id)) if request.customer_id else ()
        rows = await repository.list_cases(reader, scope, filters, customers, order, page, after)
        shown, token = page.cut(rows, lambda row: (row[order.column], str(row["case_id"])))
        found = await repository.clocks_of(reader, [row["case_id"] for row in shown])
        render = mapping.case_for(call)
        return case_service_pb2.ListCasesResponse(
            cases=[render(row, found.get(row["case_id"], ())) for row in shown], next_page_token=token
        )

    async def SearchCases(self, request: Any, call: Call) -> Any:
        asked = search.query(request.query)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        if asked.is_empty or scope.nothing:
            raise InvalidArgument.of("query", "QUERY_TOO_VAGUE", "Give a word, two Han characters, or part of a VIN.")
        rows, cut = await repository.search_cases(self._work.reader, scope, asked)
        size, render = request.page_size or _SEARCH_SIZE, mapping.case_for(call)
        return case_service_pb2.SearchCasesResponse(
            cases=[render(row) for row in rows[:size]], truncated=cut or len(rows) > size
        )

    async def UpdateCase(self, request: Any, call: Call) -> Any:
        values = mapping.changes(request.case, request.update_mask)
        scope = await scopes.visible_to(self._work.reader, call.principal)
        if values.get("dealer_id") is not None:
            await own_dealer(self._work, scope, values["dealer_id"])
        named = values.get("customer_id")
        if named is not None and not await self._customers.exists(str(named), scope.asks_for):
            raise CustomerNotFound()
        case_id = uuid.UUID(request.case.case_id)
        return await verbs.update(
            uow=self._write(call), scope=scope, case_id=case_id, values=values, etag=request.case.etag
        )

    async def AcknowledgeCase(self, request: Any, call: Call) -> Any:
        return await verbs.acknowledge(**await self._verb(request, call))

    async def AssessCase(self, request: Any, call: Call) -> Any:
        told = {
            "severity": request.severity,
            "category": request.category.strip(),
            "components": list(request.components),
        }
        return await verbs.assess(**await self._verb(request, call), **told)

    async def InvestigateCase(self, request: Any, call: Call) -> Any:
        return await verbs.investigate(**await self._verb(request, call))

    async def ProposeCase(self, request: Any, call: Call) -> Any:
        return await verbs.propose(**await self._verb(request, call), proposal=request.proposal)

    async def AnswerCase(self, request: Any, call: Call) -> Any:
        told = {"accepted": request.accepted, "further_options": request.further_options}
        return await verbs.answer(**await self._verb(request, call), **told)

    async def ResolveCase(self, request: Any, call: Call) -> Any:
        told = {name: getattr(request, name) for name in ("resolution", "remedy", "cause", "open_tasks_reason")}
        return await verbs.resolve(**await self._verb(request, call), **told)

    async def CloseCase(self, request: Any, call: Call) -> Any:
        return await verbs.close(**await self._verb(request, call))

    async def ReopenCase(self, request: Any, call: Call) -> Any:
        return await verbs.reopen(**await self._verb(request, call), reason=request.reason)

    async def EscalateCase(self, request: Any, call: Call) -> Any:
        told = {"reason": request.reason, "escalation": request.escalation}
        return await verbs.escalate(**await self._verb(request, call), **told)

    async def WaitCase(self, request: Any, call: Call) -> Any:
        told = {"waiting": request.waiting, "reason": request.reason}
        return await verbs.wait(**await self._verb(request, call), **told)

    async def ResumeCase(self, request: Any, call: Call) -> Any:
        return await verbs.resume(**await self._verb(request, call))

    async def AssignCase(self, request: Any, call: Call) -> Any:
        staff = fields.uuid_or_none(request.staff_id)
        return await verbs.assign(**await self._verb(request, call), staff_id=staff)

    async def ListCaseEntries(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        (after,) = page_key(page, int) or (0,)
        row = await seen(self._work, call, request.case_id)
        found = await repository.list_entries(self._work.reader, row["case_id"], page, after)
        shown, token = page.cut(found, lambda entry: (entry["sequence"],))
        render = mapping.entry_for(call)
        return case_service_pb2.ListCaseEntriesResponse(
            entries=[render(row["case_id"], entry) for entry in shown], next_page_token=token
        )

    async def TrackCase(self, request: Any, call: Call) -> Any:
        row = await repository.tracked(self._work.reader, tracking.tidy(request.tracking_code))
        if row is None:
            raise CaseNotFound()
        return mapping.tracked(row)

    def _write(self, call: Call) -> UnitOfWork:
        return self._work(call, mapping.rendered(call))

    async def _verb(self, request: Any, call: Call) -> dict[str, Any]:
        """What every verb is given."""
        return {
            "uow": self._write(call),
            "scope": await scopes.visible_to(self._work.reader, call.principal),
            "case_id": uuid.UUID(request.case_id),
            "etag": request.etag,
        }

    async def _filters(self, request: Any, scope: scopes.Scope, call: Call) -> dict[str, Any]:
        """What a list is narrowed by, a saved view included. Raises CaseViewNotFound."""
        filters = mapping.filters(request)
        if request.view_id:
            mine = subject_key(call.principal.subject)
            view = await tools.view(self._work.reader, scope, mine, uuid.UUID(request.view_id))
            if view is None:
                raise CaseViewNotFound()
            filters = tool_mapping.narrowed(filters, tool_mapping.filter_of(view), now())
        if filters.pop("mine"):
            me = fields.uuid_or_none(call.principal.staff_id)
            other = filters["handler_staff_id"]
            filters["handler_staff_id"] = me
            filters["nothing"] = filters.get("nothing") or me is None or other not in (None, me)
        return {**filters, "now": now()}

    async def _known(self, named: str, scope: scopes.Scope) -> uuid.UUID | None:
        """The customer of a new case; None where nobody knows them, or nobody can be asked: the case is taken all the same."""
        try:
            return uuid.UUID(named) if named and await self._customers.exists(named, scope.asks_for) else None
        except Unavailable:
            return None

    async def _elapsed(self, row: Any) -> dict[int, timedelta]:
        """What has passed of the clocks of a case, computed from its history."""
        reader, calendar = self._work.reader, None
        if row["dealer_id"] is None:
            policy = await clock_rows.read_policy(reader, row["policy_version"])
            if policy is not None:
                document = orjson.loads(policy["document"])
                calendar = hours.maker_calendar(document["time_zone"], document["week"])
        elif (known := await clock_rows.read_hours(reader, row["dealer_id"])) is not None:
            calendar = hours.calendar_of(
                hours.Hours(
                    known["version"],
                    known["time_zone"] or "UTC",
                    orjson.loads(known["week"]),
                    known["holiday_country"],
                    orjson.loads(known["exceptions"]),
                )
            )
        if calendar is None:
            return {}
        found = clocks.clocks(await clock_rows.read_history(reader, row["case_id"]), calendar)
        return {kind: clock.elapsed(calendar, now()) for kind, clock in found.items()}
