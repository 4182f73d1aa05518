"""Importing what was spent outside campaigns, keyed by its owner and the key of whoever tells it: a chunk is a few statements."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from marque.campaign.v1 import outside_spend_import_rows_pb2
from servicekit import dealers
from servicekit.bulk.rows import UNCHANGED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork, Work

from marque_campaign.repository import plan as repository
from marque_campaign.repository import scope as scopes
from marque_campaign.repository.scope import Scope
from marque_campaign.rules import spends
from marque_campaign.rules.spends import Reading


class SpendImporter:
    """Spends of the maker and of dealers, for plans. A row without a dealer is the maker's, or for a dealer's staff their own."""

    kind = "outside-spends"
    permission = "campaign.outside_spends.import"
    row: type[Message] = outside_spend_import_rows_pb2.OutsideSpendImportRow

    def __init__(self, work: Work) -> None:
        self._work = work

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk; of two rows of one key the later one counts."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        readings = [spends.read(row) for row in rows]
        codes = await dealers.by_code(uow.session, {one.dealer_code for one in readings if one.dealer_code})
        owners = [_owner(one, scope, codes) for one in readings]
        keys = [(owner, one.values["source_key"]) for one, owner in zip(readings, owners, strict=True)]
        known = await repository.known_spends(uow.session, keys)
        now = {key: {name: getattr(row, name) for name in repository.SAID} for key, row in known.items()}
        outcomes, changed = [], set()
        for one, key in zip(readings, keys, strict=True):
            if one.violations:
                outcomes.append(one.rejected)
                continue
            told = {name: one.values[name] for name in repository.SAID}
            outcome = spends.outcome_of(told, now.get(key))
            outcomes.append(one.outcome(outcome))
            if outcome != UNCHANGED:
                now[key] = told
                changed.add(key)
        if changed:
            written = [
                {**now[key], "owner": key[0], "source_key": key[1], "update_time": uow.now} for key in sorted(changed)
            ]
            await repository.put_spends(uow.session, written)
            for owner in sorted({owner for owner, _ in changed}):
                uow.audit("import", "outside_spends", str(owner))
        return outcomes


def _owner(one: Reading, scope: Scope, codes: Mapping[str, uuid.UUID]) -> uuid.UUID:
    """Whose a spend is; says of the row where that is not known."""
    if not one.dealer_code:
        if not scope.everything and len(scope.dealers) != 1:
            one.refuse("dealer_code", "DEALER_MISSING", "Name the dealer.")
            return repository.NOBODY
        return repository.NOBODY if scope.everything else scope.dealers[0]
    found = codes.get(one.dealer_code)
    if found is None or not (scope.everything or found in scope.dealers):
        one.refuse("dealer_code", "DEALER_NOT_FOUND", "There is no dealer with this code, or it is not yours.")
        return repository.NOBODY
    return found
