"""Lists of people by file and by row: how somebody is named, which rows are refused, and a file that replaces."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from marque.type.v1 import import_pb2
from marque_campaign.usecases import lists as usecases
from marquectl.addresses import Addresses
from marquectl.door import Door
from marquectl.errors import UsageError
from marquectl.importing import Counts, ReplaceJob
from servicekit.testing.world import new_vin


class TestNames:
    async def test_a_person_is_named_by_id_key_car_number_or_address_and_a_repeat_changes_nothing(
        self, desk: Any
    ) -> None:
        phone, email, key = desk.number(), desk.address(), uuid.uuid4().hex
        people = [await desk.person(), await desk.person(key=key), await desk.person()]
        people += [await desk.person(phone=phone), await desk.person(email=email)]
        made, vin = await desk.make(), await desk.car(owner=people[2])
        names = [("customer_id", people[0]), ("customer_source_key", key), ("vin", f"{vin[:3]} {vin[3:].lower()}")]
        names += [("phone", phone.removeprefix("+86")), ("email", email.upper())]
        rows = [{"audience_list_id": made, name: value, "action": " Add "} for name, value in names]

        assert await desk.send(rows, dry_run=True) == ([5, 0, 0, 0], [])
        assert await desk.on(made) == []
        assert await desk.send(rows) == ([5, 0, 0, 0], [])
        before = await desk.post.call("GetAudienceList", audience_list_id=made)
        assert await desk.send(rows) == ([0, 0, 5, 0], [])

        assert await desk.on(made) == sorted(people)
        assert await desk.post.call("GetAudienceList", audience_list_id=made) == before
        gone = [{**rows[3], "action": "remove"}, {**rows[3], "action": "REMOVE"}]
        assert await desk.send(gone) == ([0, 1, 1, 0], [])
        assert await desk.on(made) == sorted({*people} - {people[3]})
        assert await desk.counted(made) == (4, 4)

    async def test_who_leases_a_car_is_meant_before_its_owner_and_an_owner_before_a_keeper(self, desk: Any) -> None:
        bank, driver, keeper = [await desk.person() for _ in range(3)]
        leased, owned = (
            await desk.car(owner=bank, lessee=driver, keeper=keeper),
            await desk.car(owner=bank, keeper=keeper),
        )
        kept, made = await desk.car(keeper=keeper), await desk.make()
        for vin, who in ((leased, driver), (owned, bank), (kept, keeper)):
            assert await desk.send([{"audience_list_id": made, "vin": vin}]) == ([1, 0, 0, 0], [])
            assert who in await desk.on(made)

    async def test_of_merged_people_the_survivor_is_listed_and_nobody_stands_there_twice(self, desk: Any) -> None:
        one, other, third = [await desk.person() for _ in range(3)]
        early = await desk.make(other)
        await desk.merge(one, other)
        late = await desk.make()

        assert await desk.send([{"audience_list_id": late, "customer_id": other}]) == ([1, 0, 0, 0], [])
        assert await desk.on(late) == [one]
        rows = [{"audience_list_id": early, "customer_id": who} for who in (one, other, third)]
        assert await desk.send(rows) == ([1, 0, 2, 0], [])
        assert await desk.on(early) == sorted([other, third])
        assert await desk.send([{**rows[0], "action": "remove"}]) == ([0, 1, 0, 0], [])
        assert await desk.on(early) == [third]


class TestBadRows:
    async def test_each_is_told_by_row_field_and_reason_and_the_good_ones_land(self, desk: Any) -> None:
        shared, good, erased = desk.number(), await desk.person(), await desk.person()
        for _ in range(2):
            await desk.person(phone=shared)
        await desk.erase(erased)
        made, foreign, orphan = await desk.make(), str(uuid.uuid4()), await desk.car()
        bad = [
            ({"phone": "12"}, "phone", "CONTACT_POINT_INVALID"),
            ({"phone": desk.number()}, "phone", "CUSTOMER_NOT_FOUND"),
            ({"phone": shared}, "phone", "CUSTOMER_AMBIGUOUS"),
            ({"email": "a@"}, "email", "CONTACT_POINT_INVALID"),
            ({"email": desk.address()}, "email", "CUSTOMER_NOT_FOUND"),
            ({"vin": "LSVAA41801234567"}, "vin", "VIN_INVALID"),
            ({"vin": new_vin()}, "vin", "CUSTOMER_NOT_FOUND"),
            ({"vin": orphan}, "vin", "CUSTOMER_NOT_FOUND"),
            ({"customer_id": str(uuid.uuid4())}, "customer_id", "CUSTOMER_NOT_FOUND"),
            ({"customer_id": erased}, "customer_id", "CUSTOMER_NOT_FOUND"),
            ({"customer_id": "somebody"}, "customer_id", "STRING_UUID"),
            ({"customer_source_key": "nobody"}, "customer_source_key", "CUSTOMER_NOT_FOUND"),
            ({}, "customer_id", "PERSON_MISSING"),
            ({"customer_id": good, "phone": shared}, "phone", "PERSON_NAMED_TWICE"),
            ({"customer_id": good, "action": "juggle"}, "action", "WORD_UNKNOWN"),
            ({"customer_id": good, "audience_list_id": foreign}, "audience_list_id", "AUDIENCE_LIST_NOT_FOUND"),
        ]
        rows = [{"audience_list_id": made, **row} for row, _, _ in bad] + [
            {"audience_list_id": made, "customer_id": good}
        ]

        counts, faults = await desk.send(rows)

        assert faults == [(number, field, reason) for number, (_, field, reason) in enumerate(bad, 1)]
        assert counts == [1, 0, 0, len(bad)]
        assert await desk.on(made) == [good]

    async def test_a_dealer_s_list_takes_its_own_people_and_says_of_others_what_it_says_of_nobody(
        self, desk: Any
    ) -> None:
        home = await desk.dealer()
        numbers, addresses = [desk.number() for _ in range(2)], [desk.address() for _ in range(2)]
        mine = await desk.person(phone=numbers[0], email=addresses[0], dealer=home)
        stranger = await desk.person(phone=numbers[1], email=addresses[1])
        cars = [await desk.car(owner=mine), await desk.car(owner=stranger)]
        client = desk.post.client("dealer.care", dealers=[home])
        made, foreign = await desk.make(client=client), await desk.make()
        names = ("customer_id", "phone", "email", "vin")
        told = zip(
            names, (mine, numbers[0], addresses[0], cars[0]), (stranger, numbers[1], addresses[1], cars[1]), strict=True
        )
        rows = []
        for name, own, other in told:
            rows += [{"audience_list_id": made, name: own}, {"audience_list_id": made, name: other}]
        rows.append({"audience_list_id": foreign, "customer_id": mine})
        wanted = [(2 * number, name, "CUSTOMER_NOT_FOUND") for number, name in enumerate(names, 1)]

        counts, faults = await desk.send(rows, client)

        assert faults == [*wanted, (9, "audience_list_id", "AUDIENCE_LIST_NOT_FOUND")]
        assert counts == [1, 0, 3, 5]
        # The maker sees the stranger, and yet does not show them to the dealer's staff.
        assert (await desk.send(rows[:8]))[1] == wanted
        assert await desk.on(made) == [mine]


class TestFiles:
    async def test_a_file_is_told_row_by_row_and_keeps_no_number_and_no_address(self, desk: Any) -> None:
        phone, email, nobody, made = desk.number(), desk.address(), desk.address(), await desk.make()
        people = [await desk.person(phone=phone), await desk.person(email=email)]
        lines = [f"{made},{phone},", f"{made},,{email}", f"{made},,{nobody}", f"{made},12,"]
        text = "\n".join(["audience_list_id,phone,email", *lines])

        done = await desk.upload(text)
        again = await desk.upload(text)

        assert (done.summary.created, done.summary.rejected) == (2, 2)
        assert (again.summary.unchanged, again.summary.rejected) == (2, 2)
        assert [(one.row, one.key, one.errors[0].reason) for one in done.first_errors] == [
            (3, made, "CUSTOMER_NOT_FOUND"),
            (4, made, "CONTACT_POINT_INVALID"),
        ]
        found = await desk.members(made, import_id=done.import_id)
        assert [one.customer_id for one in found] == sorted(people)
        assert {(one.import_id, bool(one.added_by)) for one in found} == {(done.import_id, True)}
        assert await desk.members(made, import_id=again.import_id) == []
        tables = await desk.sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        assert len(tables) > 40
        for (table,) in tables:
            sql = f'SELECT 1 FROM "{table}" t, unnest($1::text[]) AS word WHERE position(word IN CAST(t AS text)) > 0'
            assert await desk.sql(sql, [phone[3:], email, nobody]) == [], table


class TestReplacing:
    async def replace(self, desk: Any, rows: list[tuple[str, str]], **more: Any) -> Any:
        """Sends a file of lists and people's ids that replaces."""
        text = "\n".join(["audience_list_id,customer_id", *(",".join(row) for row in rows)])
        return await desk.upload(text, mode=import_pb2.IMPORT_MODE_REPLACE, **more)

    async def test_each_list_holds_exactly_whom_the_file_names_and_others_stay(
        self, desk: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(usecases, "AT_ONCE", 2)  # so that a list takes several steps
        people = [await desk.person() for _ in range(5)]
        survivor, gone = people[:2]
        first, second = await desk.make(*people[1:], *(str(uuid.uuid4()) for _ in range(4))), await desk.make(people[2])
        other = await desk.make(people[4])
        await desk.merge(survivor, gone)  # who stands on the first list as of then
        before = [await desk.post.call("GetAudienceList", audience_list_id=one) for one in (first, second)]
        rows = [(first, survivor), (first, people[2]), (second, people[3])]

        tried = await self.replace(desk, rows, dry_run=True)
        assert (tried.removed_count, tried.summary.created, tried.removal_refused_reason) == (7, 1, "")
        assert [await desk.post.call("GetAudienceList", audience_list_id=one) for one in (first, second)] == before
        for created, removed in ((1, 7), (0, 0)):
            done = await self.replace(desk, rows)
            assert (done.state, done.mode) == (import_pb2.IMPORT_STATE_SUCCEEDED, import_pb2.IMPORT_MODE_REPLACE)
            assert (done.summary.created, done.removed_count) == (created, removed)
            assert await desk.on(first) == sorted([gone, people[2]])
            assert await desk.on(second) == [people[3]]
        assert [await desk.counted(one) for one in (first, second, other)] == [(2, 2), (1, 1), (1, 1)]

    async def test_a_rejected_row_may_be_somebody_who_stays_so_nobody_goes_unless_that_is_asked_for(
        self, desk: Any
    ) -> None:
        stays, goes = await desk.person(), str(uuid.uuid4())
        made = await desk.make(stays, goes)
        rows = [(made, stays), (made, str(uuid.uuid4()))]
        for dry_run in (True, False):
            kept = await self.replace(desk, rows, dry_run=dry_run)
            assert (kept.state, kept.summary.rejected) == (import_pb2.IMPORT_STATE_SUCCEEDED, 1)
            assert (kept.removal_refused_reason, kept.HasField("removed_count")) == ("ROWS_REJECTED", False)
            assert await desk.on(made) == sorted([stays, goes])
        text = f"audience_list_id,customer_id,action\n{made},{stays},remove"
        removing = await desk.upload(text, mode=import_pb2.IMPORT_MODE_REPLACE)
        assert [one.errors[0].reason for one in removing.first_errors] == ["ACTION_NOT_ALLOWED"]

        done = await self.replace(desk, rows, remove_despite_rejected=True)
        assert (done.removed_count, done.removal_refused_reason, done.remove_despite_rejected) == (1, "", True)
        assert await desk.on(made) == [stays]

    async def test_one_import_replaces_a_list_at_a_time_and_one_that_ended_has_given_it_up(self, desk: Any) -> None:
        stays, goes = await desk.person(), str(uuid.uuid4())
        made, other = await desk.make(stays, goes), uuid.uuid4()
        await desk.sql(
            "INSERT INTO imports (import_id, kind, state, principal, claims, options, file_name, file_format, file_size, file_sha256)"
            " VALUES ($1, 'audience-list-members', 'RUNNING', 'other', '{}',"
            """ '{"source": "dms", "dry_run": true}', 'a.csv', 'csv', 1, '')""",
            other,
        )
        await desk.sql("UPDATE audience_lists SET replace_import_id = $1 WHERE audience_list_id = $2", other, made)
        refused = await self.replace(desk, [(made, stays)])
        assert [one.errors[0].reason for one in refused.first_errors] == ["AUDIENCE_LIST_BEING_REPLACED"]
        assert await desk.on(made) == sorted([stays, goes])

        await desk.sql("UPDATE imports SET state = 'CANCELLED', end_time = now() WHERE import_id = $1", other)
        assert (await self.replace(desk, [(made, stays)])).removed_count == 1
        assert await desk.on(made) == [stays]


class Killed(BaseException):
    """What ends a command at once."""


class TestReplacingByTheCommand:
    """`marquectl import audience-list-members FILE --replace`."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def job(self, desk: Any, tmp_path: Path) -> AsyncIterator[Callable[..., ReplaceJob]]:
        """Makes the job of a file of lists and people, in Chinese and with a column that means nothing."""
        (tmp_path / "map.yaml").write_text("columns: {名单: audience_list_id, 客户: customer_id}\nignore: [备注]\n")
        addresses = Addresses(issuer=desk.platform.issuer.url, state=tmp_path)
        async with Door(addresses, peers=desk.platform.peers) as door:

            def made(*rows: tuple[str, ...], **more: Any) -> ReplaceJob:
                path = tmp_path / f"{desk.mark}.csv"
                path.write_text("\n".join(["名单,客户,备注", *(",".join((*row, "好")) for row in rows)]), "gb18030")
                mapping = tmp_path / "map.yaml"
                return ReplaceJob(door, "audience-list-members", path, mapping=mapping, source="dms", **more)

            yield made

    async def test_who_is_not_in_the_file_goes_and_a_dry_run_only_says_how_many(
        self, desk: Any, job: Callable[..., ReplaceJob]
    ) -> None:
        stays, comes, goes = await desk.person(), await desk.person(), str(uuid.uuid4())
        made, seen = await desk.make(stays, goes), []
        for dry_run, created, removed in ((True, 1, 1), (False, 1, 1), (False, 0, 0)):
            before = await desk.on(made)
            rows = [(made, stays), (made, comes)]
            work = job(*rows, dry_run=dry_run, watch=lambda kind, done, counts: seen.append((done, counts.read)))
            done = await work.run()
            assert done.counts == {"audience-list-members": Counts(created=created, unchanged=2 - created)}
            assert (done.removed, done.kept, seen[-1]) == (removed, "", (1.0, 2))
            assert await desk.on(made) == (before if dry_run else sorted([stays, comes]))
            assert not [*work.file.path.parent.glob("*.resume"), *work.file.path.parent.glob("*.errors.csv")]
        with pytest.raises(UsageError):
            ReplaceJob(work._door, "customers", work.file.path, source="dms")

    async def test_a_row_that_cannot_be_read_or_is_refused_keeps_everybody_unless_that_is_asked_for(
        self, desk: Any, job: Callable[..., ReplaceJob]
    ) -> None:
        stays, goes = await desk.person(), str(uuid.uuid4())
        made = await desk.make(stays, goes)
        rows = [(made, stays, "", "surplus"), (made, stays), (made, str(uuid.uuid4())), (made, stays, "", "surplus")]
        kept = await job(*rows).run()
        assert kept.counts == {"audience-list-members": Counts(unchanged=1, rejected=3)}
        assert (kept.removed, kept.kept) == (None, "ROWS_REJECTED")
        assert await desk.on(made) == sorted([stays, goes])
        with kept.errors.open(encoding="utf-8-sig", newline="") as file:
            told = [(int(one["row"]), one["reason"]) for one in csv.DictReader(file)]
        assert told == [(1, "CELLS_SURPLUS"), (3, "CUSTOMER_NOT_FOUND"), (4, "CELLS_SURPLUS")]

        done = await job(*rows, despite_rejected=True).run()
        assert (done.removed, done.kept) == (1, "")
        assert await desk.on(made) == [stays]

    @pytest.mark.parametrize("heard", [True, False], ids=["after-the-answer", "before-the-answer-was-heard"])
    async def test_who_is_killed_and_asks_again_looks_at_the_same_import(
        self, desk: Any, job: Callable[..., ReplaceJob], heard: bool
    ) -> None:
        def die(*_: Any) -> None:
            raise Killed

        stays, goes = await desk.person(), str(uuid.uuid4())
        made = await desk.make(stays, goes)
        sql = "SELECT import_id::text AS key FROM imports WHERE options->>'replaces' = 'true' ORDER BY create_time DESC"
        with pytest.raises(Killed):
            await job((made, stays), watch=die).run()
        first = [row["key"] for row in await desk.sql(sql)]
        work = job((made, stays))
        left = json.loads(work._resume.path.read_text())
        assert left["import_id"] == first[0]
        work._resume.path.write_text(json.dumps({**left, "import_id": left["import_id"] if heard else ""}))
        done = await work.run()

        assert [row["key"] for row in await desk.sql(sql)] == first
        assert (done.removed, done.counts["audience-list-members"].read) == (1, 1)
        assert await desk.on(made) == [stays]
