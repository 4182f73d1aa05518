"""Search by Han script, pinyin, Latin parts and slips, parts of phones, VIN endings and source keys."""

from __future__ import annotations

import random
import uuid

import asyncpg
import pytest
from marque.customer.v1 import customer_service_pb2
from marque_customer.repository import search as repository
from marque_customer.repository.sight import Sight
from servicekit.testing.client import RpcFailure
from tradekit import search


@pytest.fixture(scope="module")
def vin():
    return "LSVAM4187C2184847"


@pytest.fixture(scope="module")
async def person(desk, vin):
    dealer = await desk.known_dealer()
    made = await desk.create(
        desk.dealer(dealer), name="慕容雪飞", phones=["+8613900139742"], emails=["xuefei.murong@mail-z.com"],
        source_references=[{"source": "dms-s", "source_key": "KD-99171"}],
    )  # fmt: skip
    other = await desk.create(desk.dealer(dealer), name="Bartholomew O’Shaughnessy")
    return dealer, made, other


class TestSearchCustomers:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("慕容", "name"),
            ("雪飞", "name"),
            ("慕容雪飞", "name"),
            ("murong", "name"),
            ("xuefei", "name"),
            ("9742", "contact_points"),
            ("00139742", "contact_points"),
            ("01397", "contact_points"),
            ("8613900139742", "contact_points"),
            ("+86 139 0013 9742", "contact_points"),
            ("xuefei.murong@mail-z.com", "contact_points"),
            ("KD-99171", "source_references"),
            ("kd99171", "source_references"),
        ],
    )
    async def test_finds_by(self, desk, person, query, field):
        dealer, made, _ = person
        for client in (desk.agent, desk.dealer(dealer)):
            answer = await desk.search(client, query)
            assert [match.customer.customer_id for match in answer.results] == [made.customer_id]
            assert field in answer.results[0].matched_fields
            assert 0 < answer.results[0].score <= 1

    @pytest.mark.parametrize("query", ["bartholomew", "shaughnessy", "OShaughnessy", "barth shau", "bartolomew"])
    async def test_finds_latin_names_in_parts_and_with_a_slip(self, desk, person, query):
        assert await desk.found(desk.agent, query) == [person[2].customer_id]

    async def test_whole_name_comes_before_a_part_of_one(self, desk):
        exact = await desk.create(name="Quillon Zephyr")
        longer = await desk.create(name="Quillon Zephyrson Maximilian")
        assert await desk.found(desk.agent, "quillon zephyr") == [exact.customer_id, longer.customer_id]

    async def test_whole_name_is_found_behind_more_partial_ones_than_are_looked_at(self, desk):
        given = search.query("".join(chr(0x4E00 + uuid.uuid4().int % 5000) for _ in range(2))).text  # as it is kept
        await desk.platform.sql(
            "customer",
            "INSERT INTO customers (customer_id, version, create_time, update_time, status_time, kind, status, full_name, search_text,"
            " search_tokens, card) SELECT gen_random_uuid(), 1, now(), now(), now(), 1, 1, '', $1 || n, ARRAY[$2], ''"
            " FROM generate_series(1, 700) n",
            f"{given}明\n",
            given,
        )
        exact = await desk.create(name=given)
        answer = await desk.search(desk.agent, given, page_size=1)
        assert [match.customer.customer_id for match in answer.results] == [exact.customer_id]
        assert answer.truncated

    async def test_says_when_more_matched_than_were_returned(self, desk):
        name = f"Cut{uuid.uuid4().hex[:8].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
        for _ in range(3):
            await desk.create(name=name)
        few = await desk.search(desk.agent, name, page_size=2)
        assert (len(few.results), few.truncated) == (2, True)
        assert not (await desk.search(desk.agent, name)).truncated

    @pytest.mark.parametrize("query", ["--", "  ", "??", "::"])
    async def test_query_of_separators_is_refused(self, desk, query):
        with pytest.raises(RpcFailure) as failure:
            await desk.search(desk.agent, query)
        assert failure.value.fields == {"query": "QUERY_EMPTY"}

    @pytest.mark.parametrize("query", ["%%", "__", "a_%b\\", "'; DROP", "😀😀", "ab" * 50])
    async def test_hostile_query_finds_nothing_and_harms_nothing(self, desk, query):
        found, fields = [], {}
        try:
            found = await desk.found(desk.agent, query)
        except RpcFailure as failure:
            fields = failure.fields
        assert (found, fields) in (([], {}), ([], {"query": "QUERY_EMPTY"}))

    async def test_erased_and_merged_are_not_found(self, desk):
        made = await desk.create(name="Gonealready Personage")
        await desk.platform.sql(
            "customer", "UPDATE customers SET status = 2 WHERE customer_id = $1", uuid.UUID(made.customer_id)
        )
        assert await desk.found(desk.agent, "gonealready") == []

    async def test_role_without_the_permission_is_refused(self, desk):
        marketing = desk.platform.client("customer", "oem.marketing")
        with pytest.raises(RpcFailure) as failure:
            await marketing.call(
                "customer.v1.CustomerService/SearchCustomers", customer_service_pb2.SearchCustomersRequest(query="慕容")
            )
        assert failure.value.code == "PERMISSION_DENIED"


class TestPartsOfNumbers:
    async def test_are_found_in_a_text_exactly_where_they_stand_in_it(self, desk):
        chance = random.Random(5)
        texts = [
            "\n".join(f"{chance.choice(['', '+', 'a'])}{chance.randrange(10**9)}x" for _ in range(3))
            for _ in range(400)
        ]
        parts = [
            (text if place % 2 else chance.choice(texts)).translate({ord(sign): None for sign in "\nax+"})[
                2 : 7 + place % 4
            ]
            for place, text in enumerate(texts)
        ]
        # Five digits at least, as the index cuts them.
        pairs = [(text, part) for text, part in zip(texts, parts, strict=True) if len(part) >= 5]
        found = await desk.platform.sql(
            "customer",
            "SELECT t LIKE '%' || p || '%' AS stands, digit_windows(t) @> digit_windows(p) AND strpos(t, p) > 0 AS is_found"
            " FROM unnest($1::text[], $2::text[]) AS x (t, p)",
            *map(list, zip(*pairs, strict=True)),
        )
        assert {row["stands"] for row in found} == {True, False}
        assert all(row["stands"] == row["is_found"] for row in found)

    async def test_are_cut_into_the_same_runs_as_the_index_cuts_them(self, desk):
        for part in ("12345", "0000012", "13800138000"):
            (row,) = await desk.platform.sql("customer", "SELECT digit_windows($1) AS runs", part)
            assert sorted(row["runs"]) == repository._windows(f"%{part}%")

    @pytest.mark.parametrize("pattern", ["%1234%", "%12a45%", "%lin%", "%１２３４５%"])
    def test_other_patterns_have_no_runs(self, pattern):
        assert repository._windows(pattern) == []

    async def test_never_touch_the_index_of_trigrams(self, desk):
        await desk.create(phones=[desk.phone()])
        query = search.query("38001380")
        statements = []

        class Watching:
            async def fetch(self, text, *values):
                statements.append((text, values))
                return []

        await repository.candidates(Watching(), Sight(True, None, [], None, None), query, 0)
        ((text, values),) = statements
        connection = await asyncpg.connect(desk.platform.databases["customer"])
        await connection.execute("SET enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))
        await connection.close()
        assert "ix_customers_search_digits" in plan
        assert "ix_customers_search_text" not in plan
