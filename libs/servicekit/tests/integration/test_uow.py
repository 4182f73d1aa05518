"""One use case, one transaction: on real PostgreSQL, whatever goes wrong and whoever comes at the same time."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import sqlalchemy as sa
from marque.customer.v1 import customer_pb2
from marque.customer.v1.customer_events_pb2 import CustomerCreated
from servicekit.db.base import Aggregate, Base, metadata
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.uow import Replayed, UnitOfWork
from servicekit.errors import Aborted, AlreadyExists, IdempotencyKeyReused, NotFound
from servicekit.ids import new_uuid
from servicekit.rpc.call import Call
from servicekit.rpc.failures import as_domain_error
from servicekit.rpc.principal import Principal
from servicekit.testing.platform import until
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

METHOD = "/marque.customer.v1.CustomerService/CreateCustomer"


class Model(Base):
    __abstract__ = True
    metadata = metadata()


class Thing(Aggregate, Model):
    __tablename__ = "uow_things"
    thing_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str] = mapped_column(unique=True)


class NameTaken(AlreadyExists):
    reason = "NAME_TAKEN"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _tables(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(Model.metadata.create_all)


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


class World:
    """Units of work of one caller, and what stands in the database afterwards."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.committed = Committed()
        self.subject = uuid.uuid4().hex

    def uow(self, request_id: str = "", body: bytes = b"1", method: str = METHOD) -> UnitOfWork:
        call = Call(
            Principal(self.subject, roles=frozenset({"b", "a"})), method, request_id=request_id, request_hash=body
        )
        return UnitOfWork(
            self.database,
            call,
            render=rendered,
            constraints={"uq_uow_things_name": NameTaken},
            committed=self.committed,
        )

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.engine.connect() as connection:
            return list((await connection.execute(sa.text(query), values)).all())

    async def things(self, name: str) -> int:
        return len(await self.rows("SELECT 1 FROM uow_things WHERE name = :name", name=name))

    async def kept(self) -> list[Any]:
        return await self.rows("SELECT request_id, answer FROM idempotency_keys WHERE principal = :me", me=self.subject)

    async def traces(self, key: str) -> tuple[int, int]:
        """How many outbox rows and audit records there are."""
        outbox = await self.rows("SELECT 1 FROM outbox_messages WHERE aggregate_id = :key", key=key)
        return len(outbox), len(await self.rows("SELECT 1 FROM audit_records WHERE principal = :me", me=self.subject))


def rendered(thing: Thing) -> customer_pb2.Customer:
    return customer_pb2.Customer(customer_id=str(thing.thing_id), etag=thing.etag)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def create(world: World, name: str, request_id: str = "", body: bytes = b"1", pause: Any = None) -> Any:
    """A use case: writes a row, says so, notes it, answers."""
    async with (uow := world.uow(request_id, body)):
        thing = Thing(name=name)
        uow.add(thing)
        uow.emit(CustomerCreated(customer_id=name), of=thing)
        uow.audit("create", "thing", name, ("name",))
        answer = await uow.answer(thing)
        if pause is not None:
            await pause(answer)
        return answer


async def fail(answer: Any) -> None:
    raise NotFound()


class TestCommit:
    async def test_state_event_audit_and_answer_are_written_together(self, world: World, name: str) -> None:
        answer = await create(world, name, "r1")

        assert await world.things(name) == 1
        ((kind, version, payload, published),) = await world.rows(
            "SELECT event_type, aggregate_version, payload, publish_time FROM outbox_messages WHERE aggregate_id = :n",
            n=name,
        )
        event = CustomerCreated.FromString(bytes(payload))
        assert (kind, version, published) == ("marque.customer.v1.CustomerCreated", 1, None)
        assert (event.aggregate_version, event.HasField("occur_time")) == (1, True)
        ((roles, method, action, fields),) = await world.rows(
            "SELECT roles, method, action, fields FROM audit_records WHERE principal = :me", me=world.subject
        )
        assert (roles, method, action, fields) == ("a,b", METHOD, "create", ["name"])
        assert await world.kept() == [("r1", answer.SerializeToString())]
        assert world.committed.events.is_set()

    async def test_nothing_stands_before_the_block_is_left(self, world: World, name: str) -> None:
        async def look(answer: Any) -> None:
            assert (await world.things(name), await world.kept(), await world.traces(name)) == (0, [], (0, 0))
            assert not world.committed.events.is_set()

        await create(world, name, "r1", pause=look)
        assert await world.traces(name) == (1, 1)

    @pytest.mark.parametrize("error", [NotFound, RuntimeError, asyncio.CancelledError], ids=lambda kind: kind.__name__)
    async def test_an_exception_leaves_nothing_behind(
        self, world: World, name: str, error: type[BaseException]
    ) -> None:
        async def fail_so(answer: Any) -> None:
            raise error()

        with pytest.raises(error):
            await create(world, name, "r1", pause=fail_so)

        assert (await world.things(name), await world.kept(), await world.traces(name)) == (0, [], (0, 0))
        assert not world.committed.events.is_set()

    async def test_work_without_a_request_id_needs_no_answer(self, world: World, name: str) -> None:
        async with (uow := world.uow()):
            uow.add(Thing(name=name))
        assert (await world.things(name), await world.kept()) == (1, [])

    async def test_work_with_a_request_id_that_forgets_its_answer_is_refused(self, world: World, name: str) -> None:
        with pytest.raises(RuntimeError, match="without an answer"):
            async with (uow := world.uow("r1")):
                uow.add(Thing(name=name))
        assert (await world.things(name), await world.kept()) == (0, [])

    async def test_connections_come_back_however_a_block_is_left(self, world: World, name: str) -> None:
        for _ in range(12):  # more than the pool holds
            with pytest.raises(NotFound):
                await create(world, name, "r1", pause=fail)
        assert world.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


class TestJoin:
    async def test_an_inner_block_joins_the_outer_transaction(self, world: World, name: str) -> None:
        async with (uow := world.uow()):
            uow.add(Thing(name=f"{name}-outer"))
            await uow.flush()
            async with uow as inner:
                assert inner is uow
                inner.add(Thing(name=name))
                inner.emit(CustomerCreated(customer_id=name))
            await uow.flush()
            assert await world.things(name) == 0
        assert (await world.things(name), await world.things(f"{name}-outer"), await world.traces(name)) == (
            1,
            1,
            (1, 0),
        )

    async def test_an_exception_of_the_outer_block_undoes_the_inner_one(self, world: World, name: str) -> None:
        with pytest.raises(NotFound):  # noqa: PT012 - the end of the block is what is judged
            async with (uow := world.uow()):
                async with uow:
                    uow.add(Thing(name=name))
                raise NotFound()
        assert await world.things(name) == 0


class TestRequestId:
    async def test_a_retry_gives_the_first_answer_and_does_nothing(self, world: World, name: str) -> None:
        first = await create(world, name, "r1")
        with pytest.raises(Replayed) as replayed:
            await create(world, f"{name}-2", "r1")
        assert replayed.value.answer == first.SerializeToString()
        assert (await world.things(f"{name}-2"), await world.traces(f"{name}-2")) == (0, (0, 1))

    async def test_another_body_under_the_same_id_is_refused(self, world: World, name: str) -> None:
        await create(world, name, "r1")
        with pytest.raises(IdempotencyKeyReused):
            await create(world, f"{name}-2", "r1", b"2")
        assert await world.things(f"{name}-2") == 0

    async def test_an_id_is_the_callers_and_the_methods_own(self, world: World, database: Database, name: str) -> None:
        await create(world, name, "r1")
        await create(World(database), f"{name}-2", "r1", b"2")
        async with (uow := world.uow("r1", b"3", method="/other")):
            uow.add(thing := Thing(name=f"{name}-3"))
            await uow.answer(thing)
        assert await world.things(f"{name}-3") == 1

    async def test_concurrent_doubles_wait_and_agree(self, world: World, name: str) -> None:
        async def slowly(answer: Any) -> None:
            await asyncio.sleep(0.1)

        answers = await asyncio.gather(
            *(create(world, name, "r1", pause=slowly) for _ in range(4)), return_exceptions=True
        )

        made = [answer for answer in answers if isinstance(answer, customer_pb2.Customer)]
        replayed = [answer for answer in answers if isinstance(answer, Replayed)]
        assert (len(made), len(replayed)) == (1, 3)
        assert {answer.answer for answer in replayed} == {made[0].SerializeToString()}
        assert (await world.things(name), await world.traces(name)) == (1, (1, 1))

    async def test_a_double_proceeds_where_the_first_is_rolled_back(self, world: World, name: str) -> None:
        claimed, waits = asyncio.Event(), asyncio.Event()

        async def hold_then_fail(answer: Any) -> None:
            claimed.set()
            await waits.wait()
            raise NotFound()

        first = asyncio.create_task(create(world, name, "r1", pause=hold_then_fail))
        await claimed.wait()
        second = asyncio.create_task(create(world, name, "r1"))
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        await until(lambda: world.rows(waiting), 20, "the double does not wait")
        assert not second.done()
        waits.set()

        assert (await second).etag == "v1"
        with pytest.raises(NotFound):
            await first
        assert await world.things(name) == 1


class TestConflicts:
    async def test_a_stale_version_is_aborted(self, world: World, name: str) -> None:
        await create(world, name)
        query = sa.select(Thing).where(Thing.name == name)
        with pytest.raises(Aborted):  # noqa: PT012 - the end of the block is what is judged
            async with (mine := world.uow()):
                stale = (await mine.session.scalars(query)).one()
                async with (other := world.uow()):
                    (await other.session.scalars(query)).one().touch()
                stale.touch()
        assert await world.rows("SELECT version FROM uow_things WHERE name = :n", n=name) == [(2,)]

    async def test_a_stale_version_found_within_the_block_is_aborted_too(self, world: World, name: str) -> None:
        await create(world, name)
        with pytest.raises(Aborted):  # noqa: PT012 - the end of the block is what is judged
            async with (mine := world.uow()):
                stale = (await mine.session.scalars(sa.select(Thing).where(Thing.name == name))).one()
                await world.database.reader.fetch("UPDATE uow_things SET version = 9 WHERE name = $1", name)
                stale.touch()
                await mine.flush()

    @pytest.mark.parametrize("early", [True, False], ids=["in the block", "at the commit"])
    async def test_a_broken_constraint_is_the_domains_error(self, world: World, name: str, early: bool) -> None:
        await create(world, name)
        with pytest.raises(NameTaken):  # noqa: PT012 - the end of the block is what is judged
            async with (uow := world.uow()):
                uow.add(Thing(name=name))
                if early:
                    await uow.flush()
        assert await world.things(name) == 1

    async def test_a_constraint_without_a_name_in_the_domain_stays_a_fault(self, world: World, name: str) -> None:
        thing_id = new_uuid()
        with pytest.raises(IntegrityError) as caught:  # noqa: PT012 - the end of the block is what is judged
            async with (uow := world.uow()):
                uow.add(Thing(name=name, thing_id=thing_id))
                await uow.flush()
                await uow.session.execute(sa.insert(Thing).values(name="x" + name, thing_id=thing_id, version=1))
        assert as_domain_error(caught.value) is None
        assert caught.value.__cause__ is not caught.value

    async def test_a_lock_that_is_held_too_long_and_a_deadlock_are_aborted(self, world: World, name: str) -> None:
        await create(world, name)
        lock = sa.text("SELECT 1 FROM uow_things WHERE name = :n FOR UPDATE NOWAIT")
        async with (mine := world.uow()):
            await mine.session.execute(lock, {"n": name})
            with pytest.raises(Exception, match="could not obtain lock") as caught:
                async with (other := world.uow()):
                    await other.session.execute(lock, {"n": name})
        told = as_domain_error(caught.value)
        assert isinstance(told, Aborted)

    @pytest.mark.parametrize("value", [2**63, "text", -(2**70)], ids=str)
    async def test_a_value_that_the_driver_refuses_is_a_fault_and_no_outage(self, world: World, value: Any) -> None:
        with pytest.raises(Exception) as caught:
            async with (uow := world.uow()):
                await uow.session.execute(sa.select(sa.text("1")).where(sa.literal(value, sa.BigInteger) == 1))
        assert as_domain_error(caught.value) is None
        with pytest.raises(Exception) as bare:
            await world.database.reader.fetch("SELECT $1::bigint", value)
        assert as_domain_error(bare.value) is None


class TestSchedule:
    async def test_work_becomes_due_with_the_commit_and_the_same_key_moves_it(self, world: World, name: str) -> None:
        for seconds in (60, 5):
            async with (uow := world.uow()):
                await uow.schedule("test", name, uow.now.replace(second=seconds % 60))
                moment = uow.now.replace(second=seconds % 60)
        assert await world.rows("SELECT due_time, attempts FROM due_work WHERE key = :n", n=name) == [(moment, 0)]


class TestMany:
    """Rows by the hundred go by COPY: they are those that statements would have written, and all of them or none."""

    async def written(self, world: World, count: int) -> list[list[Any]]:
        before = world.subject
        world.subject = uuid.uuid4().hex
        ids = [f"{world.subject}/{number:03}" for number in range(count)]
        async with world.uow() as uow:
            for one in ids:
                uow.emit(CustomerCreated(customer_id=one, aggregate_version=7))
                uow.audit("create", "thing", one, ("name", "\u540d"))
        outbox = await world.rows(
            "SELECT event_type, aggregate_version, traceparent, create_time = :now, "
            "position(convert_to(aggregate_id, 'UTF8') IN payload) > 0, publish_time "
            "FROM outbox_messages WHERE aggregate_id LIKE :mine || '/%' ORDER BY position",
            mine=world.subject, now=uow.now,
        )  # fmt: skip
        order = await world.rows(
            "SELECT aggregate_id FROM outbox_messages WHERE aggregate_id LIKE :mine || '/%' ORDER BY position",
            mine=world.subject,
        )
        assert [row[0] for row in order] == ids
        audit = await world.rows(
            "SELECT roles, method, action, resource_type, resource_ids, fields, trace_id, create_time = :now FROM audit_records "
            "WHERE principal = :mine",
            mine=world.subject, now=uow.now,
        )  # fmt: skip
        world.subject = before
        return [[tuple(row) for row in outbox], [tuple(row) for row in audit]]

    async def test_many_rows_are_written_as_few_are(self, world: World) -> None:
        few, many = await self.written(world, 2), await self.written(world, 120)
        assert [len(rows) for rows in many] == [120, 120]
        assert [set(map(repr, rows)) for rows in many] == [set(map(repr, rows)) for rows in few]

    async def test_rows_that_the_database_refuses_take_everything_back(self, world: World, name: str) -> None:
        async def work() -> None:
            async with world.uow() as uow:
                uow.add(Thing(name=name))
                for number in range(200):
                    uow.emit(CustomerCreated(customer_id=f"{name}{number}"))
                    uow.audit("create", "thing", f"{number}\0")

        with pytest.raises(asyncpg.PostgresError):
            await work()
        assert await world.things(name) == 0
        assert await world.traces(f"{name}0") == (0, 0)
        assert not await world.rows("SELECT 1 FROM outbox_messages WHERE aggregate_id LIKE :name || '%'", name=name)
