"""Staff over gRPC: who sees whom, who may give which role, races for leadership."""

from __future__ import annotations

from typing import Any

import pytest
from marque.network.v1 import staff_service_pb2 as api
from servicekit.testing.client import RpcFailure

SERVICE = "network.v1.StaffService"


async def get(client: Any, staff_id: str) -> Any:
    return await client.call(f"{SERVICE}/GetStaff", api.GetStaffRequest(staff_id=staff_id))


async def search(client: Any, query: str, **fields: Any) -> list[str]:
    answer = await client.call(f"{SERVICE}/SearchStaff", api.SearchStaffRequest(query=query, **fields))
    return [match.staff.staff_id for match in answer.results]


class TestCreateStaff:
    async def test_what_was_written_is_read(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        made = await network.make_staff(
            dealer_id=dealer,
            subject=f"idp|{network.number()}",
            name={"family_name": "欧阳", "given_name": "小明"},
            phone="+8613800138000",
            email="xm@dealer.cn",
            roles=["dealer.service", "dealer.care"],
            languages=["zh-CN", "en"],
        )
        assert await get(network.manager, made.staff_id) == made
        assert (made.name.full_name, made.status, list(made.roles)) == (
            "欧阳小明",
            1,
            ["dealer.care", "dealer.service"],
        )

    async def test_a_latin_name_is_composed_given_name_first(self, network: Any) -> None:
        made = await network.make_staff(name={"family_name": "Müller", "given_name": "Anna"})
        assert made.name.full_name == "Anna Müller"

    async def test_a_number_is_unique_at_its_employer_only(self, network: Any) -> None:
        one, two = (await network.make_dealer()).dealer_id, (await network.make_dealer()).dealer_id
        number = f"N{network.number()}"
        for dealer in (one, two, ""):
            await network.make_staff(dealer_id=dealer, employee_number=number)
        for dealer in (one, ""):
            with pytest.raises(RpcFailure) as failure:
                await network.make_staff(dealer_id=dealer, employee_number=number)
            assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "EMPLOYEE_NUMBER_TAKEN")

    async def test_a_subject_is_one_person(self, network: Any) -> None:
        subject = f"idp|{network.number()}"
        await network.make_staff(subject=subject)
        with pytest.raises(RpcFailure) as failure:
            await network.make_staff(subject=subject)
        assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "SUBJECT_TAKEN")

    @pytest.mark.parametrize(
        ("at_dealer", "roles", "reason"),
        [
            (True, ["dealer.unheard"], "ROLE_UNKNOWN"),
            (True, ["oem.agent"], "ROLE_NOT_FOR_EMPLOYER"),
            (True, ["dealer.system"], "ROLE_NOT_FOR_EMPLOYER"),
            (False, ["dealer.sales"], "ROLE_NOT_FOR_EMPLOYER"),
            (False, ["service"], "ROLE_NOT_FOR_EMPLOYER"),
            (False, ["owner"], "ROLE_NOT_FOR_EMPLOYER"),
        ],
    )
    async def test_roles_must_fit_the_employer(
        self, network: Any, at_dealer: bool, roles: list[str], reason: str
    ) -> None:
        dealer = (await network.make_dealer()).dealer_id if at_dealer else ""
        with pytest.raises(RpcFailure) as failure:
            await network.make_staff(dealer_id=dealer, roles=roles)
        assert failure.value.fields == {"staff.roles": reason}

    async def test_nobody_gives_more_than_they_have(self, network: Any, new_id: Any) -> None:
        own, other = await network.make_dealer(group_code="GRP-A"), await network.make_dealer()
        manager = network.client("dealer.manager", dealers=[own.dealer_id])
        made = await network.make_staff(manager, dealer_id=own.dealer_id, roles=["dealer.technician"])
        assert made.dealer_id == own.dealer_id
        refused = [
            (network.manager, {"roles": ["oem.admin"]}, "ROLE_NOT_GRANTABLE"),
            (network.manager, {"roles": ["ops"]}, "ROLE_NOT_GRANTABLE"),
            (manager, {"roles": ["oem.technical"]}, "ROLE_NOT_GRANTABLE"),
            (manager, {"dealer_id": own.dealer_id, "group_code": "GRP-A"}, "ROLE_NOT_GRANTABLE"),
            (manager, {"dealer_id": own.dealer_id, "region_code": "EAST"}, "ROLE_NOT_GRANTABLE"),
            (manager, {"dealer_id": other.dealer_id}, "DEALER_NOT_FOUND"),
            (manager, {"dealer_id": new_id()}, "DEALER_NOT_FOUND"),
        ]
        for client, fields, reason in refused:
            with pytest.raises(RpcFailure) as failure:
                await network.make_staff(client, **fields)
            assert failure.value.reason == reason, fields

    async def test_a_name_of_nothing_is_refused(self, network: Any) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.make_staff(name={"latin_name": "x", "full_name": "  "})
        assert failure.value.fields == {"staff.name": "FIELD_REQUIRED"}


class TestSightOfStaff:
    async def test_rows_are_seen_by_scope(self, network: Any) -> None:
        region, group = f"R{network.number()}", f"G{network.number()}"
        dealer = (await network.make_dealer(region_code=region, group_code=group)).dealer_id
        other = (await network.make_dealer()).dealer_id
        at_dealer, at_maker = await network.make_staff(dealer_id=dealer), await network.make_staff()
        clients = {
            "own": network.client("dealer.sales", dealers=[dealer]),
            "group": network.client("dealer.manager", dealers=[other], dealer_group=group),
            "region": network.client("oem.region", region=region),
            "maker": network.client("oem.agent"),
            "other": network.client("dealer.manager", dealers=[other]),
            "elsewhere": network.client("oem.region", region="ELSEWHERE"),
            "nowhere": network.client("dealer.manager"),
        }
        seen = {"own": {"dealer"}, "group": {"dealer"}, "region": {"dealer"}, "maker": {"dealer", "maker"}}
        for name, client in clients.items():
            for what, person in (("dealer", at_dealer), ("maker", at_maker)):
                listed = await client.call(f"{SERVICE}/ListStaff", api.ListStaffRequest(page_size=1000))
                visible = what in seen.get(name, set())
                assert (person.staff_id in {one.staff_id for one in listed.staff}) == visible, (name, what)
                assert (person.staff_id in await search(client, person.employee_number)) == visible, (name, what)
                if visible:
                    assert (await get(client, person.staff_id)).staff_id == person.staff_id
                else:
                    with pytest.raises(RpcFailure) as failure:
                        await get(client, person.staff_id)
                    assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "STAFF_NOT_FOUND")

    @pytest.mark.parametrize("role", ["owner", "partner", "oem.marketing", "oem.quality", "oem.technical", "plant"])
    async def test_other_roles_see_no_staff(self, network: Any, new_id: Any, role: str) -> None:
        with pytest.raises(RpcFailure) as failure:
            await get(network.client(role), new_id())
        assert failure.value.code == "PERMISSION_DENIED"

    async def test_names_and_addresses_are_masked_and_cannot_be_searched(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        made = await network.make_staff(
            dealer_id=dealer,
            name={"full_name": "Maskedperson"},
            phone="+8613800138000",
            email="masked.person@dealer.cn",
        )
        technician = network.client("dealer.technician", dealers=[dealer])
        shown = await get(technician, made.staff_id)
        assert (shown.HasField("name"), shown.phone, shown.email) == (False, "", "")
        assert set(shown.masked_fields) == {"name", "phone", "email", "user_name"}
        assert await search(technician, "maskedperson") == []
        assert await search(technician, "masked.person@dealer.cn") == []
        assert await search(technician, made.employee_number.lower()) == [made.staff_id]
        assert await search(network.client("dealer.sales", dealers=[dealer]), "maskedperson") == [made.staff_id]

    async def test_a_batch_by_id_and_subject(self, network: Any, new_id: Any) -> None:
        subject, nobody = f"idp|{network.number()}", new_id()
        one, two = await network.make_staff(subject=subject), await network.make_staff()
        request = api.BatchGetStaffRequest(staff_ids=[two.staff_id, nobody], subjects=[subject, "nobody"])
        answer = await network.service.call(f"{SERVICE}/BatchGetStaff", request)
        assert {person.staff_id for person in answer.staff} == {one.staff_id, two.staff_id}
        assert (list(answer.missing_staff_ids), list(answer.missing_subjects)) == ([nobody], ["nobody"])


class TestListAndSearchStaff:
    @pytest.mark.parametrize("order", ["", "employee_number", "employee_number desc", "update_time desc"])
    async def test_pages_hold_everybody_once_in_order(self, network: Any, order: str) -> None:
        dealer = (await network.make_dealer()).dealer_id
        made = [await network.make_staff(dealer_id=dealer) for _ in range(5)]
        request = api.ListStaffRequest(page_size=2, order_by=order, dealer_id=dealer)
        seen = []
        while True:
            answer = await network.manager.call(f"{SERVICE}/ListStaff", request)
            seen += [person.staff_id for person in answer.staff]
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        expected = [person.staff_id for person in made]
        assert seen == (expected[::-1] if order.endswith("desc") else expected)

    async def test_filters_narrow(self, network: Any) -> None:
        dealer = (await network.make_dealer()).dealer_id
        boss = await network.make_staff(dealer_id=dealer, roles=["dealer.manager"], subject=f"idp|{network.number()}")
        led = await network.make_staff(dealer_id=dealer, manager_staff_id=boss.staff_id, status=2)
        maker = await network.make_staff()

        async def ids(**fields: Any) -> list[str]:
            answer = await network.manager.call(f"{SERVICE}/ListStaff", api.ListStaffRequest(page_size=1000, **fields))
            return [person.staff_id for person in answer.staff]

        assert await ids(dealer_id=dealer, role="dealer.manager") == [boss.staff_id]
        assert await ids(dealer_id=dealer, status=2) == [led.staff_id]
        assert await ids(manager_staff_id=boss.staff_id) == [led.staff_id]
        assert await ids(subject=boss.subject) == [boss.staff_id]
        makers = await ids(maker_only=True)
        assert maker.staff_id in makers
        assert boss.staff_id not in makers
        with pytest.raises(RpcFailure) as failure:
            await ids(maker_only=True, dealer_id=dealer)
        assert failure.value.fields == {"maker_only": "FILTERS_CONTRADICT"}

    async def test_found_by_names_numbers_and_addresses(self, network: Any) -> None:
        made = await network.make_staff(
            name={"full_name": "司马青衫", "latin_name": "Vincent Q. Sima"},
            email="qs.sima@maker.example.com",
            employee_number=f"QS-{network.number()}",
        )
        typed = [
            "司马",
            "青衫",
            "司馬",
            "sima",
            "simaqingshan",
            "VINCENT",
            "qs.sima@maker",
            made.employee_number.lower(),
        ]
        for query in typed:
            assert made.staff_id in await search(network.manager, query), query
        assert made.staff_id not in await search(
            network.manager, "司马", dealer_id="0" * 8 + "-0000-7000-8000-" + "0" * 12
        )
