"""Merged customers as each service knows them: whatever order the events come in, the same is known in the end."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from marque.customer.v1.customer_events_pb2 import CustomersMerged, CustomersUnmerged
from servicekit import aliases
from servicekit.db.engine import Database
from servicekit.db.tables import customer_aliases
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.envelope import Event
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

START = datetime(2026, 1, 1, tzinfo=UTC)
Told = tuple[str, float, uuid.UUID, uuid.UUID, int]


def at(day: float) -> datetime:
    return START + timedelta(days=day)


class Known:
    """What is known after some events."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def tell(self, *told: Told) -> None:
        """Tells events one by one, each in its transaction: (kind, day, merged, survivor, version)."""
        for kind, day, gone, into, version in told:
            data: Any = CustomersMerged() if kind == "merged" else CustomersUnmerged()
            data.customer_id, data.merged_customer_id, data.aggregate_version = str(into), str(gone), version
            data.occur_time.FromDatetime(at(day))
            event = Event(uuid.uuid4(), data.DESCRIPTOR.full_name, str(into), version, at(day), data)
            async with (uow := UnitOfWork(self.database, Call(Principal("s"), "/m"))):
                await aliases.handlers()[event.type](uow, event)

    async def say_again(self, snapshots: list[Any]) -> None:
        """Tells snapshots, each in its transaction."""
        for data in snapshots:
            name, key = data.DESCRIPTOR.full_name, data.merged_customer_id
            event = Event(uuid.uuid4(), name, key, data.aggregate_version, START, data)
            async with (uow := UnitOfWork(self.database, Call(Principal("s"), "/m"))):
                await aliases.handlers()[event.type](uow, event)

    async def snapshots(self, *mine: uuid.UUID) -> list[Any]:
        """What an owner that knows the same says of some customers."""
        async with self.database.session() as session:
            return [
                data
                for _, data in await aliases.snapshots(session, "", 10_000)
                if data.merged_customer_id in map(str, mine)
            ]

    async def rows(self, *mine: uuid.UUID) -> list[Any]:
        """Everything that is known of some customers."""
        async with self.database.session() as session:
            query = sa.select(customer_aliases).where(customer_aliases.c.from_customer_id.in_(mine))
            return sorted((tuple(row) for row in await session.execute(query)), key=str)

    async def forget(self, *mine: uuid.UUID) -> None:
        """Knows nothing of some customers any more."""
        async with self.database.engine.begin() as connection:
            await connection.execute(sa.delete(customer_aliases).where(customer_aliases.c.from_customer_id.in_(mine)))

    async def stands_for(self, customer: uuid.UUID, day: float | None = None) -> uuid.UUID:
        async with self.database.session() as session:
            return await aliases.resolve(session, customer, at=None if day is None else at(day))

    async def family(self, customer: uuid.UUID) -> set[uuid.UUID]:
        async with self.database.session() as session:
            return set(await aliases.family(session, customer))


@pytest.fixture
def known(database: Database) -> Known:
    return Known(database)


@pytest.fixture
def people() -> list[uuid.UUID]:
    return [uuid.uuid4() for _ in range(4)]


class TestAliases:
    async def test_a_merged_customer_stands_for_the_survivor(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, c, _ = people
        await known.tell(("merged", 1, a, b, 5))
        assert await known.stands_for(a) == b
        assert [await known.stands_for(b), await known.stands_for(c)] == [b, c]
        assert (await known.family(b), await known.family(a)) == ({a, b}, {a})

    async def test_after_unmerging_it_stands_for_itself_and_the_past_keeps_its_answer(
        self, known: Known, people: list[uuid.UUID]
    ) -> None:
        a, b, *_ = people
        await known.tell(("merged", 1, a, b, 5), ("unmerged", 3, a, b, 6))
        assert await known.stands_for(a) == a
        assert await known.family(b) == {b}
        assert [await known.stands_for(a, day) for day in (0, 1, 2, 3, 4)] == [a, b, b, a, a]

    async def test_it_can_be_merged_again(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, c, _ = people
        await known.tell(
            ("merged", 1, a, b, 5), ("unmerged", 2, a, b, 6), ("merged", 3, a, b, 7), ("unmerged", 4, a, b, 8)
        )
        await known.tell(("merged", 5, a, c, 2))
        assert [await known.stands_for(a, day) for day in (1, 2, 3, 4, 5)] == [b, a, b, a, c]

    @pytest.mark.parametrize("length", [2, 3, 40])
    async def test_a_chain_is_followed_to_its_end(self, known: Known, length: int) -> None:
        chain = [uuid.uuid4() for _ in range(length + 1)]
        for number, (gone, into) in enumerate(itertools.pairwise(chain)):
            await known.tell(("merged", number, gone, into, 2))
        assert await known.stands_for(chain[0]) == chain[-1]
        assert await known.family(chain[-1]) == set(chain)
        assert await known.stands_for(chain[0], 0.5) == chain[1]

    async def test_a_circle_ends(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, *_ = people
        await known.tell(("merged", 1, a, b, 2), ("merged", 2, b, a, 2))
        assert await known.stands_for(a) in (a, b)
        assert await known.family(a) == {a, b}


TWICE = (("merged", 1, 0, 5), ("unmerged", 2, 0, 6), ("merged", 3, 0, 7), ("unmerged", 4, 0, 8))
BETWEEN = (("merged", 1, 0, 5), ("unmerged", 2, 0, 6), ("merged", 3, 1, 2), ("unmerged", 4, 1, 3), ("merged", 5, 0, 7))
STORIES = {
    "twice the same": TWICE,
    "another in between": BETWEEN,
    "three times the same": (*TWICE, ("merged", 5, 0, 9), ("unmerged", 6, 0, 10)),
    "another in between, and parted": (*BETWEEN, ("unmerged", 6, 0, 8)),
}
STEP = 6  # in the short size every so many-th order of the long stories; both long ones lost an alias in about one order of a hundred


class TestOrder:
    @pytest.mark.soak
    @pytest.mark.parametrize("name", STORIES)
    async def test_merged_parted_and_merged_again_in_any_order(self, known: Known, name: str, soaking: bool) -> None:
        story, spans = STORIES[name], []
        for kind, day, into, _ in story:
            if kind == "merged":
                spans.append([into, at(day), None])
            else:
                spans[-1][2] = at(day)
        orders = list(itertools.permutations(story))
        wrong = []
        for order in orders if soaking or len(orders) < 500 else orders[::STEP]:
            gone, people = uuid.uuid4(), [uuid.uuid4(), uuid.uuid4()]
            async with known.database.session() as session:
                for kind, day, into, version in order:
                    tell = aliases.begin if kind == "merged" else aliases.end
                    await tell(session, gone, people[into], at(day), version)
                columns = customer_aliases.c
                query = sa.select(columns.to_customer_id, columns.known_from, columns.known_until).where(
                    columns.from_customer_id == gone, columns.known_until.is_distinct_from(columns.known_from)
                )
                found = [
                    [people.index(into), *span] for into, *span in await session.execute(query.order_by("known_from"))
                ]
                await session.rollback()
            wrong += [] if found == spans else [(order, found)]
        assert wrong == []

    async def test_an_alias_whose_end_was_taken_over_by_a_later_merge_is_not_lost(
        self, known: Known, people: list[uuid.UUID]
    ) -> None:
        a, b, *_ = people
        first, second, third = (("merged", day, a, b, version) for day, version in ((1, 5), (3, 7), (5, 9)))
        parted, again, last = (("unmerged", day, a, b, version) for day, version in ((2, 6), (4, 8), (6, 10)))
        await known.tell(first, last, second, parted, again, third)
        assert [await known.stands_for(a, day) for day in (1, 2, 3, 4, 5, 6)] == [b, a, b, a, b, a]

    async def test_an_event_told_twice_changes_nothing(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, *_ = people
        story: list[Told] = [("merged", 1, a, b, 5), ("unmerged", 3, a, b, 6)]
        await known.tell(story[0], story[0], story[1], story[0], story[1])
        assert [await known.stands_for(a, day) for day in (0, 1, 2, 3, None)] == [a, b, b, a, a]

    async def test_an_older_unmerging_does_not_end_a_newer_merging(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, *_ = people
        await known.tell(("merged", 5, a, b, 9), ("unmerged", 3, a, b, 6))
        assert await known.stands_for(a) == b

    async def test_unmerging_from_another_survivor_does_not_end_it(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, c, _ = people
        await known.tell(("merged", 5, a, c, 2), ("unmerged", 6, a, b, 90))
        assert await known.stands_for(a) == c

    @pytest.mark.parametrize("end", [3, 0.9], ids=["later", "by a clock that is behind"])
    @pytest.mark.parametrize("order", list(itertools.permutations(range(2))), ids=str)
    async def test_merging_and_unmerging_in_any_order(
        self, known: Known, people: list[uuid.UUID], order: tuple[int, ...], end: float
    ) -> None:
        a, b, *_ = people
        story: list[Told] = [("merged", 1, a, b, 5), ("unmerged", end, a, b, 6)]
        await known.tell(*(story[number] for number in order))
        assert await known.stands_for(a) == a
        assert await known.family(b) == {b}
        if end == 3:
            assert [await known.stands_for(a, day) for day in range(5)] == [a, b, b, a, a]

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
    async def test_survivors_of_different_lanes_in_any_order(
        self, known: Known, people: list[uuid.UUID], order: tuple[int, ...]
    ) -> None:
        a, b, c, _ = people
        story: list[Told] = [("merged", 1, a, b, 5), ("unmerged", 3, a, b, 6), ("merged", 4, a, c, 2)]
        await known.tell(*(story[number] for number in order))
        assert await known.stands_for(a) == c
        assert (await known.family(c), await known.family(b)) == ({a, c}, {b})
        assert [await known.stands_for(a, day) for day in range(6)] == [a, b, b, a, c, c]

    async def test_events_of_two_lanes_at_once_agree(self, known: Known, people: list[uuid.UUID]) -> None:
        a, b, c, _ = people
        story: list[Told] = [("merged", 1, a, b, 5), ("unmerged", 3, a, b, 6), ("merged", 4, a, c, 2)]
        await asyncio.gather(*(known.tell(told) for told in story))
        assert await known.stands_for(a) == c


class TestSnapshots:
    """What the owner says again makes the same rows as the events did, whatever comes in between."""

    def story(self, people: list[uuid.UUID]) -> list[Told]:
        a, b, c, _ = people
        first: list[Told] = [("merged", 1, a, b, 5), ("unmerged", 3, a, b, 6), ("merged", 4, a, b, 7)]
        return [*first, ("unmerged", 6, a, b, 8), ("merged", 7, a, c, 2)]

    async def test_rows_made_anew_equal_the_old_ones(self, known: Known, people: list[uuid.UUID]) -> None:
        await known.tell(*self.story(people))
        before, said = await known.rows(*people), await known.snapshots(*people)
        await known.forget(*people)
        await known.say_again(said)
        assert len(before) == 3
        assert await known.rows(*people) == before

    async def test_saying_again_changes_nothing(self, known: Known, people: list[uuid.UUID]) -> None:
        await known.tell(*self.story(people))
        before = await known.rows(*people)
        await known.say_again(await known.snapshots(*people) * 2)
        assert await known.rows(*people) == before

    @pytest.mark.parametrize(
        ("forgotten", "read"), [(forgotten, read) for read in range(6) for forgotten in range(read + 1)]
    )
    async def test_forgotten_and_said_again_at_any_moment_of_the_story(
        self, known: Known, people: list[uuid.UUID], forgotten: int, read: int
    ) -> None:
        """Forgotten after some events, said by an owner who has gone on to `read`, heard behind all events before that and some later."""
        story = self.story(people)
        await known.tell(*story)
        whole = await known.rows(*people)
        await known.forget(*people)
        await known.tell(*story[:read])
        said = await known.snapshots(*people)
        for heard in range(read, len(story) + 1):
            await known.forget(*people)
            await known.tell(*story[forgotten:heard])
            await known.say_again(said)
            await known.tell(*story[heard:])
            assert await known.rows(*people) == whole, heard

    async def test_pages_follow_each_other(self, known: Known, people: list[uuid.UUID]) -> None:
        await known.tell(*self.story(people))
        found, after = [], ""
        async with known.database.session() as session:
            while page := await aliases.snapshots(session, after, 1):
                ((after, data),) = page
                found.append(data)
        whole = await known.snapshots(*people)
        assert [one for one in found if one.merged_customer_id == str(people[0])] == whole
        assert len(whole) == 3
