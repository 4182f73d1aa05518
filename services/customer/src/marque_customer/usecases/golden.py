"""The golden record: what a source says is kept, and the customer shows what survives (`rules.survivorship`)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.models import Customer, SourceRecord
from marque_customer.repository import records as repository
from marque_customer.rules import records as rules
from marque_customer.rules.contacts import Contact
from marque_customer.rules.sources import MAKER, Speaker
from marque_customer.rules.survivorship import RULES, UNRECORDED, Statement, golden

_BEFORE = ("", MAKER, "")


class Said:
    """What is known of the sources of a customer and of those merged into it."""

    def __init__(self, uow: UnitOfWork, family: Sequence[uuid.UUID], records: dict[uuid.UUID, list[SourceRecord]]):
        self._uow = uow
        self._family = list(family)
        self._records = records

    @classmethod
    async def of(cls, uow: UnitOfWork, family: Sequence[uuid.UUID]) -> Said:
        """Reads the records of a family, the survivor first."""
        return cls(uow, family, await repository.of(uow.session, family))

    def statements(self) -> list[Statement]:
        """Returns everything that was said."""
        return [
            statement
            for member, customer_id in enumerate(self._family)
            for record in self._records[customer_id]
            for statement in rules.statements(record, member)
        ]

    def record(self, speaker: Speaker, member: int = 0) -> SourceRecord:
        """Returns the record of a source, begun where there is none."""
        customer_id = self._family[member]
        for record in self._records[customer_id]:
            if (record.source, record.dealer_id, record.source_key) == speaker.key:
                record.origin = speaker.origin
                return record
        record = repository.new(customer_id, speaker.key, speaker.origin, self._uow.now)
        self._records[customer_id].append(record)
        self._uow.add(record)
        return record

    def complete(self, customer: Customer) -> None:
        """Keeps what stands in a customer's row and nobody is known to have said: from before statements were kept."""
        values = rules.missing(customer, self.statements())
        if values:
            speaker = Speaker(UNRECORDED, *_BEFORE, "")
            rules.restate(self.record(speaker), values, moment=customer.create_time, actor="")

    def say(self, speaker: Speaker, values: dict[str, Any], verified: Iterable[str] = ()) -> None:
        """Lets a source say other values; entries of united lists stay with those who had them."""
        known, sure = self.statements(), list(verified)
        for unit in sorted(rules.units_in(values)):
            columns = RULES[unit].columns
            if not (RULES[unit].united and len(self._family) > 1):
                mine = {column: values[column] for column in columns if column in values}
                self._restate(self.record(speaker), mine, speaker, unit, sure)
                continue
            (column,) = columns
            shares = rules.split_list(unit, values[column], known, len(self._family))
            before = rules.split_list(unit, golden(unit, known)[column], known, len(self._family))
            for member, (share, had) in enumerate(zip(shares, before, strict=True)):
                if not member or share != had:
                    self._restate(self.record(speaker, member), {column: share}, speaker, unit, sure)

    def _restate(
        self, record: SourceRecord, values: dict[str, Any], speaker: Speaker, unit: str, verified: Sequence[str]
    ) -> None:
        sure = [unit] if unit in verified else []
        rules.restate(record, values, moment=self._uow.now, actor=speaker.subject, verified=sure)

    def say_contacts(self, speaker: Speaker, contacts: Iterable[Contact]) -> None:
        """Keeps which contact points a source gave."""
        given = [[contact.kind, contact.value, contact.provider] for contact in contacts]
        if given:
            rules.restate(self.record(speaker), {}, moment=self._uow.now, actor=speaker.subject, contacts=given)

    def golden(self, units: Iterable[str] = RULES) -> dict[str, Any]:
        """Returns the columns of the golden record."""
        known = self.statements()
        found: dict[str, Any] = {}
        for unit in units:
            found.update(golden(unit, [said for said in known if said.unit == unit]))
        return found
