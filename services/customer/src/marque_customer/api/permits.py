"""The servicers of contact: permits, rules, preferences, and withdrawals that wait for what is under way."""

from __future__ import annotations

import uuid
from typing import Any

from marque.customer.v1 import contact_permit_service_pb2 as wire
from marque.customer.v1 import contact_rule_service_pb2
from servicekit.db.uow import Work
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.call import Call
from servicekit.sealing.sealer import Sealer

from marque_customer.mapping import permits as mapping
from marque_customer.mapping import preferences as pages
from marque_customer.personal import CustomerPersonalData
from marque_customer.repository import contact_rules as rules_repository
from marque_customer.rules.permits import Windows
from marque_customer.usecases import contact_rules, permits, preferences
from marque_customer.usecases.settling import settles, wait


class ContactPermitApi:
    """marque.customer.v1.ContactPermitService."""

    service = "marque.customer.v1.ContactPermitService"

    def __init__(self, work: Work, windows: Windows) -> None:
        self._work = work
        self._windows = windows

    async def TakeContactPermits(self, request: Any, call: Call) -> Any:
        asked = mapping.asked(request)
        return mapping.answers(
            call, await permits.take(uow=self._work(call), asked=asked, windows=self._windows), self._windows
        )

    async def SpendContactPermits(self, request: Any, call: Call) -> Any:
        held = mapping.holdings(request)
        found = await permits.spend(uow=self._work(call), permits=held, windows=self._windows)
        return wire.SpendContactPermitsResponse(outcomes=mapping.outcomes(found))

    async def FinishContactPermits(self, request: Any, call: Call) -> Any:
        found = await permits.finish(uow=self._work(call), permits=mapping.holdings(request))
        return wire.FinishContactPermitsResponse(outcomes=mapping.outcomes(found))

    async def ReturnContactPermits(self, request: Any, call: Call) -> Any:
        found = await permits.give_back(uow=self._work(call), permits=mapping.holdings(request))
        return wire.ReturnContactPermitsResponse(outcomes=mapping.outcomes(found))

    async def SetContactHold(self, request: Any, call: Call) -> Any:
        values = {name: getattr(request, name) for name in ("reference_type", "reference_id", "open", "version")}
        customer_id = uuid.UUID(request.customer_id)
        return mapping.hold_of(await contact_rules.hold(uow=self._work(call), customer_id=customer_id, values=values))


class ContactRuleApi:
    """marque.customer.v1.ContactRuleService."""

    service = "marque.customer.v1.ContactRuleService"

    def __init__(self, work: Work) -> None:
        self._work = work

    async def ListContactRules(self, request: Any, call: Call) -> Any:
        render = mapping.rule_for(call)
        async with self._work.read() as session:
            found = [render(row) for row in await rules_repository.listed(session)]
        return contact_rule_service_pb2.ListContactRulesResponse(contact_rules=found)

    async def PutContactRule(self, request: Any, call: Call) -> Any:
        values = mapping.rule_values(request.contact_rule)
        return await contact_rules.put(
            uow=self._work(call, mapping.rule_for(call)), values=values, etag=request.contact_rule.etag
        )


class PreferenceApi:
    """marque.customer.v1.PreferenceService."""

    service = "marque.customer.v1.PreferenceService"

    def __init__(self, work: Work, windows: Windows) -> None:
        self._work = work
        self._windows = windows

    async def GetPreferences(self, request: Any, call: Call) -> Any:
        controller = pages.controller(request)
        async with self._work.read() as session:
            found = await preferences.read(
                session=session, principal=call.principal, customer_id=uuid.UUID(request.customer_id), controller=controller
            )  # fmt: skip
        return pages.page(call.language, found)

    async def SetPreferences(self, request: Any, call: Call) -> Any:
        controller, customer_id = pages.controller(request), uuid.UUID(request.customer_id)
        async with settles(self._work, customer_id, self._windows):
            return await preferences.put(
                uow=self._work(call, lambda found: pages.page(call.language, found)),
                customer_id=customer_id,
                controller=controller,
                changes=pages.changes(request),
                said=pages.said(request),
                etag=request.etag,
            )


class PersonalApi(PersonalDataApi):
    """The kit's, whose erasure is answered like a withdrawal: once nothing that was permitted before can start."""

    def __init__(self, work: Work, windows: Windows, sealer: Sealer) -> None:
        super().__init__("customer", work, CustomerPersonalData(sealer))
        self._settling = (work, windows)

    async def ErasePersonalData(self, request: Any, call: Call) -> Any:
        answer = await super().ErasePersonalData(request, call)
        work, windows = self._settling
        await wait(work, uuid.UUID(request.customer_id), windows)
        return answer
