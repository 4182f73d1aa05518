"""Writing the taxonomies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation, InvalidArgument

from marque_complaint.models import CaseTerm
from marque_complaint.repository import learning as repository
from marque_complaint.rules import terms as rules

_FIELDS = ("names", "aliases", "product", "retired")


async def put(*, uow: UnitOfWork, told: Sequence[tuple[dict[str, Any], str]]) -> Any:
    """Writes terms, all or none; `told` are their values and etags. Raises InvalidArgument, EtagMismatch."""
    _check(told)
    async with uow:
        known = repository.by_key(await repository.lock_terms(uow.session))
        written = []
        for values, etag in told:
            key = values["scheme"], values["code"]
            term = known.get(key)
            if term is None:
                term = known[key] = CaseTerm(**values)
                uow.add(term)
            else:
                term.check_etag(etag)
                for name in _FIELDS:
                    if getattr(term, name) != values[name]:
                        setattr(term, name, values[name])
            written.append(term)
        _check_aliases(known, told)
        await uow.flush()
        for term in written:
            uow.audit("put", "case_term", f"{term.scheme}/{term.code}")
        return await uow.answer(written)


def _check(told: Sequence[tuple[dict[str, Any], str]]) -> None:
    wrong, seen = [], set()
    for place, (values, _) in enumerate(told):
        key = values["scheme"], rules.steps(values["code"])
        if key in seen:
            wrong.append(FieldViolation(f"terms[{place}].code", "TERM_DOUBLE", "The code stands twice."))
        seen.add(key)
        for word in (values["code"], *values["aliases"]):
            if not rules.is_whole(word):
                wrong.append(FieldViolation(f"terms[{place}]", "TERM_PATH", "A path has no empty step."))
    if wrong:
        raise InvalidArgument(violations=wrong)


def _check_aliases(known: dict[tuple[int, str], CaseTerm], told: Sequence[tuple[dict[str, Any], str]]) -> None:
    """Raises InvalidArgument where two terms claim a word; those of the request are named."""
    mine = {(values["scheme"], values["code"]): place for place, (values, _) in enumerate(told)}
    order = sorted(known, key=lambda key: key in mine)  # what stood before owns its words
    words = [(*key, known[key].aliases) for key in order]
    wrong = [
        FieldViolation(
            f"terms[{mine[order[place]]}].aliases", "ALIAS_TAKEN", "Another term of the taxonomy has this word."
        )
        for place, _ in rules.conflicts(words)
    ]
    if wrong:
        raise InvalidArgument(violations=wrong)
