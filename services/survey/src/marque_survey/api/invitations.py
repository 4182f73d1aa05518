"""marque.survey.v1.InvitationService."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from marque.survey.v1 import invitation_service_pb2 as rpc
from servicekit import fields
from servicekit.db.query import Order
from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import moment, page_key, page_of
from servicekit.rpc.call import Call
from servicekit.scope import family, knows_dealer

from marque_survey.clients import Customers
from marque_survey.errors import CustomerNotFound, DealerNotFound, InvitationNotFound
from marque_survey.mapping import invitations as mapping
from marque_survey.repository import invitations as repository
from marque_survey.repository import questionnaires
from marque_survey.repository import scope as scopes
from marque_survey.repository.scope import Scope
from marque_survey.rules import kinds
from marque_survey.usecases import inviting

Link = Callable[[uuid.UUID, int], str]


class InvitationApi:
    """marque.survey.v1.InvitationService."""

    service = "marque.survey.v1.InvitationService"

    def __init__(self, work: Work, customers: Customers, link: Link) -> None:
        self._work = work
        self._customers = customers
        self._link = link

    async def CreateInvitation(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        values = mapping.new_invitation(request)
        values["dealer_id"] = await self._dealer(scope, request.dealer_id)
        if not await self._customers.exists(request.customer_id, scope.asks_for):
            raise CustomerNotFound()
        render = mapping.invitation_for(call, knows_persons=True)  # who invites knows whom

        def told(made: Any) -> Any:
            link = self._link(made.invitation_id, made.send_count) if made.channel == kinds.LINK else ""
            return render(fields.row_of(made), link)

        return await inviting.create(uow=self._work(call, told), values=values)

    async def GetInvitation(self, request: Any, call: Call) -> Any:
        row, scope = await self._seen(request.invitation_id, call)
        return mapping.invitation_for(call, knows_persons=scope.knows_persons)(row)

    async def ListInvitations(self, request: Any, call: Call) -> Any:
        reader, page = self._work.reader, page_of(request)
        order = Order.of(request.order_by, "create_time desc", "invitation_id")
        after = page_key(page, moment, uuid.UUID)
        scope = await scopes.visible_to(reader, call.principal)
        if scope.nothing:
            return rpc.ListInvitationsResponse()
        customers = await family(reader, uuid.UUID(request.customer_id)) if request.customer_id else ()
        filters = mapping.filters(request)
        rows = await repository.list_rows(reader, scope, filters, customers, order, page, after)
        found, token = page.cut(rows, lambda row: (row["create_time"], str(row["invitation_id"])))
        render = mapping.invitation_for(call, knows_persons=scope.knows_persons)
        return rpc.ListInvitationsResponse(invitations=[render(row) for row in found], next_page_token=token)

    async def ResendInvitation(self, request: Any, call: Call) -> Any:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        render = mapping.invitation_for(call, knows_persons=scope.knows_persons)
        return await inviting.resend(
            uow=self._work(call, lambda made: render(fields.row_of(made))),
            scope=scope,
            invitation_id=uuid.UUID(request.invitation_id),
            etag=request.etag,
        )

    async def GetSurveyResponse(self, request: Any, call: Call) -> Any:
        row, scope = await self._seen(request.invitation_id, call)
        message = mapping.invitation_for(call, knows_persons=scope.knows_persons)(row)
        if row["state"] != kinds.FINISHED:
            return mapping.response(call, message, {}, (), ())
        asked = await questionnaires.get(self._work.reader, row["questionnaire_id"], row["questionnaire_number"])
        order = [one["code"] for one in asked["document"].get("questions", ())] if asked else []
        given = await repository.read_answers(self._work.reader, row["invitation_id"])
        scores = await repository.read_scores(self._work.reader, row["invitation_id"])
        return mapping.response(call, message, given, order, scores)

    async def _seen(self, invitation_id: str, call: Call) -> tuple[Any, Scope]:
        scope = await scopes.visible_to(self._work.reader, call.principal)
        row = await repository.get(self._work.reader, scope, uuid.UUID(invitation_id))
        if row is None:
            raise InvitationNotFound()
        return row, scope

    async def _dealer(self, scope: Scope, named: str) -> uuid.UUID | None:
        """The dealer whom an invitation is about: the one named, for a dealer's staff their own, else the maker (None)."""
        if not named:
            if scope.everything:
                return None
            if len(scope.dealers) != 1:
                raise InvalidArgument.of("dealer_id", "DEALER_MISSING", "Name the dealer.")
            return scope.dealers[0]
        dealer = uuid.UUID(named)
        if not (scope.everything or dealer in scope.dealers) or not await knows_dealer(self._work.reader, dealer):
            raise DealerNotFound()
        return dealer
