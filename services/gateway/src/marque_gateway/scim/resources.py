"""What the door serves: users and groups with the attributes that staff have, and the description of itself.

Attributes that providers send and staff do not have are passed over, as is what Microsoft Entra ID does otherwise than RFC 7644 says.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

MAX_RESULTS = 1000
TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Name(ComplexAttribute):
    """The parts of a name."""

    formatted: Annotated[str | None, Mutability.read_only] = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    """An address at work; the primary one, else the first, is kept."""

    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class PhoneNumber(ComplexAttribute):
    """A number at work; the primary one, else the first, is kept."""

    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class Role(ComplexAttribute):
    """A role of the platform."""

    value: str | None = None
    display: str | None = None
    type: str | None = None
    primary: bool | None = None


class Membership(ComplexAttribute):
    """A group that the person is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    ref: Annotated[Reference[Group] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, Mutability.read_only] = None


class Manager(ComplexAttribute):
    """Who leads the person."""

    value: Annotated[str | None, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )


class Employment(Extension):
    """The enterprise extension: `organization` is the dealer's code (none: the maker), `division` the region that is seen."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    organization: Annotated[str | None, Mutability.immutable] = None
    division: str | None = None
    department: str | None = None
    manager: Manager | None = None


class User(Resource[Any]):
    """A member of staff who has not left."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: str | None = None
    title: str | None = None
    preferred_language: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    phone_numbers: list[PhoneNumber] | None = None
    roles: list[Role] | None = None
    groups: Annotated[list[Membership] | None, Mutability.read_only] = None


class Member(ComplexAttribute):
    """Who is in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = None
    display: str | None = None


class Group(Resource[Any]):
    """A group, whose members have its roles."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[Member] | None = None


for _model in (Membership, Manager, Employment, User, Member, Group):
    _model.model_rebuild()  # they name each other; one that is not complete would pass over its own attributes as unknown

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MAX_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="OAuth Bearer Token",
            description="A token of a client with the permission network.staff.provision",
            primary=True,
        )
    ],
)
PERSON: Any = User[Employment]
PROVIDER = ScimProvider(
    [User, Employment, Group],
    [ResourceType.from_resource(PERSON), ResourceType.from_resource(Group)],
    CONFIG,
    TOLERANT,
)
