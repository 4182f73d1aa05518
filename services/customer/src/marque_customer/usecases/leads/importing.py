"""The import of leads: each row finds or makes its person and begins, or joins, a lead. The natural key is source and source key.

Rows whose people have nothing to do with each other are written together (`at_once`), the others one by one in their order.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import lead_import_rows_pb2
from servicekit import dealers
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid

from marque_customer.mapping import adf as mapping
from marque_customer.models import Lead, LeadIntake
from marque_customer.repository import lead_work
from marque_customer.rules.sources import owner_of
from marque_customer.usecases.leads import at_once, creating, intake, people


class LeadImporter:
    """Imports of kind `leads`."""

    kind = "leads"
    permission = "customer.leads.import"
    row: type[Message] = lead_import_rows_pb2.LeadImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk as if in the order of its rows; those that have nothing to do with others all at once."""
        codes = {row.dealer_code for row in rows if row.dealer_code}
        known = await dealers.by_code(uow.session, codes) if codes else {}
        read = [_read(options, row, known) for row in rows]
        good = {number: one for number, one in enumerate(read) if not one.faults}
        await lead_work.lock_contacts(uow.session, sorted({key for one in good.values() for key in one.asked.keys}))
        before = await lead_work.intakes(uow.session, sorted({one.key for one in good.values()}))
        outcomes = {
            number: RowOutcome(one.row.row, one.row.source_key, REJECTED, one.faults)
            for number, one in enumerate(read)
            if one.faults
        }
        fresh: dict[int, _Read] = {}
        for number, one in good.items():
            if one.key in before:
                outcomes[number] = RowOutcome(one.row.row, one.row.source_key, UNCHANGED)
            else:
                fresh[number] = one
                before.add(one.key)
        leads = await at_once.begin(uow, {number: one.asked for number, one in fresh.items()}, options.source)
        for number, one in fresh.items():
            lead, new = (leads[number], True) if number in leads else await _in_turn(uow, one.asked, options.source)
            uow.add(_intake(uow, one, lead, new))
            outcomes[number] = RowOutcome(one.row.row, one.row.source_key, CREATED if new else UPDATED)
        await uow.flush()
        return [outcomes[number] for number in range(len(rows))]


@dataclass(frozen=True, slots=True)
class _Read:
    """A row as it was understood, under which key it comes (sender, its key), and what is wrong with it."""

    row: Any
    asked: at_once.Asked
    key: tuple[str, str]
    faults: tuple[FieldViolation, ...]


def _read(options: ImportOptions, row: Any, known: dict[str, uuid.UUID]) -> _Read:
    told = mapping.row_told(row)
    wish, wrong = mapping.row_wish(row, options.source)
    dealer_id, faults = _dealer(options, row, known)
    faults += [FieldViolation(name, "NUMBER_INVALID", "Give a whole number.") for name in wrong]
    faults += [
        FieldViolation(name, "CONTACT_POINT_INVALID", "This is no number or address.") for name, _ in told.faults
    ]
    if not told.reachable and not told.faults:
        faults.append(FieldViolation("phone", "CONTACT_MISSING", "Give a phone number or an e-mail address."))
    sender = "" if faults else f"import:{owner_of(options.principal, dealer_id)}:{options.source}"
    return _Read(row, at_once.Asked(told, creating.Wish(**wish), dealer_id), (sender, row.source_key), tuple(faults))


async def _in_turn(uow: UnitOfWork, asked: at_once.Asked, source: str) -> tuple[Lead, bool]:
    """Takes one who is met with others of the file, or with a lead that is open."""
    customer = await people.person_of(uow, asked.told, source)
    return await creating.begin(uow, customer, asked.wish, asked.dealer_id)


def _intake(uow: UnitOfWork, one: _Read, lead: Lead, new: bool) -> LeadIntake:
    sender, key = one.key
    return LeadIntake(
        intake_id=new_uuid(),
        sender=sender,
        sender_key=key,
        raw="",
        outcome=intake.CREATED if new else intake.JOINED,
        customer_id=lead.customer_id,
        lead_id=lead.lead_id,
        problems=[],
        content_hash=_digest(one.row),
        create_time=uow.now,
    )


def _dealer(
    options: ImportOptions, row: Any, known: dict[str, uuid.UUID]
) -> tuple[uuid.UUID | None, list[FieldViolation]]:
    """The dealer of a row; who works for dealers imports for those only."""
    principal = options.principal
    dealer_id = known.get(row.dealer_code)
    if not row.dealer_code and principal.is_dealer and len(principal.dealers) == 1:
        dealer_id = uuid.UUID(next(iter(principal.dealers)))
    if (principal.is_dealer and str(dealer_id) not in principal.dealers) or (row.dealer_code and dealer_id is None):
        text = "There is no dealer of this code, or it is not yours."
        return None, [FieldViolation("dealer_code", "DEALER_UNKNOWN", text)]
    return dealer_id, []


def _digest(row: Any) -> str:
    number, row.row = row.row, 0
    data = row.SerializeToString(deterministic=True)
    row.row = number
    return hashlib.sha256(data).hexdigest()
