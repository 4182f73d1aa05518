"""Changes of staff over gRPC: races for leadership, offices nobody may take over, and what others are told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from marque.network.v1 import staff_pb2
from servicekit.testing.client import RpcFailure


class TestUpdateStaff:
    async def test_of_two_writers_with_one_etag_one_wins(self, network: Any) -> None:
        made = await network.make_staff()

        async def write(language: str) -> str:
            try:
                await network.update_staff([], staff_id=made.staff_id, languages=[language], etag=made.etag)
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        assert sorted(await asyncio.gather(write("en"), write("de"))) == ["ETAG_MISMATCH", "OK"]

    async def test_parts_of_a_name_compose_it_anew(self, network: Any) -> None:
        made = await network.make_staff(name={"family_name": "Old", "given_name": "Anna"})
        changed = await network.update_staff(["name.family_name"], staff_id=made.staff_id, name={"family_name": "New"})
        assert (changed.name.given_name, changed.name.full_name) == ("Anna", "Anna New")

    @pytest.mark.parametrize(
        ("mask", "fields", "place"),
        [
            (["employee_number"], {"employee_number": "OTHER"}, "staff.employee_number"),
            (["masked_fields"], {}, "staff.masked_fields"),
            (["update_time"], {}, "staff.update_time"),
            ([], {"dealer_id": "0190a3c1-0000-7000-8000-000000000000"}, "staff.dealer_id"),
        ],
    )
    async def test_what_cannot_be_written_is_named(
        self, network: Any, mask: list[str], fields: dict[str, Any], place: str
    ) -> None:
        made = await network.make_staff()
        with pytest.raises(RpcFailure) as failure:
            await network.update_staff(mask, staff_id=made.staff_id, **fields)
        assert failure.value.fields == {place: "FIELD_NOT_WRITABLE"}

    async def test_who_has_left_is_not_changed(self, network: Any) -> None:
        made = await network.make_staff()
        await network.update_staff([], staff_id=made.staff_id, status=staff_pb2.STAFF_STATUS_LEFT)
        with pytest.raises(RpcFailure) as failure:
            await network.update_staff([], staff_id=made.staff_id, status=staff_pb2.STAFF_STATUS_ACTIVE)
        assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "STAFF_LEFT")

    async def test_a_manager_of_a_dealer_changes_own_people_only(self, network: Any) -> None:
        own, other = (await network.make_dealer()).dealer_id, (await network.make_dealer()).dealer_id
        client = network.client("dealer.manager", dealers=[own])
        mine, theirs = await network.make_staff(dealer_id=own), await network.make_staff(dealer_id=other)
        changed = await network.update_staff([], client, staff_id=mine.staff_id, roles=["dealer.care"])
        assert list(changed.roles) == ["dealer.care"]
        with pytest.raises(RpcFailure) as failure:
            await network.update_staff([], client, staff_id=theirs.staff_id, roles=["dealer.care"])
        assert failure.value.reason == "STAFF_NOT_FOUND"

    async def test_nobody_takes_over_an_office_above_their_own(self, network: Any) -> None:
        admin = network.client("oem.admin")
        made = await network.make_staff(admin, roles=["oem.admin"])
        with pytest.raises(RpcFailure) as failure:
            await network.update_staff([], staff_id=made.staff_id, subject="idp|of-the-manager")
        assert (failure.value.code, failure.value.reason) == ("PERMISSION_DENIED", "ROLE_NOT_GRANTABLE")

    async def test_leaders_form_no_circle(self, network: Any, new_id: Any) -> None:
        top = await network.make_staff()
        middle = await network.make_staff(manager_staff_id=top.staff_id)
        low = await network.make_staff(manager_staff_id=middle.staff_id)
        for person, leader in ((top, low), (top, top), (middle, low)):
            with pytest.raises(RpcFailure) as failure:
                await network.update_staff([], staff_id=person.staff_id, manager_staff_id=leader.staff_id)
            assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "MANAGER_CIRCLE")
        with pytest.raises(RpcFailure) as failure:
            await network.update_staff([], staff_id=low.staff_id, manager_staff_id=new_id())
        assert failure.value.fields == {"staff.manager_staff_id": "STAFF_UNKNOWN"}

    async def test_two_changes_at_once_close_no_circle(self, network: Any) -> None:
        for _ in range(5):
            one, two = await network.make_staff(), await network.make_staff()

            async def lead(person: Any, leader: Any) -> str:
                try:
                    await network.update_staff([], staff_id=person.staff_id, manager_staff_id=leader.staff_id)
                except RpcFailure as failure:
                    return failure.reason
                return "OK"

            assert sorted(await asyncio.gather(lead(one, two), lead(two, one))) == ["MANAGER_CIRCLE", "OK"]


class TestStaffChanged:
    async def test_changes_are_told_without_anything_personal(self, network: Any) -> None:
        made = await network.make_staff(name={"full_name": "Secretname"}, email="secret@maker.example.com")
        await network.update_staff(
            [], staff_id=made.staff_id, phone="+8613800138000", roles=["oem.agent", "oem.keyaccount"]
        )
        first, second = await network.events(made.staff_id)
        assert (first.aggregate_version, list(first.changed_fields)) == (1, [])
        assert (second.aggregate_version, sorted(second.changed_fields)) == (2, ["phone", "roles"])
        assert list(second.roles) == ["oem.agent", "oem.keyaccount"]
        assert b"ecret" not in first.SerializeToString() + second.SerializeToString()
