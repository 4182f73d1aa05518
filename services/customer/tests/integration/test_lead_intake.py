"""Leads from outside: ADF, the web form and files make one lead or give one clear answer, whoever sends them again."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from marque.customer.v1 import lead_import_rows_pb2, lead_pb2, lead_service_pb2
from marque.customer.v1 import lead_intake_service_pb2 as rpc
from marque.type.v1 import import_pb2

INTAKE = "customer.v1.LeadIntakeService"
CREATED, REPEATED = rpc.PROSPECT_OUTCOME_CREATED, rpc.PROSPECT_OUTCOME_REPEATED
JOINED, REJECTED = rpc.PROSPECT_OUTCOME_JOINED, rpc.PROSPECT_OUTCOME_REJECTED


def adf(
    phone: str, *, name: str = "Ann Lee", status: str = "new", key: str = "", model: str = "One", vendor: str = ""
) -> str:
    sent = f'<id source="portal">{key}</id>' if key else ""
    dealer = f"<vendor><vendorname>{vendor}</vendorname></vendor>" if vendor else ""
    contact = f"<contact><name>{name}</name><phone>{phone}</phone></contact>"
    return (
        f'<prospect status="{status}">{sent}<vehicle><make>Marque</make><model>{model}</model></vehicle>'
        f"<customer>{contact}</customer>{dealer}</prospect>"
    )


class Provider:
    """A lead provider that posts documents."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.client = desk.platform.client("customer", "partner", subject=f"provider-{uuid.uuid4()}")

    async def send(self, *prospects: str, **more: Any) -> list[Any]:
        document = f"<?ADF VERSION='1.0'?><adf>{''.join(prospects)}</adf>".encode()
        request = rpc.ReceiveAdfRequest(document=document, **more)
        return list((await self.client.call(f"{INTAKE}/ReceiveAdf", request)).results)


@pytest.fixture
def provider(desk: Any) -> Provider:
    return Provider(desk)


async def get(desk: Any, lead_id: str) -> Any:
    return await desk.agent.call("customer.v1.LeadService/GetLead", lead_service_pb2.GetLeadRequest(lead_id=lead_id))


class TestAdf:
    async def test_a_prospect_becomes_a_lead_of_a_new_person_at_the_named_dealer(
        self, desk: Any, provider: Provider
    ) -> None:
        dealer = await desk.known_dealer()
        (row,) = await desk.platform.sql(
            "customer", "SELECT code FROM known_dealers WHERE dealer_id = $1", uuid.UUID(dealer)
        )
        (found,) = await provider.send(adf(desk.phone(), vendor=row["code"], key="K1"))

        lead = await get(desk, found.lead_id)
        assert (found.outcome, found.prospect_id, list(found.problems)) == (CREATED, "K1", [])
        assert (lead.dealer_id, lead.source, lead.interest.model) == (dealer, lead_pb2.LEAD_SOURCE_ADF, "One")
        assert (await desk.get(desk.dealer(dealer), lead.customer_id)).name.full_name == "Ann Lee"
        (kept,) = await desk.platform.sql(
            "customer", "SELECT raw FROM lead_intakes WHERE lead_id = $1", uuid.UUID(found.lead_id)
        )
        assert kept["raw"].startswith("<prospect")

    @pytest.mark.parametrize("key", ["", "K2"])
    async def test_sent_again_it_makes_no_second_lead(self, desk: Any, provider: Provider, key: str) -> None:
        phone = desk.phone()
        (first,) = await provider.send(adf(phone, key=key))
        (second,) = await provider.send(adf(phone, key=key, status="resend"))
        stranger = Provider(desk)
        (third,) = await stranger.send(adf(phone, key=key))

        assert (first.outcome, second.outcome, third.outcome) == (CREATED, REPEATED, JOINED)
        assert first.lead_id == second.lead_id == third.lead_id

    async def test_sent_many_times_at_once_it_is_one_lead_of_one_person(self, desk: Any, provider: Provider) -> None:
        phone = desk.phone()
        told = await asyncio.gather(*(provider.send(adf(phone, key=f"K{number % 3}")) for number in range(9)))

        outcomes = [found.outcome for (found,) in told]
        assert outcomes.count(CREATED) == 1
        assert {found.lead_id for (found,) in told} == {told[0][0].lead_id}
        rows = await desk.platform.sql(
            "customer", "SELECT count(*) AS n FROM contact_points WHERE match_key = $1", phone
        )
        assert rows[0]["n"] == 1

    async def test_each_prospect_has_its_own_answer(self, desk: Any, provider: Provider) -> None:
        good, nobody = adf(desk.phone()), adf("12")
        results = await provider.send(good, "<prospect><customer/></prospect>", nobody, good)

        assert [found.number for found in results] == [1, 2, 3, 4]
        assert [found.outcome for found in results] == [CREATED, REJECTED, REJECTED, REPEATED]
        assert ("customer/contact/phone[1]", "VALUE_INVALID") in {
            (one.field, one.reason) for one in results[2].problems
        }
        assert ("customer/contact", "MISSING") in {(one.field, one.reason) for one in results[1].problems}

    async def test_a_mended_prospect_is_taken_under_its_old_id(self, desk: Any, provider: Provider) -> None:
        (refused,) = await provider.send(adf("12", key="K9"))
        (again,) = await provider.send(adf("12", key="K9", status="resend"))
        (mended,) = await provider.send(adf(desk.phone(), key="K9", status="resend"))
        assert (refused.outcome, again.outcome, mended.outcome) == (REJECTED, REJECTED, CREATED)

    async def test_a_known_person_is_found_by_phone_and_name_and_another_name_is_another_person(
        self, desk: Any, provider: Provider
    ) -> None:
        phone = desk.phone()
        person = await desk.create(name="王小明", phones=[phone])
        (same,) = await provider.send(adf(phone, name="Wang Xiaoming"))
        (other,) = await provider.send(adf(phone, name="李四", model="Two"))

        assert (await get(desk, same.lead_id)).customer_id == person.customer_id
        assert (await get(desk, other.lead_id)).customer_id != person.customer_id

    async def test_a_verified_phone_is_its_owners_whatever_the_name(self, desk: Any, provider: Provider) -> None:
        phone = desk.phone()
        person = await desk.verify(await desk.create(name="王小明", phones=[phone]))
        (found,) = await provider.send(adf(phone, name="Somebody Else"))
        assert (await get(desk, found.lead_id)).customer_id == person.customer_id

    async def test_a_dealers_system_sends_for_its_own_dealer_only(self, desk: Any) -> None:
        own, other = await desk.known_dealer(), await desk.known_dealer()
        (row,) = await desk.platform.sql(
            "customer", "SELECT code FROM known_dealers WHERE dealer_id = $1", uuid.UUID(other)
        )
        document = f"<adf>{adf(desk.phone(), vendor=row['code'])}</adf>".encode()
        told = await desk.dealer(own, "dealer.system").call(
            f"{INTAKE}/ReceiveAdf", rpc.ReceiveAdfRequest(document=document)
        )
        assert (await get(desk, told.results[0].lead_id)).dealer_id == own

    async def test_a_retry_under_the_same_key_gives_the_first_answer(self, desk: Any, provider: Provider) -> None:
        text, key = adf(desk.phone()), str(uuid.uuid4())
        first, second = await provider.send(text, request_id=key), await provider.send(text, request_id=key)
        assert first == second
        assert first[0].outcome == CREATED

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (
                b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><adf><prospect>&x;</prospect></adf>',
                "ADF_FORBIDDEN",
            ),
            (b"nothing", "ADF_UNREADABLE"),
            (b"<prospect>" * 200, "ADF_TOO_LARGE"),
        ],
    )
    async def test_a_document_of_which_nothing_can_be_made_is_refused(
        self, provider: Provider, desk: Any, document: bytes, reason: str
    ) -> None:
        with pytest.raises(desk.failure) as refused:
            await provider.client.call(f"{INTAKE}/ReceiveAdf", rpc.ReceiveAdfRequest(document=document))
        assert refused.value.fields == {"document": reason}

    async def test_who_may_not_send_is_refused(self, desk: Any) -> None:
        with pytest.raises(desk.failure) as refused:
            await desk.agent.call(f"{INTAKE}/ReceiveAdf", rpc.ReceiveAdfRequest(document=b"<adf/>"))
        assert refused.value.code == "PERMISSION_DENIED"


def form(**fields: Any) -> rpc.SubmitWebLeadRequest:
    return rpc.SubmitWebLeadRequest(**{"name": "Ann Lee", "contact_allowed": True, **fields})


class TestWebForm:
    async def test_anybody_may_leave_a_lead_and_learns_nothing_of_who_is_known(self, desk: Any) -> None:
        phone = desk.phone()
        await desk.create(name="Ann Lee", phones=[phone])
        known = await desk.service.call(f"{INTAKE}/SubmitWebLead", form(phone=phone))
        fresh = await desk.service.call(f"{INTAKE}/SubmitWebLead", form(phone=desk.phone()))

        assert len(known.tracking_code) == len(fresh.tracking_code) > 8
        rows = await desk.platform.sql(
            "customer", "SELECT count(*) AS n FROM contact_points WHERE match_key = $1", phone
        )
        assert rows[0]["n"] == 1

    async def test_what_a_machine_fills_in_is_thanked_for_and_dropped(self, desk: Any) -> None:
        phone = desk.phone()
        told = await desk.service.call(f"{INTAKE}/SubmitWebLead", form(phone=phone, website="http://spam"))
        assert told.tracking_code
        assert not await desk.platform.sql("customer", "SELECT 1 FROM contact_points WHERE match_key = $1", phone)

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({}, {"phone": "CONTACT_MISSING"}),
            ({"phone": "12"}, {"phone": "CONTACT_POINT_INVALID"}),
            ({"email": "a@"}, {"email": "CONTACT_POINT_INVALID"}),
            ({"email": "a@b.cn", "contact_allowed": False}, {"contact_allowed": "CONSENT_MISSING"}),
        ],
    )
    async def test_a_form_that_cannot_be_answered_says_why(
        self, desk: Any, fields: dict[str, Any], wrong: dict[str, str]
    ) -> None:
        with pytest.raises(desk.failure) as refused:
            await desk.service.call(f"{INTAKE}/SubmitWebLead", form(**fields))
        assert refused.value.fields == wrong


class TestImport:
    async def test_a_file_sent_twice_changes_nothing_and_bad_rows_are_named(self, desk: Any) -> None:
        phone = desk.phone()
        row = lead_import_rows_pb2.LeadImportRow
        rows = [
            row(source_key="a", full_name="王芳", phone=phone, model="One", timeframe_days="20"),
            row(source_key="b", full_name="王芳", phone=phone, model="One"),
            row(source_key="c", phone="12"),
            row(source_key="d", email="d@example.com", timeframe_days="soon"),
            row(source_key="e", email="e@example.com", dealer_code="NO-SUCH"),
            row(source_key="f"),
        ]
        header = import_pb2.ImportStreamHeader(source=f"fair-{uuid.uuid4()}")
        client = desk.platform.client("customer", "oem.manager")
        told = []
        for _ in range(2):
            requests = [lead_import_rows_pb2.ImportLeadsRequest(header=header, rows=rows)]
            async for part in client.stream("customer.v1.CustomerImportService/ImportLeads", requests):
                told.append(part)

        first, second = told
        assert (first.summary.created, first.summary.updated, first.summary.rejected) == (1, 1, 4)
        assert (second.summary.created, second.summary.unchanged, second.summary.rejected) == (0, 2, 4)
        wrong = {found.key: {one.field for one in found.errors} for found in first.rejected}
        assert wrong == {"c": {"phone"}, "d": {"timeframe_days"}, "e": {"dealer_code"}, "f": {"phone"}}
