"""The servicers of admission files and contacts of dealers."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import Work
from servicekit.paging import page_of
from servicekit.rpc.call import Call

from marque_network.api.dealers import id_of
from marque_network.errors import AdmissionNotFound, ContactNotFound
from marque_network.mapping import admissions, contacts
from marque_network.mapping.dealers import dealer_filters
from marque_network.mapping.parts import one_date
from marque_network.repository import partnership as repository
from marque_network.usecases import partnership as usecases


class DealerAdmissionApi:
    """marque.network.v1.DealerAdmissionService."""

    service = "marque.network.v1.DealerAdmissionService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def PutDealerAdmission(self, request: Any, call: Call) -> Any:
        return await usecases.put_admission(
            uow=self._work(call, admissions.admission_for(call)),
            dealer_id=id_of(request.admission.dealer_id, "admission.dealer_id"),
            etag=request.admission.etag,
            values=admissions.admission_values(request.admission),
        )

    async def GetDealerAdmission(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_admission(session, call.principal, uuid.UUID(request.dealer_id))
        if row is None:
            raise AdmissionNotFound(dealer_id=request.dealer_id)
        return admissions.admission_for(call)(row)

    async def ListDealerAdmissions(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = admissions.admission_key(page, request.order_by)
        before = one_date(request, "expires_before_date")
        async with self._work.read() as session:
            rows = await repository.list_admissions(session, call.principal, before, request.order_by, page, after)
        return admissions.admission_page(rows, page, request.order_by, call)


class DealerContactApi:
    """marque.network.v1.DealerContactService."""

    service = "marque.network.v1.DealerContactService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def CreateDealerContact(self, request: Any, call: Call) -> Any:
        values = contacts.contact_values(request.contact)
        return await usecases.create_contact(uow=self._work(call, contacts.contact_for(call)), values=values)

    async def GetDealerContact(self, request: Any, call: Call) -> Any:
        async with self._work.read() as session:
            row = await repository.read_contact(session, call.principal, uuid.UUID(request.contact_id))
        if row is None:
            raise ContactNotFound(contact_id=request.contact_id)
        return contacts.contact_for(call)(row)

    async def ListDealerContacts(self, request: Any, call: Call) -> Any:
        page = page_of(request)
        after = contacts.contact_key(page)
        filters = dealer_filters(request, "dealer_id", "topic", "include_former")
        async with self._work.read() as session:
            rows = await repository.list_contacts(session, call.principal, filters, request.order_by, page, after)
        return contacts.contact_page(rows, page, call)

    async def UpdateDealerContact(self, request: Any, call: Call) -> Any:
        return await usecases.update_contact(
            uow=self._work(call, contacts.contact_for(call)),
            contact_id=id_of(request.contact.contact_id, "contact.contact_id"),
            etag=request.contact.etag,
            patch=contacts.contact_patch(request),
        )
