"""The servicer of agreements with dealers."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from servicekit.db.uow import Work
from servicekit.errors import InvalidArgument
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.api.dealers import id_of
from marque_network.errors import AgreementNotFound
from marque_network.mapping import agreements as mapping
from marque_network.mapping.parts import one_date, uuid_of
from marque_network.repository import agreements as repository
from marque_network.usecases import agreements as usecases


class DealerAgreementApi:
    """marque.network.v1.DealerAgreementService."""

    service = "marque.network.v1.DealerAgreementService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def DraftDealerAgreement(self, request: Any, call: Call) -> Any:
        values = mapping.agreement_values(request.agreement)
        return await usecases.draft_agreement(uow=self._work(call, mapping.agreement_for(call)), values=values)

    async def GetDealerAgreement(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_version(
                session, call.principal, uuid.UUID(request.agreement_id), request.version
            )
        if row is None:
            raise AgreementNotFound(agreement_id=request.agreement_id)
        return mapping.agreement_for(call)(row)

    async def ListDealerAgreements(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = mapping.agreement_key(page, request.order_by)
        filters = mapping.agreement_filters(request)
        async with self._work.read() as session:
            rows = await repository.list_versions(session, call.principal, filters, request.order_by, page, after)
        return mapping.agreement_page(rows, page, request.order_by, call)

    async def UpdateDealerAgreement(self, request: Any, call: Call) -> Any:
        return await usecases.update_agreement(
            uow=self._work(call, mapping.agreement_for(call)),
            agreement_id=id_of(request.agreement.agreement_id, "agreement.agreement_id"),
            etag=request.agreement.etag,
            patch=mapping.agreement_patch(request),
        )

    async def SignDealerAgreement(self, request: Any, call: Call) -> Any:
        return await usecases.sign_agreement(
            uow=self._work(call, mapping.agreement_for(call)),
            agreement_id=uuid.UUID(request.agreement_id),
            etag=request.etag,
            on=_given(request, "signed_date"),
            staff_id=uuid_of(request.signed_by_staff_id),
            contact_id=uuid_of(request.signed_by_contact_id),
        )

    async def AmendDealerAgreement(self, request: Any, call: Call) -> Any:
        return await usecases.amend_agreement(
            uow=self._work(call, mapping.agreement_for(call)),
            agreement_id=uuid.UUID(request.agreement_id),
            etag=request.etag,
        )

    async def TerminateDealerAgreement(self, request: Any, call: Call) -> Any:
        return await usecases.terminate_agreement(
            uow=self._work(call, mapping.agreement_for(call)),
            agreement_id=uuid.UUID(request.agreement_id),
            etag=request.etag,
            last=_given(request, "last_date"),
            reason=request.reason,
        )


def _given(request: Any, name: str) -> date:
    found = one_date(request, name)
    if found is None:
        raise InvalidArgument.of(name, "FIELD_REQUIRED", "A value is needed here.")
    return found
