"""The protocol of the SCIM door: what providers write and how it is read."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from marque.network.v1 import provisioning_pb2, staff_pb2
from marque.type.v1 import person_name_pb2
from marque_gateway.scim import patches
from marque_gateway.scim.resources import PERSON, PROVIDER, TOLERANT, Employment
from marque_gateway.scim.translate import staff_of, strong, user_of, weak
from scim2_models import Context, InvalidValueException, PatchOp

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ONE, TWO = str(uuid.uuid4()), str(uuid.uuid4())


def locate(endpoint: str, key: str) -> str:
    return f"https://scim.example/{endpoint}/{key}"


def read(document: dict[str, Any]) -> Any:
    given = {"schemas": [CORE], "userName": "li.wei", **document}
    return PERSON.model_validate(given, scim_ctx=Context.RESOURCE_CREATION_REQUEST, scim_policy=TOLERANT)


def patched(user: Any, *operations: dict[str, Any]) -> Any:
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(operations)}
    document = patches.tolerated(orjson.dumps(body))
    patch = PatchOp[PERSON].model_validate(document, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=TOLERANT)
    patch.patch(user, scim_policy=TOLERANT)
    return user


class TestReading:
    def test_what_entra_id_sends_is_read_whole(self) -> None:
        user = read(
            {
                "schemas": [CORE, ENTERPRISE],
                "externalId": "0a21f0f2",
                "active": True,
                "displayName": "Li Wei",
                "nickName": "not ours",
                "emails": [{"primary": False, "type": "home", "value": "a@b.cn"}, {"primary": True, "value": "w@b.cn"}],
                "phoneNumbers": [{"type": "work", "value": "+86 138 0013 8000"}],
                "roles": [{"value": "oem.agent"}],
                ENTERPRISE: {
                    "employeeNumber": "701",
                    "organization": "CN-1",
                    "department": "Service",
                    "costCenter": "9",
                    "manager": {"value": ONE},
                },
            }
        )
        found = staff_of(user, "externalId")

        assert (found.staff.subject, found.staff.external_id, found.staff.user_name) == (
            "0a21f0f2",
            "0a21f0f2",
            "li.wei",
        )
        assert (found.staff.email, found.staff.phone) == ("w@b.cn", "+8613800138000")
        assert (found.staff.employee_number, found.dealer_code, found.staff.department) == ("701", "CN-1", "Service")
        assert (found.staff.manager_staff_id, list(found.staff.roles)) == (ONE, ["oem.agent"])
        assert found.staff.status == staff_pb2.STAFF_STATUS_ACTIVE

    def test_which_attribute_is_the_subject_is_a_setting(self) -> None:
        assert staff_of(read({"externalId": "x"}), "userName").staff.subject == "li.wei"
        assert staff_of(read({}), "externalId").staff.subject == "li.wei"

    def test_without_any_name_it_is_the_user_name(self) -> None:
        assert staff_of(read({}), "externalId").staff.name.full_name == "li.wei"
        assert staff_of(read({"name": {"familyName": "李"}}), "externalId").staff.name.full_name == ""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"phoneNumbers": [{"value": "call me"}]},
            {ENTERPRISE: {"manager": {"value": "me"}}, "schemas": [CORE, ENTERPRISE]},
        ],
    )
    def test_what_is_no_number_or_id_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(InvalidValueException):
            staff_of(read(wrong), "externalId")

    def test_a_user_goes_there_and_back(self) -> None:
        staff = staff_pb2.StaffMember(
            staff_id=ONE, subject="s", user_name="li.wei", external_id="s", employee_number="7", email="w@b.cn",
            name=person_name_pb2.PersonName(full_name="李伟", family_name="李", given_name="伟"), etag="v3",
            status=staff_pb2.STAFF_STATUS_SUSPENDED, roles=["dealer.sales"], manager_staff_id=TWO, department="Sales",
        )  # fmt: skip
        user = user_of(provisioning_pb2.ProvisionedStaff(staff=staff, dealer_code="CN-1"), locate)
        back = staff_of(user, "externalId", staff_id=ONE, etag="v3")

        assert back.staff == staff
        assert (user.active, user.meta.version, user[Employment].organization) == (False, 'W/"v3"', "CN-1")


class TestPatches:
    @pytest.mark.parametrize(("said", "expected"), [("False", False), ("true", True), (False, False)])
    def test_booleans_may_be_texts(self, said: object, expected: bool) -> None:
        assert (
            patched(read({"active": not expected}), {"op": "Replace", "path": "active", "value": said}).active
            is expected
        )
        assert patched(read({"active": not expected}), {"op": "replace", "value": {"active": said}}).active is expected

    def test_a_value_that_is_not_there_yet_is_made_by_its_filter(self) -> None:
        user = patched(read({}), {"op": "Add", "path": 'emails[type eq "work"].value', "value": "w@b.cn"})

        assert staff_of(user, "externalId").staff.email == "w@b.cn"

    def test_a_manager_may_be_a_bare_id(self) -> None:
        user = patched(read({}), {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": ONE})

        assert staff_of(user, "externalId").staff.manager_staff_id == ONE

    def test_names_with_dots_and_schemas_are_paths(self) -> None:
        user = patched(read({}), {"op": "replace", "value": {"name.familyName": "Q", f"{ENTERPRISE}:department": "d"}})

        assert (user.name.family_name, user[Employment].department) == ("Q", "d")

    @pytest.mark.parametrize(
        ("operations", "expected"),
        [
            ([{"op": "Add", "path": "members", "value": [{"value": ONE}]}], ([ONE], [])),
            ([{"op": "remove", "path": f'members[value eq "{ONE}"]'}], ([], [ONE])),
            ([{"op": "Remove", "path": "members", "value": [{"value": ONE}]}], ([], [ONE])),
            (
                [
                    {"op": "add", "path": "members", "value": {"value": ONE}},
                    {"op": "remove", "path": f'members[value eq "{ONE}"]'},
                ],
                ([], [ONE]),
            ),
            ([{"op": "replace", "path": "members", "value": []}], None),
            ([{"op": "remove", "path": "members"}], None),
            ([{"op": "add", "path": "members", "value": [{"value": "no id"}]}], None),
            ([{"op": "replace", "path": "displayName", "value": "x"}], None),
        ],
    )  # fmt: skip
    def test_membership_by_ids_is_told_apart(self, operations: list[dict[str, Any]], expected: Any) -> None:
        assert patches.membership_only({"Operations": operations}) == expected


class TestDescription:
    def test_what_is_served_is_described(self) -> None:
        assert {one.name for one in PROVIDER.resource_types} == {"User", "Group"}
        assert {str(one.id) for one in PROVIDER.schemas} >= {CORE, ENTERPRISE}

    def test_etags_are_weak_outside_and_plain_inside(self) -> None:
        assert [strong(found) for found in (weak("v3"), '"v3"', "*", "")] == ["v3", "v3", "", ""]
