"""What other services come to hold of customers whose lives a test plays: sales, cases, lists of marketing's, invitations."""

from __future__ import annotations

import uuid
from typing import Any

from google.protobuf import json_format
from google.type import date_pb2
from marque.complaint.v1 import case_service_pb2, case_types_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2

from servicekit import contract
from servicekit.testing.platform import until
from servicekit.testing.world import World


async def sell(world: World, dealer: str, customer_id: str) -> None:
    """Sells a car, so that the vehicle service holds something of the customer."""
    vin = await world.vehicle()
    sale = sale_pb2.Sale(
        dealer_id=dealer, vin=vin, buyer_customer_id=customer_id, invoice_number=uuid.uuid4().hex,
        invoice_date=date_pb2.Date(year=2026, month=3, day=2), use=1,
    )  # fmt: skip
    request = sale_service_pb2.RecordSaleRequest(sale=sale)
    await world.platform.client("vehicle", "oem.manager").call("vehicle.v1.SaleService/RecordSale", request)


async def complain(world: World, dealer: str, customer_id: str) -> None:
    """Takes a case, so that the complaint service holds something of the customer."""
    request = case_service_pb2.CreateCaseRequest(description="The paint comes off.")
    request.case.kind = case_types_pb2.CASE_KIND_COMPLAINT
    request.case.customer_id, request.case.dealer_id = customer_id, dealer
    await world.platform.client("complaint", "oem.agent").call("complaint.v1.CaseService/CreateCase", request)

    async def held() -> bool:
        query = "SELECT 1 FROM contact_holds WHERE customer_id = $1"
        return bool(await world.platform.sql("customer", query, uuid.UUID(customer_id)))

    await until(held, 30, "the case is not heard")


async def invite(world: World, dealer: str, customer_ids: list[str]) -> None:
    """Puts customers on a list of marketing's and asks each for an opinion: the campaign and survey services hold something of them."""

    async def call(service: str, rpc: str, **request: Any) -> Any:
        message = json_format.ParseDict(request, contract.methods(f"marque.{service}")[rpc].input())
        return await world.platform.client(service.partition(".")[0], "oem.manager").call(f"{service}/{rpc}", message)

    lists, forms = "campaign.v1.AudienceListService", "survey.v1.QuestionnaireService"
    people = await call(lists, "CreateAudienceList", audience_list={"name": "People"})
    key = people.audience_list_id
    await call(lists, "ChangeAudienceListMembers", audience_list_id=key, add_customer_ids=customer_ids)
    question = {"code": "glad", "kind": 3, "texts": {"en": "Are you glad?"}, "scale_min": 1, "scale_max": 5}
    document = {"languages": ["en"], "titles": {"en": "How was it?"}, "questions": [question]}
    form = await call(forms, "CreateQuestionnaire", questionnaire={"name": "Q", "document": document})
    await call(forms, "PublishQuestionnaire", questionnaire_id=form.questionnaire_id)
    given = {"questionnaire_id": form.questionnaire_id, "dealer_id": dealer, "channel": "INVITATION_CHANNEL_LINK"}
    for customer_id in customer_ids:
        await call("survey.v1.InvitationService", "CreateInvitation", customer_id=customer_id, **given)


async def settled(world: World, customer_ids: list[str]) -> None:
    """Returns when sales and invitations stand on the time lines: what comes later would differ by itself."""

    async def there() -> bool:
        sql, held = world.platform.sql, [uuid.UUID(one) for one in customer_ids]
        query = "SELECT count(DISTINCT customer_id) FROM {} WHERE customer_id = ANY($1)"
        told = f"{query.format('interactions')} AND reference_type = $2"
        counts = [(await sql("customer", query.format("known_cars"), held))[0][0]]
        for thing in ("vehicle.sale", "survey.invitation"):
            counts.append((await sql("customer", told, held, thing))[0][0])
        fresh = await sql(
            "customer",
            "SELECT 1 FROM known_cars WHERE plate_stale_time IS NOT NULL"
            " UNION ALL SELECT 1 FROM spend_entries WHERE ask_time IS NOT NULL",
        )
        return counts == [len(customer_ids)] * len(counts) and not fresh

    await until(there, 30, "sales and invitations are not heard")
