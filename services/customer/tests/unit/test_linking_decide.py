"""What is decided over all scored pairs: parts that fit into memory, and how common matches are."""

from __future__ import annotations

import math

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_customer.linking import decide, score


@pytest.fixture
def database():
    with duckdb.connect() as made:
        yield made


def parts(database, edges):
    database.execute("CREATE OR REPLACE TABLE scored (left_rid BIGINT, right_rid BIGINT, weight DOUBLE)")
    database.executemany("INSERT INTO scored VALUES (?, ?, ?)", edges)
    decide.components(database)
    found = {}
    for rid, part in database.execute("SELECT rid, part FROM parts ORDER BY rid").fetchall():
        found.setdefault(part, []).append(rid)
    return sorted(found.values())


CHAIN = [(1, 2, 9.0), (2, 3, -1.5), (3, 4, 9.0), (4, 5, 9.0), (5, 6, 0.5), (6, 7, 9.0)]


class TestComponents:
    def test_a_chain_is_one_part(self, database):
        assert parts(database, [*CHAIN, (8, 9, 3.0), (9, 10, -5.0)]) == [[1, 2, 3, 4, 5, 6, 7], [8, 9]]

    def test_one_that_is_too_large_is_taken_apart_at_its_weakest_links(self, database, monkeypatch):
        monkeypatch.setattr(decide, "LARGEST_PART", 3)
        assert parts(database, [*CHAIN, (8, 9, -1.5)]) == [[1, 2], [3, 4, 5], [6, 7], [8, 9]]

    def test_one_of_certain_links_only_stays_whole_and_nobody_stands_twice(self, database, monkeypatch):
        monkeypatch.setattr(decide, "LARGEST_PART", 3)
        assert parts(database, [(one, one + 1, 30.0) for one in range(6)]) == [list(range(7))]


def likely(weights, rows, share):
    """The share of matches by expectation maximisation, pair by pair."""
    bits = lambda one: math.log2(one / (1 - one))  # noqa: E731
    pairs, assumed = rows * (rows - 1) / 2, share
    for _ in range(200):
        before = share
        odds = [min(max(weight - bits(assumed) + bits(share), -100), 100) for weight in weights]
        share = min(max(sum(1 / (1 + 2**-one) for one in odds) / pairs, 1 / pairs), 0.5)
        if abs(bits(share) - bits(before)) < 1e-4:
            break
    return share, bits(share) - bits(assumed)


class TestPrior:
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.floats(-12, 60), min_size=1, max_size=60))
    def test_counted_in_steps_it_is_what_the_pairs_themselves_give(self, weights):
        with duckdb.connect() as database:
            database.execute("CREATE TABLE weighed (left_rid BIGINT, right_rid BIGINT, weight DOUBLE)")
            database.executemany("INSERT INTO weighed VALUES (?, ?, ?)", [(n, n + 1, w) for n, w in enumerate(weights)])
            found = score.prior(database, 1000, 1e-4)
            shifted = [row[0] for row in database.execute("SELECT weight FROM scored ORDER BY left_rid").fetchall()]
        share, shift = likely(weights, 1000, 1e-4)
        assert found == pytest.approx(share, rel=0.02)
        assert [one - weight for one, weight in zip(shifted, weights, strict=True)] == pytest.approx(
            [shift] * len(weights), abs=0.03
        )

    def test_without_a_pair_it_is_what_was_assumed(self, database):
        database.execute("CREATE TABLE weighed (left_rid BIGINT, right_rid BIGINT, weight DOUBLE)")
        assert score.prior(database, 1000, 1e-4) == 1e-4
        assert database.execute("SELECT * FROM scored").fetchall() == []
