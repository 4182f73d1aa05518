"""Identity numbers: sealed wherever they stand, found by their hash, rotated, and served without their key as far as that goes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import uuid
from pathlib import Path

import pytest
from marque.customer.v1 import identity_document_pb2, identity_document_service_pb2
from marque_customer.models.rights import NUMBERS
from servicekit.db.engine import Database
from servicekit.sealing.keys import Keyring, SealingKeyMissing, make_key
from servicekit.sealing.rotation import rotate
from servicekit.sealing.sealer import SealBroken, Sealer
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.IdentityDocumentService"
PASSPORT = identity_document_pb2.IDENTITY_DOCUMENT_KIND_PASSPORT
wire = identity_document_service_pb2


def number() -> str:
    return f"N{uuid.uuid4().int % 10**14:014d}"


async def add(desk, customer_id, value, client=None, **more):
    document = identity_document_pb2.IdentityDocument(kind=PASSPORT, country_code="DE", number=value)
    request = wire.AddIdentityDocumentRequest(customer_id=customer_id, identity_document=document, **more)
    return await (client or desk.agent).call(f"{SERVICE}/AddIdentityDocument", request)


async def listed(desk, customer_id, client=None):
    request = wire.ListIdentityDocumentsRequest(customer_id=customer_id)
    return (await (client or desk.agent).call(f"{SERVICE}/ListIdentityDocuments", request)).identity_documents


async def found(desk, value, client=None):
    request = wire.FindByIdentityNumberRequest(kind=PASSPORT, country_code="DE", number=value)
    return list((await (client or desk.agent).call(f"{SERVICE}/FindByIdentityNumber", request)).customer_ids)


async def everything(desk, needle: str) -> list[str]:
    """The tables in which a text stands in clear, in whatever column, as text or as bytes."""
    tables = await desk.platform.sql("customer", "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    hexed = needle.encode().hex()
    query = "SELECT count(*) AS n FROM {} AS t WHERE t::text ILIKE $1 OR t::text ILIKE $2"
    held = []
    for row in tables:
        (one,) = await desk.platform.sql("customer", query.format(row["name"]), f"%{needle}%", f"%{hexed}%")
        if one["n"]:
            held.append(row["name"])
    return held


class TestSealed:
    async def test_a_number_is_shown_to_who_may_and_stands_in_no_column_in_clear(self, desk):
        value, made = number(), await desk.create()
        answer = await add(desk, made.customer_id, value, request_id=str(uuid.uuid4()))
        assert answer.identity_document.number == ""
        (shown,) = await listed(desk, made.customer_id)
        assert (shown.number, shown.number_unreadable) == (value, False)
        assert await everything(desk, value) == []
        assert await everything(desk, shown.customer_id) != []  # the scan finds what is there

    async def test_the_same_number_again_is_the_same_document(self, desk):
        value, made = number(), await desk.create()
        one = await add(desk, made.customer_id, value)
        other = await add(desk, made.customer_id, value.lower())
        assert one.identity_document.identity_document_id == other.identity_document.identity_document_id

    async def test_a_number_that_is_none_is_refused_without_being_quoted(self, desk):
        made = await desk.create()
        with pytest.raises(RpcFailure) as refused:
            await add(desk, made.customer_id, "x_y/secret")
        assert refused.value.fields == {"identity_document.number": "IDENTITY_NUMBER_INVALID"}
        assert "secret" not in str(refused.value)

    async def test_a_cipher_text_moved_to_another_row_is_not_read(self, desk):
        one, other = await desk.create(), await desk.create()
        await add(desk, one.customer_id, number())
        await add(desk, other.customer_id, number())
        await desk.platform.sql(
            "customer",
            "UPDATE identity_documents SET number_sealed = (SELECT number_sealed FROM identity_documents WHERE customer_id = $1)"
            " WHERE customer_id = $2",
            uuid.UUID(one.customer_id),
            uuid.UUID(other.customer_id),
        )
        (shown,) = await listed(desk, other.customer_id)
        assert (shown.number, shown.number_unreadable) == ("", True)

    async def test_at_most_twenty_stand_with_a_customer(self, desk):
        made = await desk.create()
        for _ in range(20):
            await add(desk, made.customer_id, number())
        with pytest.raises(RpcFailure) as refused:
            await add(desk, made.customer_id, number())
        assert refused.value.reason == "IDENTITY_DOCUMENTS_FULL"

    async def test_a_removed_document_is_gone_and_removing_it_again_is_no_error(self, desk):
        made = await desk.create()
        document = (await add(desk, made.customer_id, number())).identity_document.identity_document_id
        request = wire.RemoveIdentityDocumentRequest(customer_id=made.customer_id, identity_document_id=document)
        owner = desk.owner(made.customer_id)
        for _ in range(2):
            await owner.call(f"{SERVICE}/RemoveIdentityDocument", request)
        assert list(await listed(desk, made.customer_id)) == []


class TestFound:
    async def test_exactly_the_same_number_is_told_at_the_write_and_queued(self, desk):
        value, one, other = number(), await desk.create(), await desk.create()
        await add(desk, one.customer_id, value)
        answer = await add(desk, other.customer_id, value)
        (match,) = answer.possible_duplicates
        assert (match.customer_id, list(match.reasons)) == (one.customer_id, ["SAME_IDENTITY_NUMBER"])
        left, right = sorted((one.customer_id, other.customer_id))
        (pair,) = await desk.platform.sql(
            "customer",
            "SELECT score FROM duplicate_candidates WHERE left_id = $1 AND right_id = $2",
            uuid.UUID(left),
            uuid.UUID(right),
        )
        assert pair["score"] > 0.9
        assert await found(desk, value) == sorted((one.customer_id, other.customer_id))

    async def test_a_dealer_is_not_told_of_strangers(self, desk):
        dealer = desk.dealer(await desk.known_dealer())
        value, stranger, known = number(), await desk.create(), await desk.create(dealer)
        await add(desk, stranger.customer_id, value)
        assert list((await add(desk, known.customer_id, value, dealer)).possible_duplicates) == []

    async def test_asking_is_recorded_found_or_not(self, desk):
        asked = "SELECT count(*) AS n FROM audit_records WHERE action = 'find_by_identity_number'"
        (before,) = await desk.platform.sql("customer", asked)
        assert await found(desk, number()) == []
        (after,) = await desk.platform.sql("customer", asked)
        assert after["n"] == before["n"] + 1


class TestRotation:
    """In a database of their own rows: keys turn for all that is stored."""

    async def test_a_killed_rotation_goes_on_and_finds_by_either_key_meanwhile(self, desk, tmp_path):
        folder = _keys(desk, tmp_path)
        values = {}
        for _ in range(8):
            made = await desk.create()
            values[made.customer_id] = number()
            await add(desk, made.customer_id, values[made.customer_id])
        make_key(folder, "zz-next")
        sealer = Sealer(Keyring.read(folder))
        database = Database(desk.platform.databases["customer"], pool_size=2, application="test")
        await database.start()
        steps = rotate(database, sealer, [NUMBERS], most=3)
        assert (await anext(steps)).rotated <= 3  # and no further: as if killed after its first transaction
        await steps.aclose()
        process = await _rotation(desk, folder)
        await asyncio.sleep(0.6)  # wherever that is: before, within or after its work
        process.kill()
        await process.wait()
        rows = await desk.platform.sql("customer", "SELECT * FROM identity_documents")
        hashed = {row["number_hash"] for row in rows}
        purpose = f"identity_number:DE:{PASSPORT}"
        assert all(hashed & set(sealer.digests(value, purpose)) for value in values.values())
        process = await _rotation(desk, folder)
        told, _ = await process.communicate()
        last = json.loads(told.decode().splitlines()[-1])
        only = Sealer(Keyring({"zz-next": sealer.ring.keys["zz-next"]}, "zz-next"))
        rows = await desk.platform.sql("customer", "SELECT * FROM identity_documents ORDER BY identity_document_id")
        readable = 0
        for row in rows:
            try:
                text = only.open(row["number_sealed"], NUMBERS.place(row["identity_document_id"])).decode()
            except (SealBroken, SealingKeyMissing):  # the row that a test before has tampered with
                continue
            readable += 1
            assert row["number_hash"] == only.digest(text, purpose)
        assert readable == len(rows) - last["unreadable"]
        assert sum([step.rotated async for step in rotate(database, only, [NUMBERS])]) == 0
        await database.stop()

    async def test_what_has_no_key_any_more_is_marked_and_the_rest_is_served(self, desk, tmp_path):
        made = await desk.create(name="Keeper")
        await add(desk, made.customer_id, number())
        (row,) = await desk.platform.sql(
            "customer", "SELECT * FROM identity_documents WHERE customer_id = $1", uuid.UUID(made.customer_id)
        )
        gone = Sealer(Keyring.read(make_key(tmp_path, "destroyed").parent))
        sealed = gone.seal(b"C01", NUMBERS.place(row["identity_document_id"]))
        change = "UPDATE identity_documents SET number_sealed = $2 WHERE identity_document_id = $1"
        await desk.platform.sql("customer", change, row["identity_document_id"], sealed)
        (shown,) = await listed(desk, made.customer_id)
        assert (shown.number, shown.number_unreadable, shown.country_code) == ("", True, "DE")


def _keys(desk, tmp_path: Path) -> Path:
    """A copy of the service's keys, to add to."""
    folder = tmp_path / "keys"
    shutil.copytree(desk.platform.sealing_keys(), folder)
    return folder


async def _rotation(desk, folder: Path) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "MARQUE_DATABASE_URL": desk.platform.databases["customer"],
        "MARQUE_SEALING_KEYS": str(folder),
        "MARQUE_ENVIRONMENT": "test",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "marque_customer", "rotate-keys", env=environment, stdout=asyncio.subprocess.PIPE
    )
