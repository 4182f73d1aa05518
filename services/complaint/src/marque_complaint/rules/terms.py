"""How components are counted together: a path as somebody told it belongs to the term that knows it, or a path above it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CATEGORY, COMPONENT, CAUSE, REMEDY = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Term:
    """A component: its code, what else it is called, and whether it is a part of a car."""

    code: str
    aliases: Sequence[str] = ()
    product: bool = False


def steps(path: str) -> tuple[str, ...]:
    """Returns the steps of a colon path as they are compared: without blanks around them, in one case."""
    return tuple(step.strip().casefold() for step in path.split(":"))


def is_whole(path: str) -> bool:
    """Tells whether no step of a path is empty."""
    return all(steps(path))


class Components:
    """The components of the taxonomy."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._known: dict[tuple[str, ...], str] = {}
        self._products: set[str] = set()
        for term in terms:
            root = term.code.split(":")[0].strip()
            for path in (*term.aliases, term.code):
                self._known[steps(path)] = root
            if term.product:
                self._products.add(root)

    def system_of(self, path: str) -> str:
        """Returns the most general component that a path belongs to; of an unknown one its first step in capitals, of none ''."""
        parts = steps(path)
        for length in range(len(parts), 0, -1):
            if (found := self._known.get(parts[:length])) is not None:
                return found
        return path.split(":")[0].strip().upper()

    def is_product(self, system: str) -> bool:
        """Tells whether it is a part of a car; one that nobody declared is taken for none."""
        return system in self._products


def conflicts(terms: Sequence[tuple[int, str, Sequence[str]]]) -> list[tuple[int, str]]:
    """Returns what two terms (scheme, code, aliases) both claim, as the place of the later one and the word."""
    owner: dict[tuple[int, tuple[str, ...]], int] = {}
    found = []
    for place, (scheme, code, aliases) in enumerate(terms):
        for word in dict.fromkeys((code, *aliases)):
            first = owner.setdefault((scheme, steps(word)), place)
            if first != place:
                found.append((place, word))
    return found
