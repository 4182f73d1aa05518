"""A person's data over real gRPC: shown, held, erased once."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from marque.customer.v1.customer_pb2 import Customer
from marque.customer.v1.customer_service_pb2 import ListCustomersResponse
from marque.type.v1 import personal_data_pb2 as pb
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.CustomerPersonalDataService"


async def person(lab: Any, name: str = "王小明") -> str:
    made = uuid.uuid4()
    query = "INSERT INTO lab_customers VALUES ($1, 'test', $2, $3, 1)"
    await lab.sql(query, made, str(made), name)
    return str(made)


async def merged(lab: Any, gone: str, into: str) -> None:
    query = "INSERT INTO customer_aliases VALUES ($1, now(), $2, NULL, 1)"
    await lab.sql(query, uuid.UUID(gone), uuid.UUID(into))


def erase(lab: Any, customer_id: str, erasure_id: str | None = None) -> Any:
    request = pb.ErasePersonalDataRequest(customer_id=customer_id, erasure_id=erasure_id or str(uuid.uuid4()))
    return lab.client("service").call(f"{SERVICE}/ErasePersonalData", request)


async def hold(lab: Any, customer_id: str, hold_id: str, **more: Any) -> Any:
    request = pb.SetLegalHoldRequest(customer_id=customer_id, hold_id=hold_id, reason="RECALL_OPEN", **more)
    return await lab.client("service").call(f"{SERVICE}/SetLegalHold", request)


async def release(lab: Any, customer_id: str, hold_id: str) -> Any:
    request = pb.ReleaseLegalHoldRequest(customer_id=customer_id, hold_id=hold_id)
    return await lab.client("service").call(f"{SERVICE}/ReleaseLegalHold", request)


class TestExport:
    async def test_everything_under_the_person_and_whom_it_absorbed_is_shown(self, lab: Any) -> None:
        one, other, stranger = [await person(lab) for _ in range(3)]
        await merged(lab, other, one)
        request = pb.ExportPersonalDataRequest(customer_id=one)
        found = [item async for item in lab.client("service").stream(f"{SERVICE}/ExportPersonalData", request)]
        assert {item.record_id for item in found} == {one, other}
        assert json.loads(found[0].json) == {"full_name": "王小明"}
        assert stranger not in {item.record_id for item in found}

    async def test_only_services_may_ask(self, lab: Any) -> None:
        request = pb.ExportPersonalDataRequest(customer_id=str(uuid.uuid4()))
        with pytest.raises(RpcFailure) as refused:
            _ = [item async for item in lab.client("oem.admin").stream(f"{SERVICE}/ExportPersonalData", request)]
        assert refused.value.code == "PERMISSION_DENIED"


class TestErase:
    async def test_the_same_erasure_gives_the_first_answer(self, lab: Any) -> None:
        one, erasure = await person(lab), str(uuid.uuid4())
        answers = await asyncio.gather(*(erase(lab, one, erasure) for _ in range(4)))
        assert dict(answers[0].erased_counts) == {"lab.customer": 1}
        assert all(answer == answers[0] for answer in answers)
        rows = await lab.sql("SELECT count(*) AS n FROM audit_records WHERE action = 'erase' AND resource_id = $1", one)
        assert rows[0]["n"] == 1

    async def test_an_erasure_of_another_person_under_the_same_id_is_refused(self, lab: Any) -> None:
        one, other, erasure = await person(lab), await person(lab), str(uuid.uuid4())
        await erase(lab, one, erasure)
        with pytest.raises(RpcFailure) as refused:
            await erase(lab, other, erasure)
        assert refused.value.fields == {"erasure_id": "ERASURE_ID_REUSED"}

    async def test_whom_the_person_absorbed_is_forgotten_too(self, lab: Any) -> None:
        one, other = await person(lab), await person(lab)
        await merged(lab, other, one)
        assert dict((await erase(lab, one)).erased_counts) == {"lab.customer": 2}

    @pytest.mark.parametrize(
        ("more", "kept"),
        [
            ({}, True),
            ({"kinds": ["lab.customer"]}, True),
            ({"kinds": ["lab.other"]}, False),
            ({"until_time": datetime.now(UTC) + timedelta(days=1)}, True),
            ({"until_time": datetime.now(UTC) - timedelta(seconds=1)}, False),
        ],
    )
    async def test_a_hold_keeps_its_kinds_while_it_holds(self, lab: Any, more: dict[str, Any], kept: bool) -> None:
        one = await person(lab)
        await hold(lab, one, str(uuid.uuid4()), **more)
        answer = await erase(lab, one)
        assert [(item.kind, item.count, item.reason) for item in answer.retained] == (
            [("lab.customer", 1, "RECALL_OPEN")] if kept else []
        )
        assert bool(await lab.sql("SELECT 1 FROM lab_customers WHERE customer_id = $1", uuid.UUID(one))) == kept

    async def test_a_hold_on_the_person_merged_into_holds_here_too(self, lab: Any) -> None:
        one, other = await person(lab), await person(lab)
        await merged(lab, other, one)
        await hold(lab, one, str(uuid.uuid4()))
        assert len((await erase(lab, other)).retained) == 1

    async def test_a_released_hold_no_longer_keeps(self, lab: Any) -> None:
        one, held = await person(lab), str(uuid.uuid4())
        await hold(lab, one, held)
        await release(lab, one, held)
        assert dict((await erase(lab, one)).erased_counts) == {"lab.customer": 1}


class TestErasedAnswers:
    async def keep(self, lab: Any, answer: bytes) -> str:
        made = uuid.uuid4().hex
        await lab.sql("INSERT INTO idempotency_keys VALUES ('p', 'm', $1, '', $2, now())", made, answer)
        return made

    async def kept(self, lab: Any, *ids: str) -> set[str]:
        rows = await lab.sql("SELECT request_id FROM idempotency_keys WHERE request_id = ANY($1::text[])", list(ids))
        return {row["request_id"] for row in rows}

    async def test_answers_that_name_the_person_or_whom_it_absorbed_go_and_others_stay(self, lab: Any) -> None:
        one, other, stranger = [await person(lab) for _ in range(3)]
        await merged(lab, other, one)
        mine = await self.keep(lab, Customer(customer_id=one, name={"full_name": "王小明"}).SerializeToString())
        within = await self.keep(lab, ListCustomersResponse(customers=[{"customer_id": other}]).SerializeToString())
        theirs = await self.keep(lab, Customer(customer_id=stranger).SerializeToString())
        empty = await self.keep(lab, b"")

        await erase(lab, one)

        assert await self.kept(lab, mine, within, theirs, empty) == {theirs, empty}

    async def test_an_erasure_that_fails_leaves_them(self, lab: Any) -> None:
        one, erasure = await person(lab), str(uuid.uuid4())
        mine = await self.keep(lab, Customer(customer_id=one).SerializeToString())
        await lab.sql(
            "CREATE FUNCTION lab_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
        )
        await lab.sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON audit_records FOR EACH ROW WHEN (NEW.action = 'erase')"
            " EXECUTE FUNCTION lab_refuse()"
        )
        try:
            with pytest.raises(RpcFailure) as failed:
                await erase(lab, one, erasure)
            assert failed.value.code == "INTERNAL"
            assert await self.kept(lab, mine) == {mine}
        finally:
            await lab.sql("DROP TRIGGER refuse ON audit_records")
        await erase(lab, one, erasure)
        assert await self.kept(lab, mine) == set()


class TestHolds:
    async def test_setting_it_again_changes_nothing(self, lab: Any) -> None:
        one, held = await person(lab), str(uuid.uuid4())
        first = await hold(lab, one, held, kinds=["a"])
        assert await hold(lab, one, held, kinds=["b"]) == first

    async def test_a_hold_of_another_person_is_refused(self, lab: Any) -> None:
        one, other, held = await person(lab), await person(lab), str(uuid.uuid4())
        await hold(lab, one, held)
        with pytest.raises(RpcFailure) as refused:
            await hold(lab, other, held)
        assert refused.value.fields == {"hold_id": "HOLD_ID_REUSED"}
        with pytest.raises(RpcFailure) as unknown:
            await release(lab, other, held)
        assert unknown.value.reason == "LEGAL_HOLD_NOT_FOUND"

    async def test_releasing_it_twice_is_no_error(self, lab: Any) -> None:
        one, held = await person(lab), str(uuid.uuid4())
        await hold(lab, one, held)
        first = await release(lab, one, held)
        assert first.HasField("release_time")
        assert await release(lab, one, held) == first
