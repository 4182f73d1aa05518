"""The import of leads: each row finds or makes its person and begins, or joins, a lead. The natural key is source and source key.

Row by row, unlike customers: a lead is met with what the person has open, and files of leads have hundreds of rows, not millions.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import lead_import_rows_pb2
from servicekit import dealers
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid

from marque_customer.mapping import adf as mapping
from marque_customer.models import LeadIntake
from marque_customer.repository import lead_work
from marque_customer.rules.sources import owner_of
from marque_customer.usecases.leads import creating, intake, people


class LeadImporter:
    """Imports of kind `leads`."""

    kind = "leads"
    permission = "customer.leads.import"
    row: type[Message] = lead_import_rows_pb2.LeadImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk, in the order of its rows."""
        told = [mapping.row_told(row) for row in rows]
        keys = {(contact.kind, contact.match_key) for one in told for contact in one.contacts}
        await lead_work.lock_contacts(uow.session, sorted(keys))
        codes = {row.dealer_code for row in rows if row.dealer_code}
        known = await dealers.by_code(uow.session, codes) if codes else {}
        return [await self._one(uow, options, row, person, known) for row, person in zip(rows, told, strict=True)]

    async def _one(
        self, uow: UnitOfWork, options: ImportOptions, row: Any, told: Any, known: dict[str, uuid.UUID]
    ) -> RowOutcome:
        wish, wrong = mapping.row_wish(row, options.source)
        dealer_id, faults = _dealer(options, row, known)
        faults += [FieldViolation(name, "NUMBER_INVALID", "Give a whole number.") for name in wrong]
        faults += [
            FieldViolation(name, "CONTACT_POINT_INVALID", "This is no number or address.") for name, _ in told.faults
        ]
        if not told.reachable and not told.faults:
            faults.append(FieldViolation("phone", "CONTACT_MISSING", "Give a phone number or an e-mail address."))
        if faults:
            return RowOutcome(row.row, row.source_key, REJECTED, tuple(faults))
        sender = f"import:{owner_of(options.principal, dealer_id)}:{options.source}"
        digest = _digest(row)
        before = await lead_work.intake(uow.session, sender, row.source_key)
        if before is not None:
            return RowOutcome(row.row, row.source_key, UNCHANGED)
        customer = await people.person_of(uow, told, options.source)
        lead, new = await creating.begin(uow, customer, creating.Wish(**wish), dealer_id)
        uow.add(
            LeadIntake(
                intake_id=new_uuid(),
                sender=sender,
                sender_key=row.source_key,
                raw="",
                outcome=intake.CREATED if new else intake.JOINED,
                customer_id=customer.customer_id,
                lead_id=lead.lead_id,
                problems=[],
                content_hash=digest,
                create_time=uow.now,
            )
        )
        await uow.flush()
        return RowOutcome(row.row, row.source_key, CREATED if new else UPDATED)


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
