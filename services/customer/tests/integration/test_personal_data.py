"""A person's rights: everything is shown; after an erasure nothing personal is left but the ledger as proof."""

from __future__ import annotations

import json
import uuid

import pytest
from marque.customer.v1 import (
    consent_pb2,
    consent_service_pb2,
    interaction_pb2,
    interaction_service_pb2,
    lead_pb2,
    lead_service_pb2,
)
from marque.type.v1 import personal_data_pb2
from marque_customer.repository import snapshots
from servicekit.db.engine import Database
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.CustomerPersonalDataService"


async def full_customer(desk):
    dealer = await desk.known_dealer()
    made = await desk.create(
        desk.dealer(dealer), name="Thaddeus Forgettable", phones=[desk.phone()], occupation="baker",
        source_references=[{"source": "dms-p", "source_key": str(uuid.uuid4())}],
    )  # fmt: skip
    touch = interaction_pb2.Interaction(customer_id=made.customer_id, kind=1, direction=1, note="a secret wish")
    await desk.agent.call(
        "customer.v1.InteractionService/LogInteraction",
        interaction_service_pb2.LogInteractionRequest(interaction=touch),
    )
    entry = consent_pb2.ConsentEntry(
        purpose=6, controller=consent_pb2.ConsentController(kind=1), text_version="v1", source="call"
    )
    await desk.agent.call(
        "customer.v1.ConsentService/GrantConsent",
        consent_service_pb2.GrantConsentRequest(customer_id=made.customer_id, entry=entry),
    )
    return dealer, made


async def erase(desk, customer_id, erasure_id=None):
    request = personal_data_pb2.ErasePersonalDataRequest(
        customer_id=customer_id, erasure_id=erasure_id or str(uuid.uuid4())
    )
    return await desk.service.call(f"{SERVICE}/ErasePersonalData", request)


class TestPersonalData:
    async def test_export_shows_every_kind_of_record(self, desk):
        _, made = await full_customer(desk)
        request = personal_data_pb2.ExportPersonalDataRequest(customer_id=made.customer_id)
        records = [record async for record in desk.service.stream(f"{SERVICE}/ExportPersonalData", request)]
        kinds = {record.kind.removeprefix("customer.") for record in records}
        parts = {"contact_point", "source_reference", "source_record", "relation", "interaction", "consent_entry"}
        assert kinds - {"profile_mark"} == {"customer", *parts}  # a mark is there until the next count, a second later
        assert "a secret wish" in "".join(record.json.decode() for record in records)
        assert all(isinstance(json.loads(record.json), dict) for record in records)

    async def test_erasure_leaves_nothing_personal_and_keeps_the_ledger(self, desk):
        dealer, made = await full_customer(desk)
        erasure_id = str(uuid.uuid4())
        answer = await erase(desk, made.customer_id, erasure_id)
        assert answer.erased_counts["customer.customer"] == 1
        assert [(kept.kind, kept.reason) for kept in answer.retained] == [("customer.consent_entry", "CONSENT_PROOF")]
        assert await erase(desk, made.customer_id, erasure_id) == answer
        (row,) = await desk.platform.sql(
            "customer", "SELECT * FROM customers WHERE customer_id = $1", uuid.UUID(made.customer_id)
        )
        text = str(dict(row)).lower()
        assert not any(word in text for word in ("thaddeus", "forgettable", "baker", made.contact_points[0].value[-8:]))
        assert made.customer_id not in await desk.found(desk.agent, "forgettable")
        assert not await desk.sees(desk.dealer(dealer), made.customer_id)
        for table in ("contact_points", "source_references", "relations", "interactions", "dealer_customers"):
            assert (
                await desk.platform.sql(
                    "customer", f"SELECT 1 FROM {table} WHERE customer_id = $1", uuid.UUID(made.customer_id)
                )
                == []
            )
        check = consent_service_pb2.CheckConsentRequest(customer_id=made.customer_id, purpose=6, controller_kind=1)
        assert (await desk.agent.call("customer.v1.ConsentService/CheckConsent", check)).reason == "ERASED"
        touch = interaction_pb2.Interaction(customer_id=made.customer_id, kind=1, direction=1)
        with pytest.raises(RpcFailure) as failure:
            await desk.agent.call(
                "customer.v1.InteractionService/LogInteraction",
                interaction_service_pb2.LogInteractionRequest(interaction=touch),
            )
        assert failure.value.reason == "CUSTOMER_ERASED"

    async def test_hold_keeps_the_record(self, desk):
        _, made = await full_customer(desk)
        hold = personal_data_pb2.SetLegalHoldRequest(
            customer_id=made.customer_id, hold_id=str(uuid.uuid4()), reason="RECALL_OPEN"
        )
        await desk.service.call(f"{SERVICE}/SetLegalHold", hold)
        answer = await erase(desk, made.customer_id)
        assert dict(answer.erased_counts) == {}
        assert (await desk.get(desk.agent, made.customer_id)).name.full_name == "Thaddeus Forgettable"


class TestLeads:
    async def test_nothing_of_an_erased_persons_leads_stays(self, desk):
        adviser = desk.dealer(await desk.known_dealer())
        person = await desk.create(adviser)
        lead = lead_pb2.Lead(
            customer_id=person.customer_id, source=lead_pb2.LEAD_SOURCE_SHOWROOM, comments="我姐姐也想买"
        )
        lead.interest.kind = lead_pb2.LEAD_INTEREST_KIND_BUY
        made = await adviser.call("customer.v1.LeadService/CreateLead", lead_service_pb2.CreateLeadRequest(lead=lead))
        await erase(desk, person.customer_id)

        for table in ("leads", "lead_changes", "lead_promises", "lead_intakes", "tasks"):
            query = f"SELECT 1 FROM {table} WHERE customer_id = $1"
            assert not await desk.platform.sql("customer", query, uuid.UUID(person.customer_id)), table
        with pytest.raises(RpcFailure):
            await desk.agent.call(
                "customer.v1.LeadService/GetLead", lead_service_pb2.GetLeadRequest(lead_id=made.lead_id)
            )

    async def test_who_counts_leads_is_told_of_them_again_without_whose_they_were(self, desk):
        dealer = await desk.known_dealer()
        adviser, made = desk.dealer(dealer), {}
        for source in (lead_pb2.LEAD_SOURCE_SHOWROOM, lead_pb2.LEAD_SOURCE_CALL, lead_pb2.LEAD_SOURCE_SOCIAL):
            person = (await desk.create(adviser)).customer_id
            lead = lead_pb2.Lead(customer_id=person, source=source)
            lead.interest.kind = lead_pb2.LEAD_INTEREST_KIND_BUY
            request = lead_service_pb2.CreateLeadRequest(lead=lead, dealer_id=dealer)
            answer = await adviser.call("customer.v1.LeadService/CreateLead", request)
            made[answer.lead_id] = (person, dealer, source, answer.create_time)
        gone = sorted(made)[1]
        person, *stays = made[gone]
        before = (await said(desk, sorted(made)))[gone]
        await erase(desk, person)
        told = await said(desk, sorted(made))

        assert {key: (one.customer_id, one.dealer_id, one.source, one.create_time) for key, one in told.items()} == {
            **made,
            gone: ("", *stays),
        }
        assert list(told) == sorted(made)
        assert told[gone].aggregate_version > before.aggregate_version
        assert (told[gone].stage, told[gone].grade) == (0, "")


async def said(desk, leads):
    """What is said again of leads, a step for each."""
    database = Database(desk.platform.databases["customer"])
    found, place = {}, str(uuid.UUID(int=uuid.UUID(leads[0]).int - 1))
    async with database.session() as session:
        while place < leads[-1]:
            ((place, event),) = await snapshots.leads(session, place, 1)
            found[place] = event
    await database.engine.dispose()
    return {key: event for key, event in found.items() if key in leads}
