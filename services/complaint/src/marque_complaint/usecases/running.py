"""The same verbs done with many cases: all of them with a case, or none, and what is refused is named case by case."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from servicekit.db.attempts import Attempt
from servicekit.db.uow import UnitOfWork
from servicekit.errors import DomainError

from marque_complaint.errors import CaseNotFound
from marque_complaint.repository import cases as repository
from marque_complaint.repository.scope import Scope
from marque_complaint.rules import knowledge
from marque_complaint.usecases import threads, verbs


@dataclass(frozen=True, slots=True)
class Action:
    """A verb by the name of the rules (`tell` and `note` for words), with its arguments as the use case takes them. `template`: words
    whose places are filled for each case, in place of what is said.
    """

    verb: str
    given: dict[str, Any] = field(default_factory=dict)
    template: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of a case. `refused` is the place of the verb that was refused, from 1; 0 for none."""

    case_id: uuid.UUID
    done: bool = False
    refused: int = 0
    reason: str = ""
    message: str = ""
    state: int = 0


_VERBS: dict[str, Callable[..., Awaitable[Any]]] = {
    "acknowledge": verbs.acknowledge, "assess": verbs.assess, "investigate": verbs.investigate, "propose": verbs.propose,
    "resolve": verbs.resolve, "close": verbs.close, "reopen": verbs.reopen, "escalate": verbs.escalate, "wait": verbs.wait,
    "resume": verbs.resume, "assign": verbs.assign, "tell": threads.add_message, "note": threads.add_note,
}  # fmt: skip
_OF_WORDS = frozenset({"tell", "note"})
_SAID = {"propose": "proposal", "resolve": "resolution", "tell": "text", "note": "text"}


async def run(*, uow: UnitOfWork, scope: Scope, case_ids: Sequence[uuid.UUID], actions: Sequence[Action]) -> Any:
    """Does actions with cases. One transaction: whoever sends it again gets the same answer, and nothing is done twice."""
    async with uow:
        done: dict[uuid.UUID, Outcome] = {}
        for case_id in sorted(case_ids):  # always in this order, or two callers could wait for each other
            done[case_id] = await _one(uow, scope, case_id, actions)
        return await uow.answer([done[case_id] for case_id in case_ids])


async def _filled(uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, words: str) -> str:
    """Returns a template's words for a case. Raises CaseNotFound."""
    case = await repository.get_row(uow.session, scope, case_id)
    if case is None:
        raise CaseNotFound()
    return knowledge.fill(words, {name: getattr(case, name) for name in knowledge.TAKEN_FROM})


async def _one(uow: UnitOfWork, scope: Scope, case_id: uuid.UUID, actions: Sequence[Action]) -> Outcome:
    outcome, place = Outcome(case_id), 0
    try:
        async with Attempt(uow) as attempt:
            for place, action in enumerate(actions, 1):  # noqa: B007 - where it ended is told
                given = dict(action.given) if action.verb in _OF_WORDS else {**action.given, "etag": ""}
                if action.template:
                    given[_SAID[action.verb]] = await _filled(uow, scope, case_id, action.template)
                await _VERBS[action.verb](uow=attempt, scope=scope, case_id=case_id, **given)
        outcome.done = True
    except DomainError as refused:
        outcome.refused, outcome.reason, outcome.message = place, refused.reason, str(refused)
    row = await repository.get_row(uow.session, scope, case_id)
    outcome.state = row.state if row is not None else 0
    return outcome
