"""The batch over the customer database: sure pairs merged, doubtful ones queued, once, whatever is decided meanwhile."""

from __future__ import annotations

import asyncio
import functools
import json
from datetime import timedelta

import pytest
import pytest_asyncio
from google.type import date_pb2
from marque.customer.v1 import duplicate_run_pb2, duplicate_run_service_pb2, identity_service_pb2
from marque_customer.due import duplicates as due
from marque_customer.errors import CONSTRAINTS
from marque_customer.usecases import duplicate_runs, linking
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.uow import Work

RUNS = "customer.v1.DuplicateRunService"
NAMES = (
    "Robert Hill",
    "Mary Novak",
    "Hugo Larsen",
    "Elif Haddad",
    "Jonas Moreau",
    "Greta Weber",
    "Farid Silva",
    "Ines Rossi",
)


@pytest_asyncio.fixture
async def parts(desk):
    database = Database(desk.platform.databases["customer"], pool_size=4, command_timeout=None)
    await database.start()
    yield {"database": database, "work": Work(database, Committed(), CONSTRAINTS)}
    await database.stop()


async def crowd(desk):
    """Sixteen strangers and eight who are held twice, the second time with a slip in the phone and no e-mail."""
    twice = []
    for number, name in enumerate(NAMES):
        phone, born = desk.phone(), date_pb2.Date(year=1960 + number, month=number + 1, day=11 + number)
        slip = phone[:-4] + phone[-3] + phone[-4] + phone[-2:]
        first = await desk.create(
            name=name, phones=[phone], emails=[f"mail{number}.{phone[1:]}@example.org"], birth_date=born
        )
        second = await desk.create(name=" ".join(reversed(name.split())), phones=[slip], birth_date=born)
        twice.append((first.customer_id, second.customer_id))
        for other in ("Anna", "Otto"):
            await desk.create(name=f"{other}{number} {name.split()[1]}", phones=[desk.phone()])
    return twice


async def states(desk, ids):
    rows = await desk.platform.sql(
        "customer",
        "SELECT customer_id::text, status, merged_into::text FROM customers WHERE customer_id = ANY($1::uuid[])",
        ids,
    )
    return {row["customer_id"]: (row["status"], row["merged_into"]) for row in rows}


async def queued(desk, customer_id):
    request = identity_service_pb2.ListDuplicateCandidatesRequest(customer_id=customer_id)
    page = await desk.agent.call(
        "customer.v1.IdentityService/ListDuplicateCandidates", request, metadata=[("accept-language", "zh-CN")]
    )
    return list(page.candidates)


class TestFindDuplicates:
    async def test_run_finds_who_is_held_twice_and_leaves_nothing_on_disk(self, desk, parts, tmp_path):
        twice, steps = await crowd(desk), []
        folder = tmp_path / "run"
        done = await due.find_duplicates(**parts, folder=folder, tell=steps.append)

        found = 0
        after = await states(desk, [one for pair in twice for one in pair])
        for first, second in twice:
            joined = after[second] == (2, first)
            found += joined or any(
                {c.left.customer_id, c.right.customer_id} == {first, second} for c in await queued(desk, first)
            )
        assert found == len(twice)
        assert done.merged + done.queued >= len(twice)
        assert not folder.exists()
        assert {"read", "merged", "queued"} <= {step.get("step") for step in steps}
        assert "Novak" not in json.dumps(steps)

    async def test_second_run_at_the_same_time_is_refused(self, parts, tmp_path):
        async with due._alone(parts["database"]):
            with pytest.raises(due.AlreadyRunning):
                await due.find_duplicates(**parts, folder=tmp_path / "run", tell=print)


class TestRuns:
    async def test_is_done_once_for_all_who_ask_and_tells_what_it_did(self, desk, parts, tmp_path):
        async def ask(name, **fields):
            kind = getattr(duplicate_run_service_pb2, f"{name}Request")
            return await desk.platform.client("customer", "oem.manager").call(f"{RUNS}/{name}", kind(**fields))

        first, second = await asyncio.gather(ask("FindDuplicates"), ask("FindDuplicates"))
        assert first.run_id == second.run_id
        assert (first.state, first.step) == (duplicate_run_pb2.DUPLICATE_RUN_STATE_WAITING, "")
        find = functools.partial(due.find_alone, **parts, folder=tmp_path / "run")

        async def busy(tell):
            async with due._alone(parts["database"]):
                return await find(tell)

        await duplicate_runs.sweep(work=parts["work"], find=busy)  # another process is at it: it is left to that
        assert (await ask("GetDuplicateRun", run_id=first.run_id)).state == first.state

        async def killed(tell):
            tell({"step": "begun"})
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await duplicate_runs.sweep(work=parts["work"], find=killed)
        assert (await ask("FindDuplicates")).run_id == first.run_id

        async def finished(tell):  # what the linker itself does is shown above
            for step in (
                {"step": "begun"},
                {"stage": "blocks"},
                {"step": "merged", "merged": 3},
                {"step": "same_numbers", "queued": 2},
            ):
                tell(step)
            return True

        await duplicate_runs.sweep(work=parts["work"], find=finished)
        done = await ask("GetDuplicateRun", run_id=first.run_id)
        assert (done.state, done.step) == (duplicate_run_pb2.DUPLICATE_RUN_STATE_DONE, "same_numbers")
        assert (done.merged, done.queued) == (3, 2)
        assert (await ask("FindDuplicates")).run_id != first.run_id

    async def test_whose_linker_fails_has_failed(self, desk, parts):
        async def broken(tell):
            tell({"step": "begun"})
            raise RuntimeError("the linker ended with 1")

        manager = desk.platform.client("customer", "oem.manager")
        run = await manager.call(f"{RUNS}/FindDuplicates", duplicate_run_service_pb2.FindDuplicatesRequest())
        await duplicate_runs.sweep(work=parts["work"], find=broken)
        request = duplicate_run_service_pb2.GetDuplicateRunRequest(run_id=run.run_id)
        assert (
            await manager.call(f"{RUNS}/GetDuplicateRun", request)
        ).state == duplicate_run_pb2.DUPLICATE_RUN_STATE_FAILED

    async def test_nobody_takes_up_has_failed_after_its_time_and_one_that_somebody_is_at_goes_on(self, desk, parts):
        manager = desk.platform.client("customer", "oem.manager")
        run = await manager.call(f"{RUNS}/FindDuplicates", duplicate_run_service_pb2.FindDuplicatesRequest())
        request = duplicate_run_service_pb2.GetDuplicateRunRequest(run_id=run.run_id)

        async def after(wait):
            await duplicate_runs.give_up(work=parts["work"], wait=wait)
            found = await manager.call(f"{RUNS}/GetDuplicateRun", request)
            return found.state, found.failure

        waiting = (duplicate_run_pb2.DUPLICATE_RUN_STATE_WAITING, "")
        assert await after(timedelta(minutes=15)) == waiting
        async with due._alone(parts["database"]):
            assert await after(timedelta(0)) == waiting
        failed = (duplicate_run_pb2.DUPLICATE_RUN_STATE_FAILED, "NOT_TAKEN_UP")
        assert await after(timedelta(0)) == failed
        assert await after(timedelta(0)) == failed
        again = await manager.call(f"{RUNS}/FindDuplicates", duplicate_run_service_pb2.FindDuplicatesRequest())
        assert (again.run_id != run.run_id, again.state) == (True, duplicate_run_pb2.DUPLICATE_RUN_STATE_WAITING)


class TestApplying:
    async def test_sure_pair_is_merged_into_the_older_and_doing_it_again_changes_nothing(self, desk, parts):
        old, new = [await desk.create(name="Uta Klein") for _ in range(2)]
        pair = linking.Linked(new.customer_id, old.customer_id, 0.999, True, [{"code": "SAME_FAMILY", "weight": 8.0}])
        pair = pair._replace(left_id=due.uuid.UUID(new.customer_id), right_id=due.uuid.UUID(old.customer_id))
        first = await linking.merge(work=parts["work"], pairs=[pair])
        second = await linking.merge(work=parts["work"], pairs=[pair])

        assert (first.merged, second.merged) == (1, 0)
        assert await states(desk, [new.customer_id]) == {new.customer_id: (2, old.customer_id)}

    async def test_pair_is_queued_with_reasons_in_the_readers_language(self, desk, parts):
        ids = [due.uuid.UUID((await desk.create(name="Uta Klein")).customer_id) for _ in range(2)]
        reasons = [{"code": "SAME_FAMILY_RARE", "weight": 9.0}, {"code": "SLIP_PHONE", "weight": 7.0}]
        await linking.queue(work=parts["work"], pairs=[linking.Linked(*ids, 0.7, False, reasons)])
        (candidate,) = [
            one
            for one in await queued(desk, str(ids[0]))
            if {one.left.customer_id, one.right.customer_id} == {str(one) for one in ids}
        ]

        assert [reason.text for reason in candidate.reasons] == ["姓氏相同，且较少见", "电话号码仅差一处笔误或相邻颠倒"]

    async def test_erased_and_restricted_are_left_out(self, desk, parts):
        ids = [due.uuid.UUID((await desk.create(name="Uta Klein")).customer_id) for _ in range(2)]
        await desk.platform.sql("customer", "UPDATE customers SET status = 4 WHERE customer_id = $1", ids[1])

        assert (await linking.merge(work=parts["work"], pairs=[linking.Linked(*ids, 0.9, True, [])])).merged == 0
        assert (await linking.queue(work=parts["work"], pairs=[linking.Linked(*ids, 0.9, False, [])])).queued == 0
