"""The clauses of the warranty."""

from __future__ import annotations

from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_vehicle.errors import WarrantyTermInForce
from marque_vehicle.repository import warranty as repository


async def put_term(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a clause. One whose first day is past changes only in its last."""
    async with uow:
        added = await repository.add_term(uow.session, {**values, "update_time": uow.now})
        term = await repository.lock_term(uow.session, values["term_code"], values["sold_from"])
        changed = tuple(values)
        if not added:
            changed = tuple(name for name, value in values.items() if getattr(term, name) != value)
            if set(changed) - {"sold_before"} and term.sold_from <= uow.now.date():
                raise WarrantyTermInForce()
            for name in changed:
                setattr(term, name, values[name])
            if changed:
                term.update_time = uow.now
        await uow.flush()
        if changed:
            uow.audit("put", "warranty_term", f"{term.term_code}/{term.sold_from}", changed)
        return await uow.answer(term)
