"""Learning from past cases, and what it says about new ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from servicekit.db.engine import Reader
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_complaint.errors import SuggesterMissing
from marque_complaint.models import CaseSuggester
from marque_complaint.repository import learning as repository
from marque_complaint.rules import learning
from marque_complaint.rules.facts import NOTHING, Guess
from marque_complaint.rules.terms import CATEGORY, COMPONENT, Components

_CHECK_SECONDS = 600.0
_GROWTH = 1.2
_HEAD = 4  # bytes that say how long what was learned of components is; that of categories follows


@dataclass(frozen=True)
class Known:
    """What is known of words: the version, and what was learned of components and of categories; None where it was too little."""

    version: int = 0
    systems: learning.Learned | None = None
    categories: learning.Learned | None = None

    def guesses(self, text: str, *, system: bool, category: bool) -> tuple[Guess, Guess]:
        """Returns the likeliest component and category, of those that are asked for."""
        return _best(self.systems if system else None, text), _best(self.categories if category else None, text)


def _best(learned: learning.Learned | None, text: str) -> Guess:
    found = learned.propose(text, 1) if learned is not None and text.strip() else []
    return Guess(*found[0]) if found else NOTHING


class Suggester:
    """Holds the latest version in memory; another process may have learned a later one."""

    def __init__(self) -> None:
        self._known = Known()

    async def current(self, reader: Reader) -> Known:
        """Returns the latest version."""
        version = await repository.latest_version(reader)
        if version != self._known.version:
            data = await repository.document(reader, version)
            if data is not None:  # else a still later one was learned meanwhile, and is read the next time
                self._known = await asyncio.to_thread(_load, version, data)
        return self._known


def _load(version: int, data: bytes) -> Known:
    size = int.from_bytes(data[:_HEAD], "little")
    parts = data[_HEAD : _HEAD + size], data[_HEAD + size :]
    systems, categories = (learning.Learned.load(part) if part else None for part in parts)
    return Known(version, systems, categories)


async def suggest(reader: Reader, suggester: Suggester, text: str, most: int) -> tuple[int, list[Any], list[Any]]:
    """Returns the version, and the likeliest categories and components of a text. Raises SuggesterMissing."""
    known = await suggester.current(reader)
    if not known.version:
        raise SuggesterMissing()
    parts = (known.categories, known.systems)
    categories, systems = (part.propose(text, most) if part is not None else [] for part in parts)
    return known.version, categories, systems


async def ask(*, uow: UnitOfWork) -> Any:
    """Asks to learn anew; where that is asked for already, it is the same."""
    async with uow:
        last = await repository.lock_asked(uow.session)
        if last is None or last.train_time is not None:
            last = CaseSuggester(
                version=last.version + 1 if last else 1, create_time=uow.now, measures=[], too_few=False
            )
            uow.add(last)
            await uow.flush()
        uow.audit("train", "case_suggester", str(last.version))
        return await uow.answer(last)


class Training:
    """The sweep that learns: what was asked for, and by itself once there are a fifth more decided cases than the last time."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._next_check = 0.0

    async def __call__(self) -> bool:
        """Learns what is asked for; returns whether more may be left."""
        last = await repository.last_asked(self._work.reader)
        if last is not None and last["train_time"] is None:
            await self._train(last["version"])
            return True
        if time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + _CHECK_SECONDS
            decided = await repository.decided_count(self._work.reader)
            if decided >= max(learning.FEWEST, (last["decided_count"] if last else 0) * _GROWTH):
                await ask(uow=self._work(Call(SYSTEM, "sweep:suggester")))
                return True
        return False

    async def _train(self, version: int) -> None:
        reader = self._work.reader
        decided = await repository.decided_count(reader)
        components = Components(await repository.components(reader))
        rows = await repository.examples(reader, learning.MOST_CASES)
        read = [
            (row["text"], row["category"], components.system_of(row["components"][0]) if row["components"] else "")
            for row in rows
        ]
        document, measures = await asyncio.to_thread(train, read)
        async with self._work(Call(SYSTEM, "sweep:suggester")) as uow:
            if await repository.keep(uow.session, version, document, measures, decided, uow.now):
                uow.audit("learn", "case_suggester", str(version))


def train(read: Sequence[tuple[str, str, str]]) -> tuple[bytes | None, list[dict[str, Any]]]:
    """Learns from texts with their categories and components; returns what was learned (None for nothing) and how good it is."""
    parts, measures = [], []
    for scheme, place in ((COMPONENT, 2), (CATEGORY, 1)):
        examples = [(row[0], row[place]) for row in read if row[place]]
        learned = learning.learn(examples)
        parts.append(learned.dump() if learned is not None else b"")
        if learned is not None and (found := learning.measure(examples)) is not None:
            measures.append(
                {
                    "scheme": scheme,
                    "learned_count": found.learned,
                    "term_count": found.terms,
                    "held_back_count": found.held_back,
                    "first_right_count": found.first,
                    "first_three_right_count": found.first_three,
                }
            )
    if not any(parts):
        return None, []
    return len(parts[0]).to_bytes(_HEAD, "little") + parts[0] + parts[1], measures
