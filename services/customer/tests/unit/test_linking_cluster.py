"""Groups by average likeness: whatever order, no chains, bounded say of one pair."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st
from marque_customer.linking import cluster

EDGES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.floats(-40, 40)).filter(lambda edge: edge[0] < edge[1]),
    max_size=40,
    unique_by=lambda edge: edge[:2],
)


def groups(found):
    by_name = {}
    for node, name in found.items():
        by_name.setdefault(name, set()).add(node)
    return {frozenset(group) for group in by_name.values()}


class TestJoin:
    def test_likely_pairs_are_joined_and_unlikely_ones_not(self):
        assert groups(cluster.join([(1, 2, 8.0), (3, 4, -4.0)])) == {frozenset({1, 2}), frozenset({3}), frozenset({4})}

    def test_one_doubtful_pair_does_not_chain_two_groups(self):
        whole = [(a, b, 9.0) for group in ((1, 2, 3), (4, 5, 6)) for a in group for b in group if a < b]

        assert groups(cluster.join([*whole, (3, 4, 9.0)])) == {frozenset({1, 2, 3}), frozenset({4, 5, 6})}

    def test_weight_that_is_no_number_joins_nobody(self):
        assert groups(cluster.join([(1, 2, math.nan), (2, 3, math.inf)])) == {frozenset({1}), frozenset({2, 3})}

    def test_whether_a_pair_is_joined_is_decided_at_the_bound(self):
        assert len(groups(cluster.join([(1, 2, cluster.JOIN)]))) == 2
        assert len(groups(cluster.join([(1, 2, cluster.JOIN + 1e-9)]))) == 1

    @given(EDGES, st.randoms(use_true_random=False))
    def test_order_of_the_pairs_changes_nothing(self, edges, chance):
        shuffled = list(edges)
        chance.shuffle(shuffled)

        assert cluster.join(shuffled) == cluster.join(edges)

    @given(EDGES)
    def test_group_stays_within_its_component(self, edges):
        whole = cluster.components(edges)

        for group in groups(cluster.join(edges)):
            assert len({whole.get(node, -node) for node in group}) == 1

    def test_a_star_of_ten_thousand_is_done(self):
        chance = random.Random(1)
        edges = [(0, node, chance.uniform(-1, 9)) for node in range(1, 10_000)]

        assert len(cluster.join(edges)) == 10_000


class TestClusters:
    def test_component_by_component_each_named_by_its_first(self):
        found = dict(cluster.clusters([(1, 1, 2, 9.0), (1, 2, 3, -9.0), (7, 7, 9, 9.0)]))

        assert found == {1: 1, 2: 1, 3: 3, 7: 7, 9: 7}
