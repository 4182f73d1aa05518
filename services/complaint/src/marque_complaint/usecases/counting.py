"""Counting cases: what changed is marked in the transaction that changed it, and counted a moment later, many in one step."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_complaint.repository import facts as repository
from marque_complaint.repository import learning as words
from marque_complaint.rules import facts
from marque_complaint.rules.terms import Components
from marque_complaint.usecases.suggesting import Known, Suggester

AT_ONCE = 200
_OUTDATED_AT_ONCE = 1000


class Counting:
    """The sweep that counts what is marked; then what was counted by older words."""

    def __init__(self, work: Work, suggester: Suggester) -> None:
        self._work = work
        self._suggester = suggester

    async def __call__(self) -> bool:
        """Counts up to 200 cases; returns whether more may be left."""
        reader = self._work.reader
        known = await self._suggester.current(reader)
        basis = known.version + await repository.revision(
            reader
        )  # both only grow, so it says whether anything is newer
        if not await repository.waiting(reader):
            if not await repository.outdated(reader, basis):
                return False
            async with self._work(Call(SYSTEM, "sweep:facts")) as uow:
                await repository.mark_outdated(uow.session, basis, _OUTDATED_AT_ONCE)
        components = Components(await words.components(reader))
        async with self._work(Call(SYSTEM, "sweep:facts")) as uow:
            claimed = await repository.claim(uow.session, AT_ONCE)
            if claimed:
                await _count(uow, claimed, components, known, basis)
        return len(claimed) == AT_ONCE


async def _count(
    uow: UnitOfWork, claimed: Sequence[uuid.UUID], components: Components, known: Known, basis: int
) -> None:
    before = await repository.first_rows(uow.session, claimed)
    rows = []
    for case in await repository.read(uow.session, claimed):
        text = f"{case['subject']}\n{case['description']}"
        guesses = known.guesses(text, system=not case["components"], category=not case["category"])
        rows += facts.rows(case, components, guesses, before.get(case["case_id"]), (known.version, basis))
    await repository.replace(uow.session, claimed, rows)
