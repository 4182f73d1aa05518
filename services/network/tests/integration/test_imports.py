"""Imports of dealers and staff over the stream: keyed, repeatable, judged row by row."""

from __future__ import annotations

import asyncio
from typing import Any

from marque.network.v1 import network_import_service_pb2 as api
from marque.network.v1 import staff_service_pb2
from marque.type.v1 import import_pb2


def counts(answer: Any) -> tuple[int, int, int, int]:
    found = answer.summary
    return found.created, found.updated, found.unchanged, found.rejected


def reasons(answer: Any) -> list[dict[str, str]]:
    return [{error.field: error.reason for error in row.errors} for row in answer.rejected]


def dealer_row(code: str, **fields: Any) -> api.DealerImportRow:
    given = {"names": {"zh-CN": "进口汽车"}, "kinds": "Sales;service", "time_zone": "Asia/Shanghai", "status": "active"}
    return api.DealerImportRow(code=code, **{**given, **fields})


def staff_row(number: str, dealer_code: str = "", **fields: Any) -> api.StaffImportRow:
    given = {"full_name": "王小明", "roles": "dealer.sales" if dealer_code else "oem.agent"}
    return api.StaffImportRow(employee_number=number, dealer_code=dealer_code, **{**given, **fields})


class TestImportDealers:
    async def test_a_repeat_changes_nothing(self, network: Any) -> None:
        rows = [
            dealer_row(
                f"IM-{network.number()}", region_code="east", brands="A; B", city="上海", latitude=0.0, longitude=121.5
            )
            for _ in range(50)
        ]
        assert counts(await network.do_import("Dealers", rows)) == (50, 0, 0, 0)
        assert counts(await network.do_import("Dealers", rows)) == (0, 0, 50, 0)

    async def test_what_was_imported_is_a_dealer_like_any_other(self, network: Any) -> None:
        code = f"IM-{network.number()}"
        row = dealer_row(
            code.lower(), region_code="R-IMP", phone="021 6234 5678", country_code="cn", address_line="路 1"
        )
        await network.do_import("Dealers", [row])
        (found,) = await network.sql("SELECT * FROM dealers WHERE code = $1", code)
        assert (found["kinds"], found["phone"], found["status"], found["version"]) == ([1, 2], "+862162345678", 2, 1)
        dealer = await network.get_dealer(str(found["dealer_id"]))
        assert (dealer.address.country_code, list(dealer.address.lines)) == ("CN", ["路 1"])
        (event,) = await network.events(dealer.dealer_id)
        assert (event.code, event.region_code, event.aggregate_version) == (code, "R-IMP", 1)
        (known,) = await network.sql("SELECT region_code, version FROM known_dealers WHERE code = $1", code)
        assert tuple(known) == ("R-IMP", 1)

    async def test_an_update_keeps_what_a_row_does_not_say(self, network: Any) -> None:
        made = await network.make_dealer(names={"en": "Kept"}, service_bays=7, address={"city": "Old", "province": "P"})
        row = api.DealerImportRow(code=made.code, names={"zh-CN": "新"}, city="New", latitude=1.0, longitude=2.0)
        assert counts(await network.do_import("Dealers", [row])) == (0, 1, 0, 0)
        now = await network.get_dealer(made.dealer_id)
        assert dict(now.names) == {"en": "Kept", "zh-CN": "新"}
        assert (now.service_bays, now.address.city, now.address.province, now.etag) == (7, "New", "P", "v2")
        event = (await network.events(made.dealer_id))[-1]
        assert sorted(event.changed_fields) == ["address", "location", "names"]

    async def test_bad_rows_are_named_and_hold_nobody_back(self, network: Any) -> None:
        codes = [f"IM-{network.number()}" for _ in range(9)]
        rows = [
            dealer_row(codes[0]),
            dealer_row(codes[1], kinds="sales;juggling"),
            dealer_row(codes[2], time_zone="Nowhere"),
            dealer_row(codes[3], names={}),
            dealer_row(codes[4], phone="call me"),
            dealer_row(codes[5], email="not an address"),
            dealer_row("bad code!"),
            dealer_row(codes[7], latitude=1.0),
            dealer_row(codes[8]),
        ]
        answer = await network.do_import("Dealers", rows)
        assert counts(answer) == (2, 0, 0, 7)
        assert reasons(answer) == [
            {"kinds": "WORD_UNKNOWN"},
            {"time_zone": "TIME_ZONE_UNKNOWN"},
            {"names": "FIELD_REQUIRED"},
            {"phone": "PHONE_INVALID"},
            {"email": "EMAIL_INVALID"},
            {"code": "CODE_INVALID"},
            {"longitude": "FIELD_REQUIRED"},
        ]
        assert [row.row for row in answer.rejected] == [2, 3, 4, 5, 6, 7, 8]
        assert "call me" not in str(answer)

    async def test_one_code_twice_in_a_chunk_is_one_dealer_in_its_last_state(self, network: Any) -> None:
        code = f"IM-{network.number()}"
        answer = await network.do_import(
            "Dealers", [dealer_row(code), dealer_row(code, group_code="G"), dealer_row(code)]
        )
        assert counts(answer) == (1, 1, 1, 0)
        (row,) = await network.sql("SELECT group_code, version FROM dealers WHERE code = $1", code)
        assert tuple(row) == ("G", 1)

    async def test_a_closed_dealer_is_not_opened_again(self, network: Any) -> None:
        made = await network.make_dealer(status=4)
        answer = await network.do_import("Dealers", [dealer_row(made.code)])
        assert reasons(answer) == [{"status": "DEALER_CLOSED"}]

    async def test_a_dry_run_judges_and_writes_nothing(self, network: Any) -> None:
        code = f"IM-{network.number()}"
        answer = await network.do_import("Dealers", [dealer_row(code), dealer_row("!")], dry_run=True)
        assert counts(answer) == (1, 0, 0, 1)
        assert not await network.sql("SELECT 1 FROM dealers WHERE code = $1", code)
        assert not await network.sql("SELECT 1 FROM known_dealers WHERE code = $1", code)

    async def test_two_imports_at_once_make_each_dealer_once(self, network: Any) -> None:
        rows = [dealer_row(f"IM-{network.number()}") for _ in range(60)]
        answers = await asyncio.gather(network.do_import("Dealers", rows), network.do_import("Dealers", rows[::-1]))
        assert sum(answer.summary.created for answer in answers) == 60
        for answer in answers:
            assert answer.summary.unchanged + answer.summary.created + answer.summary.rejected == 60
            assert all(found == {"": "CONCURRENT_CHANGE"} for found in reasons(answer))
        (row,) = await network.sql("SELECT count(*) FROM dealers WHERE code = ANY($1)", [row.code for row in rows])
        assert row["count"] == 60

    async def test_a_file_is_imported_in_the_background(self, network: Any) -> None:
        from servicekit.testing.platform import until

        code = f"IM-{network.number()}"
        text = f"code,name_zh_cn,name_en,kinds,time_zone\n{code},北京汽车,Beijing,sales,Asia/Shanghai\n"
        header = import_pb2.ImportFileHeader(kind="dealers", source="test", file_name="dealers.csv")
        parts = [import_pb2.UploadImportRequest(header=header), import_pb2.UploadImportRequest(chunk=text.encode())]
        name = "network.v1.NetworkImportService/UploadImport"
        (made,) = [answer async for answer in network.manager.stream(name, iter(parts))]

        async def ended() -> Any:
            request = import_pb2.GetImportRequest(import_id=made.import_id)
            found = await network.manager.call("network.v1.NetworkImportService/GetImport", request)
            return found if found.HasField("end_time") else None

        done = await until(ended, 20, "the import did not end")
        assert (done.state, done.summary.created) == (import_pb2.IMPORT_STATE_SUCCEEDED, 1), done
        (row,) = await network.sql("SELECT names FROM dealers WHERE code = $1", code)
        assert "北京汽车" in row["names"]
        assert "zh-CN" in row["names"]


class TestImportStaff:
    async def test_a_repeat_changes_nothing(self, network: Any) -> None:
        dealer = await network.make_dealer()
        rows = [staff_row(f"S{network.number()}", dealer.code, phone="13800138000") for _ in range(20)]
        rows += [staff_row(f"S{network.number()}", email="a@maker.example.com") for _ in range(20)]
        assert counts(await network.do_import("Staff", rows)) == (40, 0, 0, 0)
        assert counts(await network.do_import("Staff", rows)) == (0, 0, 40, 0)

    async def test_what_was_imported_is_staff_like_any_other(self, network: Any) -> None:
        dealer, number = await network.make_dealer(), f"S{network.number()}"
        row = staff_row(number, dealer.code, full_name="诸葛远", languages="zh-CN;en", roles="dealer.care;dealer.sales")
        await network.do_import("Staff", [row])
        request = staff_service_pb2.SearchStaffRequest(query="诸葛", dealer_id=dealer.dealer_id)
        answer = await network.manager.call("network.v1.StaffService/SearchStaff", request)
        (found,) = [match.staff for match in answer.results]
        assert (found.employee_number, found.dealer_id, list(found.languages)) == (
            number,
            dealer.dealer_id,
            ["zh-CN", "en"],
        )
        (event,) = await network.events(found.staff_id)
        assert (list(event.roles), event.dealer_id) == (["dealer.care", "dealer.sales"], dealer.dealer_id)

    async def test_managers_stand_before_those_whom_they_lead(self, network: Any) -> None:
        dealer = await network.make_dealer()
        boss, low = f"S{network.number()}", f"S{network.number()}"
        rows = [staff_row(boss, dealer.code), staff_row(low, dealer.code, manager_employee_number=boss)]
        assert counts(await network.do_import("Staff", rows)) == (2, 0, 0, 0)
        circle = [staff_row(boss, dealer.code, manager_employee_number=low)]
        assert reasons(await network.do_import("Staff", circle)) == [{"manager_employee_number": "MANAGER_CIRCLE"}]
        unknown = [staff_row(boss, dealer.code, manager_employee_number="NOBODY")]
        assert reasons(await network.do_import("Staff", unknown)) == [{"manager_employee_number": "STAFF_UNKNOWN"}]
        itself = f"S{network.number()}"
        alone = [staff_row(itself, dealer.code), staff_row(itself, dealer.code, manager_employee_number=itself)]
        assert reasons(await network.do_import("Staff", alone)) == [{"manager_employee_number": "MANAGER_CIRCLE"}]

    async def test_bad_rows_are_named_and_hold_nobody_back(self, network: Any) -> None:
        dealer, subject = await network.make_dealer(), f"idp|{network.number()}"
        await network.make_staff(subject=subject)
        left = await network.make_staff(status=3)
        rows = [
            staff_row(f"S{network.number()}", dealer.code),
            staff_row("S1", "NO-SUCH-DEALER"),
            staff_row("S2", dealer.code, roles="dealer.unheard"),
            staff_row("S3", dealer.code, roles="oem.agent"),
            staff_row("S4", roles="oem.admin"),
            staff_row("S5", subject=subject),
            staff_row("S6", dealer.code, full_name=" "),
            staff_row(left.employee_number, status="active"),
            staff_row("S8", dealer.code, status="asleep"),
        ]
        answer = await network.do_import("Staff", rows)
        assert counts(answer) == (1, 0, 0, 8)
        assert reasons(answer) == [
            {"dealer_code": "DEALER_NOT_FOUND"},
            {"roles": "ROLE_UNKNOWN"},
            {"roles": "ROLE_NOT_FOR_EMPLOYER"},
            {"roles": "ROLE_NOT_GRANTABLE"},
            {"subject": "SUBJECT_TAKEN"},
            {"full_name": "FIELD_REQUIRED"},
            {"status": "STAFF_LEFT"},
            {"status": "WORD_UNKNOWN"},
        ]

    async def test_a_subject_is_one_person_within_a_chunk_too(self, network: Any) -> None:
        subject = f"idp|{network.number()}"
        rows = [staff_row(f"S{network.number()}", subject=subject) for _ in range(2)]
        answer = await network.do_import("Staff", rows)
        assert counts(answer) == (1, 0, 0, 1)
        assert reasons(answer) == [{"subject": "SUBJECT_TAKEN"}]
