"""Which records are one: clusters by average likeness, so that one doubtful pair does not chain two people together."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

Edge = tuple[int, int, float]

JOIN = -2.0  # bits: two groups are joined while the average over all their pairs is above this
ABSENT = -5.0  # what a pair counts that blocking did not bring together: it shares too little to be looked at
LOW, HIGH = -10.0, 10.0  # one pair's say is bounded, or one exact match would outvote a group


def components(edges: Iterable[Edge], least: float = JOIN) -> dict[int, int]:
    """Returns the smallest member of each record's component over the edges above a bound; records without one are left out."""
    parent: dict[int, int] = {}

    def root(node: int) -> int:
        top = node
        while parent.setdefault(top, top) != top:
            top = parent[top]
        while parent[node] != top:
            parent[node], node = top, parent[node]
        return top

    for left, right, weight in edges:
        if weight > least:
            first, second = sorted((root(left), root(right)))
            parent[second] = first
    return {node: root(node) for node in list(parent)}


def clusters(edges: Iterable[tuple[int, int, int, float]]) -> Iterator[tuple[int, int]]:
    """Yields (record, cluster) for edges (component, left, right, weight) that come sorted by component; the cluster is named by its
    smallest record. One component is held in memory at a time.
    """
    for _, members in groupby(edges, key=itemgetter(0)):
        joined = join([(left, right, weight) for _, left, right, weight in members])
        names: dict[int, int] = {}
        for node in sorted(joined):
            names.setdefault(joined[node], node)
        for node in sorted(joined):
            yield node, names[joined[node]]


def join(edges: list[Edge]) -> dict[int, int]:
    """Joins the likeliest two groups again and again while their average pair is above JOIN; returns each record's group.

    The same edges in any order give the same groups: ties go to the smaller records. A weight that is no number counts as LOW.
    """
    beside: dict[int, dict[int, float]] = {}
    for left, right, weight in sorted(edges):
        # NaN fails the comparison and takes the lower bound.
        above = (min(weight, HIGH) if weight > LOW else LOW) - ABSENT
        if left != right:
            beside.setdefault(left, {})[right] = above
            beside.setdefault(right, {})[left] = above
    size, version, into = dict.fromkeys(beside, 1), dict.fromkeys(beside, 0), {node: node for node in beside}
    heap = [
        (-(above + ABSENT), left, right, 0, 0)
        for left, near in beside.items()
        for right, above in near.items()
        if left < right and above + ABSENT > JOIN
    ]
    heapq.heapify(heap)
    while heap:
        _, left, right, left_version, right_version = heapq.heappop(heap)
        if version.get(left) != left_version or version.get(right) != right_version:
            continue
        if len(beside[left]) < len(beside[right]):
            left, right = right, left
        _absorb(beside, left, right)
        size[left] += size.pop(right)
        version.pop(right)
        version[left] += 1
        into[right] = left
        for other, above in beside[left].items():
            average = above / (size[left] * size[other]) + ABSENT
            if average > JOIN:
                first, second = (left, other) if left < other else (other, left)
                heapq.heappush(heap, (-average, first, second, version[first], version[second]))
    return {node: _top(into, node) for node in into}


def _absorb(beside: dict[int, dict[int, float]], left: int, right: int) -> None:
    """Adds the sums of one group's pairs to another's and forgets the first."""
    near = beside[left]
    del near[right], beside[right][left]
    for other, above in beside.pop(right).items():
        theirs = beside[other]
        del theirs[right]
        near[other] = theirs[left] = above + near.get(other, 0.0)


def _top(into: dict[int, int], node: int) -> int:
    while into[node] != node:
        into[node] = into[into[node]]
        node = into[node]
    return node
