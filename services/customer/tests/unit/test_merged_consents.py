"""Consents of customers that are merged: the stricter at the merge, the last word after it, and the past never changes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from marque_customer.rules.consents import GRANTED, WITHDRAWN
from marque_customer.rules.merged_consents import Edge, deciding, family, root, standing

T0 = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = (uuid.UUID(int=number) for number in (1, 2, 3))


def at(hours):
    return T0 + timedelta(hours=hours)


def entry(customer_id, hours, action):
    return SimpleNamespace(
        customer_id=customer_id, known_time=at(hours), action=action, consent_entry_id=uuid.UUID(int=hours)
    )


def action(entries, edges, hours, asked=A):
    """What is answered as known at a moment, by way of what is known then only."""
    stood = standing(edges, at(hours))
    members = family(asked, stood)
    found = deciding([one for one in entries if one.known_time <= at(hours) and one.customer_id in members], stood)
    return None if found is None else found.action


class TestDeciding:
    def test_withdrawal_of_either_counts_at_the_merge_and_the_last_word_after_it(self):
        entries = [entry(B, 1, WITHDRAWN), entry(A, 2, GRANTED), entry(A, 6, GRANTED)]
        edges = [Edge(B, A, at(4), at(8))]
        assert [action(entries, edges, hours) for hours in (3, 5, 7, 9)] == [GRANTED, WITHDRAWN, GRANTED, GRANTED]
        assert [action(entries, edges, hours, B) for hours in (3, 5, 7, 9)] == [
            WITHDRAWN,
            WITHDRAWN,
            GRANTED,
            WITHDRAWN,
        ]

    def test_who_was_never_asked_says_nothing(self):
        assert action([entry(B, 1, GRANTED)], [Edge(B, A, at(2), None)], 3) == GRANTED
        assert action([], [Edge(B, A, at(2), None)], 3) is None

    def test_a_later_merge_does_not_bring_back_what_was_granted_over(self):
        entries = [entry(B, 1, WITHDRAWN), entry(A, 3, GRANTED)]
        edges = [Edge(B, A, at(2), None), Edge(C, A, at(4), None)]
        assert action(entries, edges, 5) == GRANTED

    def test_a_chain_of_merges_is_one_family(self):
        edges = [Edge(C, B, at(1), None), Edge(B, A, at(2), None)]
        assert root(C, edges) == A
        assert family(C, edges) == [A, B, C]
        assert action([entry(C, 0, WITHDRAWN), entry(A, 0, GRANTED)], edges, 3, B) == WITHDRAWN

    @given(
        st.lists(st.tuples(st.sampled_from([A, B, C]), st.sampled_from([GRANTED, WITHDRAWN])), max_size=8),
        st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=3),
    )
    def test_what_is_learnt_later_never_changes_an_answer(self, words, spans):
        entries = [entry(who, 2 * number + 1, what) for number, (who, what) in enumerate(words)]
        edges = [
            Edge(gone, into, at(2 * since), at(2 * (since + length)))
            for (since, length), (gone, into) in zip(spans, [(B, A), (C, A), (C, B)], strict=False)
        ]
        edges = [
            edge
            for edge in edges
            if not any(
                other is not edge and other.gone == edge.gone and other.since < edge.until and edge.since < other.until
                for other in edges
            )
        ]
        for hours in range(0, 30, 3):
            known = [one for one in entries if one.known_time <= at(hours)]
            open_then = [
                edge._replace(until=None) if edge.until > at(hours) else edge
                for edge in edges
                if edge.since <= at(hours)
            ]
            for asked in (A, B, C):
                assert action(entries, edges, hours, asked) == action(known, open_then, hours, asked)

    @given(st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from([GRANTED, WITHDRAWN])), max_size=8))
    def test_merged_answer_is_never_laxer_than_either_alone(self, words):
        entries = [entry(who, number, what) for number, (who, what) in enumerate(words)]
        alone = {action(entries, [], 50, who) for who in (A, B)}
        merged = action(entries, [Edge(B, A, at(40), None)], 50)
        assert merged == (WITHDRAWN if WITHDRAWN in alone else GRANTED if GRANTED in alone else None)
