"""Lists of people: by file, by request, renamed and deleted, on real services that know the people and their cars."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import json_format
from marque.campaign.v1 import audience_list_service_pb2, campaign_import_service_pb2
from marque.customer.v1 import customer_service_pb2, identity_service_pb2
from marque.type.v1 import import_pb2, personal_data_pb2
from marque.vehicle.v1 import ownership_service_pb2, vehicle_service_pb2
from marque_campaign.rules.listing import MOST_MEMBERS
from marque_campaign.usecases import lists as usecases
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import new_vin

IMPORTS, LISTS = "campaign.v1.CampaignImportService", "campaign.v1.AudienceListService"
Row = dict[str, str]


class Desk:
    """Campaign, customer and vehicle side by side: people with numbers, addresses and cars, and the lists on which they come."""

    def __init__(self, platform: Platform, post: Any) -> None:
        self.platform, self.post = platform, post
        self.numbers = random.Random(15)
        self.mark = uuid.uuid4().hex[:8]

    def number(self) -> str:
        return f"+86139{self.numbers.randrange(10**8):08}"

    def address(self) -> str:
        return f"{uuid.uuid4().hex}@example.com"

    async def person(self, phone: str = "", email: str = "", dealer: str = "", key: str = "") -> str:
        """Somebody of this name whom a dealer knows."""
        points = [("PHONE", phone or self.number()), ("EMAIL", email or self.address())]
        customer: dict[str, Any] = {
            "kind": "CUSTOMER_KIND_PERSON",
            "name": {"full_name": "王小明"},
            "contact_points": [{"kind": f"CONTACT_POINT_KIND_{kind}", "value": value} for kind, value in points],
        }
        if key:
            customer["source_references"] = [{"source": "dms", "source_key": key}]
        request = json_format.ParseDict(
            {"customer": customer, "dealer_id": dealer}, customer_service_pb2.CreateCustomerRequest()
        )
        agent = self.platform.client("customer", "oem.manager")
        made = await agent.call("customer.v1.CustomerService/CreateCustomer", request, timeout=60)
        return str(made.customer_id)

    async def merge(self, survivor: str, gone: str) -> None:
        """Makes two one, and waits until campaign has heard it."""
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=survivor, from_customer_id=gone, reasons=["SAME_PHONE"]
        )
        manager = self.platform.client("customer", "oem.manager")
        await manager.call("customer.v1.IdentityService/MergeCustomers", request)

        async def heard() -> bool:
            return bool(await self.sql("SELECT 1 FROM customer_aliases WHERE from_customer_id = $1", gone))

        await until(heard, 30, "the merge is not heard")

    async def erase(self, customer: str) -> None:
        """Erases somebody at campaign, as the customer service has it done."""
        client = self.platform.client("campaign", "service")
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
        await client.call("campaign.v1.CampaignPersonalDataService/ErasePersonalData", request)

    async def car(self, **holders: str) -> str:
        """A car and who has which role with it."""
        vin = new_vin()
        manager, agent = (self.platform.client("vehicle", role) for role in ("oem.manager", "oem.agent"))
        car = {"vin": vin, "make": "Marque", "model": "M1", "market": "CN"}
        made = json_format.ParseDict({"vehicle": car}, vehicle_service_pb2.RegisterVehicleRequest())
        await manager.call("vehicle.v1.VehicleService/RegisterVehicle", made)
        for role, customer in holders.items():
            held = {"vin": vin, "customer_id": customer, "role": f"OWNERSHIP_ROLE_{role.upper()}", "source": "registry",
                    "valid_start_time": "2025-01-01T00:00:00Z"}  # fmt: skip
            started = json_format.ParseDict({"ownership": held}, ownership_service_pb2.StartOwnershipRequest())
            await agent.call("vehicle.v1.OwnershipService/StartOwnership", started)
        return vin

    async def dealer(self) -> str:
        """A dealer as campaign and customer would have heard of it."""
        dealer: str = await self.post.make_dealer()
        (row,) = await self.sql("SELECT * FROM known_dealers WHERE dealer_id = $1", dealer)
        names = list(row.keys())
        places = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        for service in ("customer", "vehicle"):
            sql = f"INSERT INTO known_dealers ({', '.join(names)}) VALUES ({places})"
            await self.platform.sql(service, sql, *row.values())
        return dealer

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        found: list[Any] = await self.post.sql(query, *arguments)
        return found

    async def make(self, *people: str, client: Any = None, **fields: Any) -> str:
        return str((await self.post.make_list(*people, client=client, **fields)).audience_list_id)

    async def send(self, rows: list[Row], client: Any = None, *, dry_run: bool = False) -> tuple[list[int], list[Any]]:
        """Streams rows; returns how many were created, updated, unchanged and rejected, and (row, field, reason) of the rejected."""
        header = {"header": {"source": "dms", "dry_run": dry_run}, "rows": rows}
        request = json_format.ParseDict(header, campaign_import_service_pb2.ImportAudienceListMembersRequest())
        client = client or self.post.marketing
        (told,) = [one async for one in client.stream(f"{IMPORTS}/ImportAudienceListMembers", iter([request]))]
        counts = [getattr(told.summary, name) for name in ("created", "updated", "unchanged", "rejected")]
        return counts, [(one.row, fault.field, fault.reason) for one in told.rejected for fault in one.errors]

    async def upload(self, text: str, client: Any = None, **more: Any) -> Any:
        """Sends a file and waits for its end."""
        client = client or self.post.marketing
        header = import_pb2.ImportFileHeader(kind="audience-list-members", source="dms", file_name="people.csv", **more)
        parts = [
            import_pb2.UploadImportRequest(header=header),
            import_pb2.UploadImportRequest(chunk=text.encode()),
        ]
        (made,) = [one async for one in client.stream(f"{IMPORTS}/UploadImport", iter(parts))]
        asked = import_pb2.GetImportRequest(import_id=made.import_id)

        async def ended() -> Any:
            found = await client.call(f"{IMPORTS}/GetImport", asked)
            return found if found.HasField("end_time") else None

        return await until(ended, 30, "the import did not end")

    async def members(self, list_id: str, client: Any = None, **request: Any) -> list[Any]:
        """Everybody on a list, by pages of two."""
        found: list[Any] = []
        token = ""
        while True:
            given = {"audience_list_id": list_id, "page_size": 2, "page_token": token, **request}
            page = await self.post.call("ListAudienceListMembers", client, **given)
            found += page.members
            if not (token := page.next_page_token):
                return found

    async def on(self, list_id: str) -> list[str]:
        return [one.customer_id for one in await self.members(list_id)]

    async def counted(self, list_id: str) -> tuple[int, int]:
        """What a list says that it holds, and what it holds."""
        sql = (
            "SELECT member_count, (SELECT count(*) FROM audience_list_members m WHERE m.audience_list_id = l.audience_list_id) AS n "
            "FROM audience_lists l WHERE audience_list_id = $1"
        )
        (row,) = await self.sql(sql, list_id)
        return row["member_count"], row["n"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform: Platform, make_post: Any) -> AsyncIterator[Desk]:
    """Each service knows those that were started before it."""
    for name in ("customer", "vehicle", "campaign"):
        await platform.start(name)
    yield Desk(platform, make_post(platform, None))


class TestNames:
    async def test_a_person_is_named_by_id_key_car_number_or_address_and_a_repeat_changes_nothing(
        self, desk: Desk
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

    async def test_who_leases_a_car_is_meant_before_its_owner_and_an_owner_before_a_keeper(self, desk: Desk) -> None:
        bank, driver, keeper = [await desk.person() for _ in range(3)]
        leased, owned = (
            await desk.car(owner=bank, lessee=driver, keeper=keeper),
            await desk.car(owner=bank, keeper=keeper),
        )
        kept, made = await desk.car(keeper=keeper), await desk.make()
        for vin, who in ((leased, driver), (owned, bank), (kept, keeper)):
            assert await desk.send([{"audience_list_id": made, "vin": vin}]) == ([1, 0, 0, 0], [])
            assert who in await desk.on(made)

    async def test_of_merged_people_the_survivor_is_listed_and_nobody_stands_there_twice(self, desk: Desk) -> None:
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
    async def test_each_is_told_by_row_field_and_reason_and_the_good_ones_land(self, desk: Desk) -> None:
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
        self, desk: Desk
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
    async def test_a_file_is_told_row_by_row_and_keeps_no_number_and_no_address(self, desk: Desk) -> None:
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
    async def replace(self, desk: Desk, rows: list[tuple[str, str]], **more: Any) -> Any:
        """Sends a file of lists and people's ids that replaces."""
        text = "\n".join(["audience_list_id,customer_id", *(",".join(row) for row in rows)])
        return await desk.upload(text, mode=import_pb2.IMPORT_MODE_REPLACE, **more)

    async def test_each_list_holds_exactly_whom_the_file_names_and_others_stay(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
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
        self, desk: Desk
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

    async def test_one_import_replaces_a_list_at_a_time_and_one_that_ended_has_given_it_up(self, desk: Desk) -> None:
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


class TestReading:
    async def test_pages_and_the_stream_tell_everybody_once_and_through_whom(self, desk: Desk) -> None:
        people = sorted(str(uuid.uuid4()) for _ in range(5))
        made = await desk.make(*people)
        found = await desk.members(made)
        assert [one.customer_id for one in found] == people
        assert {(one.import_id, one.added_by) for one in found} == {("", found[0].added_by)}
        assert found[0].added_by
        request = audience_list_service_pb2.ExportAudienceListMembersRequest(audience_list_id=made)
        name = f"{LISTS}/ExportAudienceListMembers"
        (part,) = [one async for one in desk.post.marketing.stream(name, request)]
        assert list(part.members) == found
        request.cursor = people[2]
        (rest,) = [one async for one in desk.post.marketing.stream(name, request)]
        assert [one.customer_id for one in rest.members] == people[3:]

        stranger = desk.post.client("dealer.care", dealers=[await desk.dealer()])
        with pytest.raises(RpcFailure) as paged:
            await desk.members(made, stranger)
        with pytest.raises(RpcFailure) as streamed:
            _ = [one async for one in stranger.stream(name, request)]
        assert (paged.value.reason, streamed.value.reason) == ("AUDIENCE_LIST_NOT_FOUND",) * 2

    async def test_the_export_of_a_person_tells_the_lists_and_an_erasure_takes_them_off(self, desk: Desk) -> None:
        who = await desk.person()
        made = [await desk.make(who), await desk.make()]
        await desk.send([{"audience_list_id": made[1], "customer_id": who}])
        client = desk.platform.client("campaign", "service")
        request = personal_data_pb2.ExportPersonalDataRequest(customer_id=who)
        name = "campaign.v1.CampaignPersonalDataService/ExportPersonalData"
        told = [one async for one in client.stream(name, request)]
        assert sorted(one.record_id for one in told if one.kind == "campaign.audience_list_member") == sorted(made)

        await desk.erase(who)

        assert [await desk.counted(one) for one in made] == [(0, 0), (0, 0)]
        await desk.post.call("ChangeAudienceListMembers", audience_list_id=made[0], add_customer_ids=[who])
        assert await desk.on(made[0]) == []


class TestRenameAndDelete:
    async def test_a_list_gets_another_name_and_nothing_else(self, desk: Desk) -> None:
        made = await desk.make(name="Old")
        renamed = await desk.post.call("UpdateAudienceList", audience_list={"audience_list_id": made, "name": " New "})
        assert renamed.name == "New"
        for given, mask, reason in (
            ({"name": " "}, "name", "FIELD_REQUIRED"),
            ({"dealer_id": str(uuid.uuid4())}, "dealerId", "FIELD_NOT_WRITABLE"),
        ):
            listed = {"audience_list_id": made, **given}
            with pytest.raises(RpcFailure) as refused:
                await desk.post.call("UpdateAudienceList", audience_list=listed, update_mask=mask)
            assert [*refused.value.fields.values()] == [reason]

    async def test_a_list_that_is_needed_stays_and_another_goes_with_its_people(self, desk: Desk) -> None:
        who = str(uuid.uuid4())
        made, named, spare = [await desk.make(who) for _ in range(3)]
        campaign = await desk.post.make(audience_list_id=made)
        rule = f'"{named.upper()}" in lists'
        segment = await desk.post.call("CreateSegment", segment={"name": "Some", "rule": rule})
        for one in (made, named):
            with pytest.raises(RpcFailure) as refused:
                await desk.post.call("DeleteAudienceList", audience_list_id=one)
            assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "AUDIENCE_LIST_IN_USE")
        await desk.post.do("Cancel", campaign)
        archived = {"segment_id": segment.segment_id, "archived": True}
        await desk.post.call("UpdateSegment", segment=archived, update_mask="archived")

        for one in (made, named, spare):
            assert (await desk.post.call("DeleteAudienceList", audience_list_id=one)).audience_list_id == one

        for rpc, request in (
            ("GetAudienceList", {}),
            ("ListAudienceListMembers", {}),
            ("DeleteAudienceList", {}),
            ("ChangeAudienceListMembers", {"add_customer_ids": [who]}),
        ):
            with pytest.raises(RpcFailure) as missing:
                await desk.post.call(rpc, audience_list_id=spare, **request)
            assert missing.value.reason == "AUDIENCE_LIST_NOT_FOUND"
        listed = await desk.post.call("ListAudienceLists", page_size=1000)
        assert {made, named, spare}.isdisjoint(one.audience_list_id for one in listed.audience_lists)
        rows = [{"audience_list_id": spare, "customer_id": await desk.person()}]
        assert (await desk.send(rows))[1] == [(1, "audience_list_id", "AUDIENCE_LIST_NOT_FOUND")]
        with pytest.raises(RpcFailure) as unusable:
            await desk.post.make(audience_list_id=spare)
        assert unusable.value.reason == "AUDIENCE_LIST_NOT_FOUND"

        async def rest() -> Any:
            sql = "SELECT audience_list_id::text AS key, member_count FROM audience_lists WHERE audience_list_id = ANY($1::uuid[])"
            found = {row["key"]: row["member_count"] for row in await desk.sql(sql, [made, named, spare])}
            return found == {made: 0}  # to which a campaign went

        await until(rest, 30, "the lists are not emptied")
        assert await desk.sql("SELECT 1 FROM audience_list_members WHERE customer_id = $1", who) == []


class TestCount:
    async def test_it_is_what_the_list_holds_whoever_writes_at_once(self, desk: Desk) -> None:
        people = [str(uuid.uuid4()) for _ in range(30)]
        made, random_ = await desk.make(*people[:10]), random.Random(20261123)
        known = [await desk.person() for _ in range(6)]

        async def change() -> None:
            added, removed = random_.sample(people, 8), random_.sample(people, 8)
            await desk.post.call(
                "ChangeAudienceListMembers", audience_list_id=made, add_customer_ids=added, remove_customer_ids=removed
            )

        async def bring() -> None:
            picked = random_.sample(known, 4)
            rows = [
                {"audience_list_id": made, "customer_id": one, "action": random_.choice(["add", "remove"])}
                for one in picked
            ]
            await desk.send(rows)

        await asyncio.gather(
            *(change() for _ in range(8)),
            *(bring() for _ in range(6)),
            *(desk.erase(one) for one in (*people[:3], known[0])),
        )

        count, rows = await desk.counted(made)
        assert count == rows
        assert not {*people[:3], known[0]} & {*await desk.on(made)}

    async def test_a_list_takes_five_million_and_not_one_more_whoever_comes_at_once(self, desk: Desk) -> None:
        made, people = await desk.make(), [await desk.person() for _ in range(4)]
        await desk.sql(
            "UPDATE audience_lists SET member_count = $1 WHERE audience_list_id = $2", MOST_MEMBERS - 3, made
        )

        async def add() -> str:
            try:
                await desk.post.call(
                    "ChangeAudienceListMembers", audience_list_id=made, add_customer_ids=[str(uuid.uuid4())]
                )
            except RpcFailure as full:
                return full.reason
            return ""

        told = await asyncio.gather(*(add() for _ in range(2)))
        row = {"audience_list_id": made}
        sent = [
            desk.send([{**row, "customer_id": one} for one in people[:2]]),
            desk.send([{**row, "customer_id": people[2]}]),
        ]
        brought = await asyncio.gather(*sent)
        told += [await add()]

        assert sorted(told) == ["", "", "AUDIENCE_LIST_FULL"]
        assert sum(counts[0] for counts, _ in brought) == 1
        assert {reason for _, faults in brought for _, _, reason in faults} == {"AUDIENCE_LIST_FULL"}
        assert (await desk.counted(made))[0] == MOST_MEMBERS


class TestMerged:
    async def test_who_is_merged_stays_on_their_lists_for_rules_and_launches(self, desk: Desk) -> None:
        one, other = await desk.person(), await desk.person()
        made = await desk.make(other)
        rule = f'"{made}" in lists'
        segment = await desk.post.call("CreateSegment", segment={"name": "On it", "rule": rule})
        await desk.merge(one, other)

        async def known() -> bool:
            sql = "SELECT customer_id::text AS who FROM audience_people WHERE customer_id = ANY($1::uuid[])"
            return [row["who"] for row in await desk.sql(sql, [one, other])] == [one]

        await until(known, 30, "the read model does not know the survivor alone")
        found = await desk.post.call("PreviewSegment", segment_id=segment.segment_id)
        assert found.count == 1
        for who in (one, other):
            told = await desk.post.call("ExplainSegment", segment_id=segment.segment_id, customer_id=who)
            assert told.included

        campaign = await desk.post.approved(audience_list_id=made, exclude_segment_ids=[segment.segment_id])
        told = await desk.post.call("ExplainCampaignSend", campaign_id=campaign.campaign_id, customer_id=one)
        assert told.listed
        await desk.post.do("Schedule", campaign)

        async def launched() -> Any:
            return (await desk.post.call("GetCampaign", campaign_id=campaign.campaign_id)).HasField("launch_time")

        await until(launched, 30, "the campaign does not start")
        begun = await desk.post.call("GetCampaign", campaign_id=campaign.campaign_id)
        assert begun.audience_list_id != made
        assert await desk.counted(begun.audience_list_id) == (0, 0)
