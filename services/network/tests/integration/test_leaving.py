"""Leaving within network: access, groups, subject, work and the led; by call, by provider and by import."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from marque.network.v1 import assignment_service_pb2 as assignments
from marque.network.v1 import hand_over_service_pb2 as rpc
from marque.network.v1 import network_import_service_pb2 as rows
from marque.network.v1 import staff_pb2
from marque.network.v1 import staff_service_pb2 as staff
from servicekit.staff import subject_key
from servicekit.testing.client import RpcFailure

LEFT = staff_pb2.STAFF_STATUS_LEFT


async def leave(network: Any, staff_id: str, client: Any = None, **fields: Any) -> Any:
    request = rpc.LeaveStaffRequest(staff_id=staff_id, **fields)
    return await (client or network.manager).call("network.v1.HandOverService/LeaveStaff", request)


async def worth(network: Any, subject: str) -> Any:
    request = staff.ResolveStaffAccessRequest(subject_keys=[subject_key(subject)])
    found = await network.service.call("network.v1.StaffService/ResolveStaffAccess", request)
    return found.access[0] if found.access else None


class TestLeaveStaff:
    async def test_access_ends_and_is_told(self, network: Any) -> None:
        subject = f"idp|{uuid.uuid4()}"
        made = await network.make_staff(subject=subject)
        begun = await leave(network, made.staff_id)
        told = await network.events(made.staff_id)

        assert (await worth(network, subject)).status == LEFT
        assert [type(one).__name__ for one in told] == ["StaffChanged", "StaffChanged", "StaffLeft"]
        assert told[-1].hand_over_id == begun.hand_over_id
        assert {step.service for step in begun.steps} == {
            "campaign",
            "complaint",
            "customer",
            "network",
            "survey",
            "vehicle",
        }

    async def test_nobody_leaves_twice(self, network: Any) -> None:
        made = await network.make_staff()
        await leave(network, made.staff_id)
        with pytest.raises(RpcFailure) as failure:
            await leave(network, made.staff_id)
        assert failure.value.reason == "STAFF_LEFT"

    async def test_a_successor_works_at_the_same_employer(self, network: Any) -> None:
        here, there = (await network.make_dealer()).dealer_id, (await network.make_dealer()).dealer_id
        made, stranger = await network.make_staff(dealer_id=here), await network.make_staff(dealer_id=there)
        for wrong in (stranger.staff_id, made.staff_id, str(uuid.uuid4())):
            with pytest.raises(RpcFailure) as failure:
                await leave(network, made.staff_id, successor_staff_ids=[wrong])
            assert failure.value.fields == {"successor_staff_ids": "SUCCESSOR_UNKNOWN"}

    async def test_without_a_successor_it_goes_to_who_led_them(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        manager = await network.make_staff(dealer_id=dealer, roles=["dealer.manager"])
        leader = await network.make_staff(dealer_id=dealer)
        led = await network.make_staff(dealer_id=dealer, manager_staff_id=leader.staff_id)
        alone = await network.make_staff(dealer_id=dealer)

        assert list((await leave(network, led.staff_id)).successor_staff_ids) == [leader.staff_id]
        assert list((await leave(network, alone.staff_id)).successor_staff_ids) == [manager.staff_id]

    async def test_another_dealers_people_are_out_of_sight(self, network: Any) -> None:
        here, there = (await network.make_dealer()).dealer_id, (await network.make_dealer()).dealer_id
        made = await network.make_staff(dealer_id=here)
        stranger = network.client("dealer.manager", dealers=[there])
        with pytest.raises(RpcFailure) as failure:
            await leave(network, made.staff_id, stranger)
        assert failure.value.reason == "STAFF_NOT_FOUND"
        begun = await leave(network, made.staff_id)
        for name, kind in (
            ("GetHandOver", rpc.GetHandOverRequest),
            ("ListHandOverItems", rpc.ListHandOverItemsRequest),
        ):
            with pytest.raises(RpcFailure) as failure:
                await stranger.call(f"network.v1.HandOverService/{name}", kind(hand_over_id=begun.hand_over_id))
            assert failure.value.reason == "HAND_OVER_NOT_FOUND"


class TestSubject:
    async def test_a_subject_that_was_theirs_is_worth_nothing(self, network: Any) -> None:
        old, new = f"idp|{uuid.uuid4()}", f"idp|{uuid.uuid4()}"
        made = await network.make_staff(subject=old)
        await network.update_staff(["subject"], staff_id=made.staff_id, subject=new)

        assert (await worth(network, old)).status == 0
        assert (await worth(network, new)).status == staff_pb2.STAFF_STATUS_ACTIVE
        await network.update_staff(["subject"], staff_id=made.staff_id, subject=old)
        assert (await worth(network, old)).status == staff_pb2.STAFF_STATUS_ACTIVE

    async def test_after_leaving_a_subject_is_free_and_is_of_who_has_it(self, network: Any) -> None:
        subject = f"idp|{uuid.uuid4()}"
        first = await network.make_staff(subject=subject)
        await leave(network, first.staff_id)
        second = await network.make_staff(subject=subject)

        found = await worth(network, subject)
        assert (found.staff_id, found.status) == (second.staff_id, staff_pb2.STAFF_STATUS_ACTIVE)


class TestImport:
    async def test_who_has_left_in_the_file_leaves(self, network: Any) -> None:
        number, subject = f"I{network.number()}", f"idp|{uuid.uuid4()}"
        row = rows.StaffImportRow(employee_number=number, full_name="Li Wei", roles="oem.agent", subject=subject)
        row.skills, row.certificates, row.capacity = "ev:3;fleet-sales", "high-voltage:2027-01-31", "7"
        first = await network.do_import("Staff", [row])
        gone = rows.StaffImportRow(employee_number=number, status="left")
        second = await network.do_import("Staff", [gone])
        again = await network.do_import("Staff", [gone])
        found = await network.sql("SELECT * FROM staff WHERE employee_number = $1", number)
        told = await network.events(str(found[0]["staff_id"]))

        assert [
            (one.summary.created, one.summary.updated, one.summary.unchanged) for one in (first, second, again)
        ] == [
            (1, 0, 0),
            (0, 1, 0),
            (0, 0, 1),
        ]
        assert (await worth(network, subject)).status == LEFT
        assert [type(one).__name__ for one in told] == ["StaffChanged", "StaffChanged", "StaffLeft"]
        assert (found[0]["capacity"], found[0]["next_expiry_date"].isoformat()) == (7, "2027-01-31")

    @pytest.mark.parametrize(
        ("name", "text", "reason"),
        [
            ("skills", "EV Diagnosis", "CODE_INVALID"),
            ("skills", "ev:9", "NUMBER_INVALID"),
            ("certificates", "hv:soon", "DATE_INVALID"),
            ("capacity", "-1", "NUMBER_INVALID"),
            ("employment_end_date", "31.01.2026", "DATE_INVALID"),
            ("team", "night shift", "CODE_INVALID"),
        ],
    )
    async def test_what_cannot_be_read_is_named(self, network: Any, name: str, text: str, reason: str) -> None:
        row = rows.StaffImportRow(employee_number="X", full_name="Li Wei", roles="oem.agent")
        setattr(row, name, text)
        found = await network.do_import("Staff", [row])

        assert {(one.field, one.reason) for one in found.rejected[0].errors} == {(name, reason)}


class TestOwnPresence:
    async def test_one_says_for_oneself(self, network: Any) -> None:
        subject = f"idp|{uuid.uuid4()}"
        dealer = (await network.make_dealer()).dealer_id
        made = await network.make_staff(dealer_id=dealer, subject=subject)
        own = network.client("dealer.sales", subject=subject)
        request = assignments.ReportPresenceRequest(staff_id=made.staff_id, state="PRESENCE_STATE_AVAILABLE")
        said = await own.call("network.v1.AssignmentService/ReportPresence", request)

        assert said.staff_id == made.staff_id
