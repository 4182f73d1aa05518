"""The import of holdings. The natural key is source and source key, of the maker's systems or of one dealer's; another row changes it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import holding_import_rows_pb2
from servicekit import dealers
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation

from marque_customer.mapping.holdings import row_values
from marque_customer.models import Holding
from marque_customer.repository import holdings as repository
from marque_customer.rules.sources import owner_of
from marque_customer.usecases.holdings import say

_NO_DEALER = FieldViolation("dealer_code", "DEALER_UNKNOWN", "There is no dealer of this code, or it is not yours.")
_NOBODY = FieldViolation("customer_id", "CUSTOMER_NOT_FOUND", "There is no such customer, or you may not see them.")
_WHOSE = FieldViolation("customer_id", "FIELD_REQUIRED", "Say whose it is: customer_id or customer_source_key.")


class HoldingImporter:
    """Imports of kind `holdings`."""

    kind = "holdings"
    permission = "customer.holdings.import"
    row: type[Message] = holding_import_rows_pb2.HoldingImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk, in the order of its rows."""
        codes = {row.dealer_code for row in rows if row.dealer_code}
        known = await dealers.by_code(uow.session, codes) if codes else {}
        placed = [_dealer(options, row, known) for row in rows]
        owners = [owner_of(options.principal, dealer) if not fault else None for dealer, fault in placed]
        whose, before = {}, {}
        for owner in sorted({one for one in owners if one is not None}):
            mine = [row for row, one in zip(rows, owners, strict=True) if one == owner]
            named = [row.customer_source_key for row in mine if row.customer_source_key]
            for key, found in (await repository.by_reference(uow.session, options.source, owner, named)).items():
                whose[owner, key] = found
            ids = {uuid.UUID(row.customer_id) for row in mine if row.customer_id}
            ids |= {one for (place, _), one in whose.items() if place == owner}
            seen = await repository.people(uow.session, options.principal, sorted(ids))
            whose |= {(owner, one): one for one in seen}
            held = await repository.by_key(uow.session, options.source, owner, [row.source_key for row in mine])
            before |= {(owner, key): holding for key, holding in held.items()}
            whose = {place: one for place, one in whose.items() if place[0] != owner or one in seen}
        return [
            await _one(uow, options, row, place, owner, whose, before)
            for row, place, owner in zip(rows, placed, owners, strict=True)
        ]


async def _one(
    uow: UnitOfWork,
    options: ImportOptions,
    row: Any,
    place: tuple[uuid.UUID | None, bool],
    owner: uuid.UUID | None,
    whose: dict[tuple[uuid.UUID, Any], uuid.UUID],
    before: dict[tuple[uuid.UUID, str], Holding],
) -> RowOutcome:
    values, faults = row_values(row)
    asked = uuid.UUID(row.customer_id) if row.customer_id else row.customer_source_key
    customer_id = whose.get((owner, asked)) if owner is not None else None
    if place[1] or owner is None:
        faults.append(_NO_DEALER)
    elif not asked:
        faults.append(_WHOSE)
    elif customer_id is None:
        faults.append(_NOBODY)
    if faults or owner is None:
        return RowOutcome(row.row, row.source_key, REJECTED, tuple(faults))
    digest, known = _digest(row), before.get((owner, row.source_key))
    if known is not None and known.content_hash == digest:
        return RowOutcome(row.row, row.source_key, UNCHANGED)
    values |= {"customer_id": customer_id, "dealer_id": place[0], "content_hash": digest}
    values["close_time"] = None if values["state"] == Holding.ACTIVE else uow.now
    if known is None:
        known = Holding(create_time=uow.now, source=options.source, source_key=row.source_key, owner_id=owner, **values)
        uow.add(known)
        before[owner, row.source_key] = known
        await say(uow, known, "import")
        return RowOutcome(row.row, row.source_key, CREATED)
    for name, value in values.items():
        setattr(known, name, value)
    await say(uow, known, "import")
    return RowOutcome(row.row, row.source_key, UPDATED)


def _dealer(options: ImportOptions, row: Any, known: dict[str, uuid.UUID]) -> tuple[uuid.UUID | None, bool]:
    """The dealer who looks after a row's holding, and whether that is a fault; who works for dealers imports for those only."""
    principal = options.principal
    if not row.dealer_code:
        alone = principal.is_dealer and len(principal.dealers) == 1
        dealer = uuid.UUID(next(iter(principal.dealers))) if alone else None
        return dealer, principal.is_dealer and dealer is None
    dealer = known.get(row.dealer_code)
    return dealer, dealer is None or (principal.is_dealer and str(dealer) not in principal.dealers)


def _digest(row: Any) -> str:
    number, row.row = row.row, 0
    data = row.SerializeToString(deterministic=True)
    row.row = number
    return hashlib.sha256(data).hexdigest()
