"""Figures of the trade: what a unit of work did, counted once it is committed and never when it is rolled back.

A service declares each as a :class:`Figure` with every value that its labels may take, so that all series stand at 0 from the start (a rate
over a series that appears with its first event misses that event) and nothing that somebody typed becomes a label.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter

OTHER = "_OTHER"
"""What a label says where it was given a value that was not declared."""


@dataclass(frozen=True)
class Figure:
    """A counter ``marque_<name>_total``.

    :param name: plural noun in snake_case, ``lead_clocks``.
    :param labels: label → every value that it may take; few, for their product stands in every process.
    """

    name: str
    help_text: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def values(self, given: Mapping[str, str]) -> tuple[str, ...]:
        """The labels' values in order, each one that was declared or ``OTHER``."""
        return tuple(given[name] if given.get(name) in known else OTHER for name, known in self.labels.items())


@dataclass(frozen=True, slots=True)
class Tally:
    """Something to be counted when the transaction is committed."""

    figure: Figure
    count: int
    labels: Mapping[str, str]


class Figures:
    """The figures of one process on its registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._counters: dict[str, Counter] = {}
        self._events = Counter(
            "marque_events", "Events committed, by what happened", ("event_type",), registry=registry
        )

    def declare(self, figures: Iterable[Figure]) -> None:
        """Puts all series of figures at 0."""
        for figure in figures:
            counter = self._counter(figure)
            for values in itertools.product(*figure.labels.values()):
                if values:
                    counter.labels(*values)

    def count(self, tally: Tally, exemplar: dict[str, str] | None) -> None:
        """Counts what was committed."""
        counter = self._counter(tally.figure)
        values = tally.figure.values(tally.labels)
        (counter.labels(*values) if values else counter).inc(tally.count, exemplar)

    def event(self, event_type: str, exemplar: dict[str, str] | None) -> None:
        """Counts an event of the contracts."""
        self._events.labels(event_type).inc(1, exemplar)

    def _counter(self, figure: Figure) -> Counter:
        found = self._counters.get(figure.name)
        if found is None:
            found = self._counters[figure.name] = Counter(
                f"marque_{figure.name}", figure.help_text, tuple(figure.labels), registry=self._registry
            )
        return found
