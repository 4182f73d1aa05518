"""A person's rights at the customer service: the archive, the rounds of an erasure, restriction."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
import zipfile
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from marque.customer.v1 import (
    contact_permit_service_pb2,
    data_export_pb2,
    data_export_service_pb2,
    erasure_pb2,
    erasure_service_pb2,
    identity_document_pb2,
    identity_document_service_pb2,
)
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

EXPORTS, ERASURES = "customer.v1.DataExportService", "customer.v1.ErasureService"
exported, erased = data_export_service_pb2, erasure_service_pb2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform, make_desk):
    """The service, whose erasures settle at once."""
    await platform.start(
        "customer",
        erasure_settle_seconds=0.2,
        erasure_retry_hours=0.0002,
        permit_spend_seconds=0.2,
        permit_margin_seconds=0.1,
    )
    yield make_desk(platform)


async def erase(desk, customer_id, client=None, **more):
    request = erased.EraseCustomerRequest(customer_id=customer_id, reason="DEMAND", **more)
    return await (client or desk.agent).call(f"{ERASURES}/EraseCustomer", request)


async def reached(desk, erasure_id, *states):
    async def there():
        found = await desk.agent.call(f"{ERASURES}/GetErasure", erased.GetErasureRequest(erasure_id=erasure_id))
        return found if found.state in states else None

    return await until(there, 30, f"the erasure did not come to {states}")


async def archive_of(desk, client, customer_id):
    started = await client.call(f"{EXPORTS}/StartDataExport", exported.StartDataExportRequest(customer_id=customer_id))

    async def ready():
        request = exported.GetDataExportRequest(data_export_id=started.data_export_id)
        found = await client.call(f"{EXPORTS}/GetDataExport", request)
        return found if found.state == data_export_pb2.DATA_EXPORT_STATE_READY else None

    done = await until(ready, 30, "the export is not ready")
    whole = b""
    for piece in range(done.archive_pieces):
        request = exported.ReadDataExportPieceRequest(data_export_id=done.data_export_id, piece=piece)
        whole += (await client.call(f"{EXPORTS}/ReadDataExportPiece", request)).content
    return done, whole


async def with_number(desk, **fields):
    made = await desk.create(phones=[desk.phone()], **fields)
    document = identity_document_pb2.IdentityDocument(
        kind=identity_document_pb2.IDENTITY_DOCUMENT_KIND_PASSPORT,
        country_code="DE",
        number=f"P{uuid.uuid4().int % 10**12:012d}",
    )
    request = identity_document_service_pb2.AddIdentityDocumentRequest(
        customer_id=made.customer_id, identity_document=document
    )
    await desk.agent.call("customer.v1.IdentityDocumentService/AddIdentityDocument", request)
    return made, document.number


class TestExport:
    async def test_the_archive_holds_everything_and_its_manifest_is_true(self, desk):
        made, number = await with_number(desk, name="<b>Ada</b> Archive")
        done, whole = await archive_of(desk, desk.owner(made.customer_id), made.customer_id)
        assert (len(whole), hashlib.sha256(whole).hexdigest()) == (done.archive_bytes, done.archive_sha256)
        files = zipfile.ZipFile(io.BytesIO(whole))
        manifest = json.loads(files.read("manifest.json"))
        assert {name: hashlib.sha256(files.read(name)).hexdigest() for name in manifest["files"]} == {
            name: told["sha256"] for name, told in manifest["files"].items()
        }
        assert set(files.namelist()) == {"manifest.json", *manifest["files"]}
        records = json.loads(files.read("data/customer.json"))
        assert number in {record["fields"].get("number") for record in records}
        for language in ("zh-CN", "en"):
            page = files.read(f"report.{language}.html").decode()
            assert number in page
            assert "&lt;b&gt;Ada&lt;/b&gt; Archive" in page
            assert "<b>Ada" not in page

    async def test_archives_stand_sealed_and_go_when_their_days_are_over(self, desk):
        made, number = await with_number(desk)
        owner = desk.owner(made.customer_id)
        done, _ = await archive_of(desk, owner, made.customer_id)
        export_id = uuid.UUID(done.data_export_id)
        (row,) = await desk.platform.sql(
            "customer", "SELECT content FROM data_export_pieces WHERE data_export_id = $1", export_id
        )
        assert not row["content"].startswith(b"PK")
        assert number.encode() not in row["content"]
        await desk.platform.sql(
            "customer", "UPDATE data_exports SET expire_time = now() WHERE data_export_id = $1", export_id
        )

        async def gone():
            request = exported.ReadDataExportPieceRequest(data_export_id=done.data_export_id)
            try:
                await owner.call(f"{EXPORTS}/ReadDataExportPiece", request)
            except RpcFailure as failure:
                return failure.reason == "DATA_EXPORT_EXPIRED"

        await until(gone, 20, "the archive stays")
        left = "SELECT 1 FROM data_export_pieces WHERE data_export_id = $1"
        assert await desk.platform.sql("customer", left, export_id) == []

    async def test_one_that_cannot_go_on_holds_up_no_other(self, desk):
        broken, made = await desk.create(), await desk.create()
        export_id = uuid.uuid4()
        await desk.platform.sql(
            "customer",
            "WITH e AS (INSERT INTO data_exports (data_export_id, version, create_time, update_time, customer_id, state, actor, try_time)"
            " VALUES ($1, 1, now(), now(), $2, 1, 'x', '2020-01-01') RETURNING data_export_id)"
            " INSERT INTO data_export_parts SELECT data_export_id, 'customer', 1, 'tampered', now() FROM e",
            export_id,
            uuid.UUID(broken.customer_id),
        )
        done, _ = await archive_of(desk, desk.owner(made.customer_id), made.customer_id)
        assert done.archive_pieces
        (row,) = await desk.platform.sql("customer", "SELECT * FROM data_exports WHERE data_export_id = $1", export_id)
        assert (row["state"], row["try_time"] > datetime.now(UTC)) == (1, True)

    async def test_strangers_see_no_export(self, desk):
        made = await desk.create()
        done, _ = await archive_of(desk, desk.owner(made.customer_id), made.customer_id)
        other = desk.owner((await desk.create()).customer_id)
        with pytest.raises(RpcFailure) as refused:
            await other.call(
                f"{EXPORTS}/GetDataExport", exported.GetDataExportRequest(data_export_id=done.data_export_id)
            )
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "DATA_EXPORT_NOT_FOUND")


class TestErase:
    async def test_it_ends_with_a_signed_certificate_and_an_export_goes_with_the_person(self, desk):
        made, _ = await with_number(desk, name="Erna Erased")
        done, _ = await archive_of(desk, desk.owner(made.customer_id), made.customer_id)
        first = await erase(desk, made.customer_id, request_id="erase-1")
        ended = await reached(desk, first.erasure_id, erasure_pb2.ERASURE_STATE_COMPLETED)
        assert [(one.pass_number, one.service) for one in ended.acknowledgements] == [
            (1, "customer"),
            (2, "customer"),
        ]
        assert ended.acknowledgements[0].erased_counts["customer.identity_document"] == 1
        assert ended.acknowledgements[0].erased_counts["customer.data_export"] == 1
        pem = (desk.platform.audit_keys() / f"{ended.certificate.key_id}.pem").read_bytes()
        key = load_pem_private_key(pem, None).public_key()
        key.verify(ended.certificate.signature, ended.certificate.statement)
        stated = json.loads(ended.certificate.statement)
        assert stated["customer_id"] == made.customer_id
        assert len(stated["acknowledgements"]) == 2
        assert "Erna" not in ended.certificate.statement.decode()
        assert (await erase(desk, made.customer_id)).erasure_id == first.erasure_id
        assert len(await desk.events("CustomerErased", made.customer_id)) == 1
        left = "SELECT 1 FROM data_export_pieces WHERE data_export_id = $1"
        assert await desk.platform.sql("customer", left, uuid.UUID(done.data_export_id)) == []

    async def test_an_open_case_keeps_the_person_reachable_and_restricted_until_it_is_closed(self, desk):
        made, _ = await with_number(desk, name="Karl Kase")
        case = {"reference_type": "complaint.case", "reference_id": str(uuid.uuid4()), "customer_id": made.customer_id}
        hold = contact_permit_service_pb2.SetContactHoldRequest(open=True, version=1, **case)
        await desk.service.call("customer.v1.ContactPermitService/SetContactHold", hold)
        car = "INSERT INTO known_cars (ownership_id, customer_id, vin, role, version) VALUES ($1, $2, 'V', 1, 1)"
        await desk.platform.sql("customer", car, uuid.uuid4(), uuid.UUID(made.customer_id))
        first = await erase(desk, made.customer_id)
        held = await reached(desk, first.erasure_id, erasure_pb2.ERASURE_STATE_HELD)
        assert {(one.kind, one.reason) for one in held.retained} >= {
            ("customer.known_car", "CASE_OPEN"),  # a snapshot would bring it back
            ("customer.customer", "CASE_OPEN"),
            ("customer.contact_point", "CASE_OPEN"),
        }
        assert "customer.identity_document" not in {one.kind for one in held.retained}
        assert (await desk.get(desk.agent, made.customer_id)).status == 4
        with pytest.raises(RpcFailure) as refused:
            await desk.platform.client("customer", "oem.manager").call(
                f"{ERASURES}/LiftRestriction",
                erased.LiftRestrictionRequest(customer_id=made.customer_id, reason="MISTAKE"),
            )
        assert refused.value.reason == "ERASURE_UNDER_WAY"
        closed = contact_permit_service_pb2.SetContactHoldRequest(open=False, version=2, **case)
        await desk.service.call("customer.v1.ContactPermitService/SetContactHold", closed)
        ended = await reached(desk, first.erasure_id, erasure_pb2.ERASURE_STATE_COMPLETED)
        assert (await desk.get(desk.agent, made.customer_id)).status == 3
        assert not {one.reason for one in ended.retained} - {"CONSENT_PROOF"}
        assert json.loads(ended.certificate.statement)["acknowledgements"][-1]["pass"] == 3

    async def test_what_a_write_left_that_had_begun_before_is_taken_by_the_second_round(self, desk):
        made, _ = await with_number(desk, name="Lara Late")
        first = await erase(desk, made.customer_id)

        async def once():
            query = "SELECT 1 FROM customer_erasures WHERE customer_id = $1 AND round > 1"
            return await desk.platform.sql("customer", query, uuid.UUID(made.customer_id))

        await until(once, 20, "the first round does not end")
        await desk.platform.sql(
            "customer",
            "INSERT INTO interactions (interaction_id, customer_id, kind, direction, occur_time, note, create_time)"
            " VALUES ($1, $2, 1, 1, now(), 'Lara came late', now())",
            uuid.uuid4(),
            uuid.UUID(made.customer_id),
        )
        await desk.platform.sql(
            "customer",
            "INSERT INTO idempotency_keys (principal, method, request_id, request_hash, answer) VALUES ('a', 'b', $1, '', $2)",
            made.customer_id,
            f"Lara {made.customer_id}".encode(),
        )
        await reached(desk, first.erasure_id, erasure_pb2.ERASURE_STATE_COMPLETED)
        for table in ("interactions", "idempotency_keys"):
            assert await desk.platform.sql("customer", f"SELECT 1 FROM {table} AS t WHERE t::text LIKE '%Lara%'") == []
            assert (
                await desk.platform.sql(
                    "customer", f"SELECT 1 FROM {table} AS t WHERE t::text LIKE $1", f"%{b'Lara'.hex()}%"
                )
                == []
            )

    async def test_the_list_is_paged_and_for_few(self, desk):
        manager = desk.platform.client("customer", "oem.manager")
        for _ in range(2):
            await erase(desk, (await desk.create()).customer_id)
        page = await manager.call(f"{ERASURES}/ListErasures", erased.ListErasuresRequest(page_size=1))
        following = erased.ListErasuresRequest(page_size=1, page_token=page.next_page_token)
        other = await manager.call(f"{ERASURES}/ListErasures", following)
        assert page.erasures[0].erasure_id != other.erasures[0].erasure_id
        with pytest.raises(RpcFailure) as refused:
            await desk.agent.call(f"{ERASURES}/ListErasures", erased.ListErasuresRequest())
        assert refused.value.code == "PERMISSION_DENIED"


class TestRestrict:
    async def test_nobody_is_contacted_until_it_is_lifted(self, desk):
        made = await desk.create(phones=[desk.phone()], time_zone="Asia/Shanghai")
        contact = {
            "customer_id": made.customer_id, "occurrence_key": str(uuid.uuid4()), "channel": 3, "purpose": 1,
            "contact_class": 1, "controller": {"kind": 1},
        }  # fmt: skip
        take = contact_permit_service_pb2.TakeContactPermitsRequest(contacts=[contact])

        async def refusal():
            answer = await desk.service.call("customer.v1.ContactPermitService/TakeContactPermits", take)
            return str(answer.answers[0])

        request = erased.RestrictProcessingRequest(customer_id=made.customer_id, reason="ACCURACY_CONTESTED")
        one = await desk.agent.call(f"{ERASURES}/RestrictProcessing", request)
        again = await desk.owner(made.customer_id).call(f"{ERASURES}/RestrictProcessing", request)
        assert one.set_time == again.set_time
        assert "RESTRICTED" in await refusal()
        lift = erased.LiftRestrictionRequest(customer_id=made.customer_id, reason="CORRECTED")
        manager = desk.platform.client("customer", "oem.manager")
        lifted = await manager.call(f"{ERASURES}/LiftRestriction", lift)
        assert lifted.lift_time.ToDatetime(UTC) <= datetime.now(UTC)
        assert "RESTRICTED" not in await refusal()
        with pytest.raises(RpcFailure) as refused:
            await manager.call(f"{ERASURES}/LiftRestriction", lift)
        assert refused.value.reason == "RESTRICTION_NOT_FOUND"
