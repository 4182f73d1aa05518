"""Importing the people of lists: a chunk is a few questions to those who know people and cars, then a few statements for each list.

A row is known by its list and the person, under whatever name or id: the same file again changes nothing. Of what names a person nothing
is kept here but the customer's id.

A file that replaces marks whom it names on the lists themselves, of a dry run too; when its rows are read, whoever has no mark of it
goes, or is counted. So a list is made anew by one import at a time (`audience_lists.replace_import_id`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message
from marque.campaign.v1 import audience_list_import_rows_pb2
from servicekit.bulk.rows import REJECTED, ImportOptions, RowOutcome, Step
from servicekit.db.uow import UnitOfWork, Work

from marque_campaign.clients.people import People
from marque_campaign.errors import AudienceListBeingReplaced
from marque_campaign.repository import audience, members
from marque_campaign.repository import lists as rows_of
from marque_campaign.repository import scope as scopes
from marque_campaign.rules import listing
from marque_campaign.rules.listing import MOST_MEMBERS, Named, Origin, Reading
from marque_campaign.usecases import lists


class MemberImporter:
    """People for lists. On a dealer's list only those come who have to do with that dealer, whoever imports: its staff will see them."""

    kind = "audience-list-members"
    permission = "campaign.audience_lists.import"
    row: type[Message] = audience_list_import_rows_pb2.AudienceListMemberImportRow

    def __init__(self, work: Work, people: People) -> None:
        self._work = work
        self._people = people

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk. Neighbours are asked before the first statement, while no transaction holds anything."""
        scope = await scopes.visible_to(self._work.reader, options.principal)
        readings = [listing.read(row, replaces=options.replaces) for row in rows]
        await self._name(scope, options, readings)
        good = [one for one in readings if not one.violations]
        outcomes: dict[int, RowOutcome] = {}
        if good:
            await members.hold(uow.session)
            erased = await audience.erased(uow.session, {one.person for one in good if one.person})
            for one in good:
                if one.person in erased:
                    one.is_gone()
            origin = Origin(options.principal.subject, options.import_id, options.replaces)
            # In one order, so that two imports wait for each other and never in a circle.
            for list_id in sorted({one.list_id for one in good}):
                mine = [one for one in good if one.list_id == list_id and not one.violations]
                told = await _apply(uow, scope, list_id, mine, origin) if mine else []
                outcomes |= {id(one): outcome for one, outcome in zip(mine, told, strict=True)}
        return [outcomes.get(id(one)) or one.outcome(REJECTED) for one in readings]

    async def mark(self, uow: UnitOfWork, options: ImportOptions, outcomes: Sequence[RowOutcome]) -> None:
        """Notes on the lists whom the rows of a chunk name. Raises AudienceListBeingReplaced."""
        assert options.import_id is not None
        named: dict[uuid.UUID, set[uuid.UUID]] = {}
        for one in outcomes:
            if one.named is not None:
                named.setdefault(one.named.list_id, set()).update(one.named.ids)
        for list_id in sorted(named):
            if not await members.claim(uow.session, list_id, options.import_id):
                raise AudienceListBeingReplaced()
            await members.name(uow.session, list_id, named[list_id], options.import_id)

    async def replace(self, uow: UnitOfWork, options: ImportOptions, place: str) -> Step:
        """Takes whom the file did not name off its lists, one list after another, or counts them.

        `place` is the list and the last one looked at on it; empty for the next list. A list that is deleted, or out of the caller's sight,
        meanwhile stays as it is.
        """
        assert options.import_id is not None
        session, (first, _, last) = uow.session, place.partition("/")
        list_id = uuid.UUID(first) if first else await members.claimed(session, options.import_id)
        if list_id is None:
            return Step(0, None)
        scope = await scopes.visible_to(self._work.reader, options.principal)
        found = await rows_of.lock(session, rows_of.AUDIENCE_LISTS, scope, list_id)
        gone, more = 0, None
        if found is not None:
            after = uuid.UUID(last) if last else uuid.UUID(int=0)
            gone, more = await members.leave(
                session, list_id, options.import_id, after, lists.AT_ONCE, dry_run=options.dry_run
            )
            if gone and not options.dry_run:
                found.member_count -= gone
                uow.audit("import", "audience_list", str(list_id), ("members",))
        if more is None:
            await uow.flush()
            await members.release(session, list_id)
        return Step(gone, f"{list_id}/{more}" if more else "")

    async def _name(self, scope: scopes.Scope, options: ImportOptions, readings: Sequence[Reading]) -> None:
        """Finds the lists and the people of rows, or says of a row that there are none."""
        ids = sorted({one.list_id for one in readings})
        known = await members.lists(self._work.reader, ids, scope.dealers, everything=scope.everything)
        for one in readings:
            if one.list_id not in known:
                one.violations.append(listing.NO_LIST)
        good = [one for one in readings if not one.violations]
        for dealer in {known[one.list_id] for one in good}:
            mine = [one for one in good if known[one.list_id] == dealer]
            found = await self._people.named({one.name for one in mine if one.name}, options.source, dealer)
            for one in mine:
                if one.name is not None:
                    one.is_for(found[one.name])


async def _apply(
    uow: UnitOfWork, scope: scopes.Scope, list_id: uuid.UUID, readings: Sequence[Reading], origin: Origin
) -> list[RowOutcome]:
    """Writes what good rows say of one list."""
    found = await rows_of.lock(uow.session, rows_of.AUDIENCE_LISTS, scope, list_id)
    if found is None:  # deleted since it was looked for
        for one in readings:
            one.violations.append(listing.NO_LIST)
        return [one.outcome(REJECTED) for one in readings]
    if origin.replaces and not await members.claim(uow.session, list_id, _of(origin)):
        for one in readings:
            one.violations.append(listing.BEING_REPLACED)
        return [one.outcome(REJECTED) for one in readings]
    people = {one.asked: one.person for one in readings if one.asked and one.person}
    known = await members.known(uow.session, list_id, people)
    change = listing.follow(readings, known, MOST_MEMBERS - found.member_count)
    if change.added or change.removed:
        await lists.write(uow, found, set(change.added), set(change.removed), origin)
        uow.audit("import", "audience_list", str(list_id), ("members",))
        await uow.flush()
    return [
        replace(told, named=_named(list_id, one, known)) if told.outcome != REJECTED else told
        for one, told in zip(readings, change.outcomes, strict=True)
    ]


def _of(origin: Origin) -> uuid.UUID:
    assert origin.import_id is not None, "only a file replaces"
    return origin.import_id


def _named(list_id: uuid.UUID, one: Reading, known: dict[uuid.UUID, set[uuid.UUID]]) -> Named:
    assert one.person is not None
    return Named(list_id, tuple(known.get(one.person) or (one.person,)))
