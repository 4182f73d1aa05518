"""The contracts as a whole: nothing public by omission, every binding of its form, events without personal data."""

from __future__ import annotations

import re

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor
from grpc_health.v1 import health_pb2
from marque.options.v1 import options_pb2
from servicekit import contract, roles
from servicekit.contract import ContractError, EventType, Method

METHODS = [method for name in contract.services() for method in contract.methods(name).values()]
EVENTS = contract.events()


def binding(method: Method) -> tuple[str, str]:
    rule = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    return verb, getattr(rule, verb) if verb else ""


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
class TestMethods:
    def test_it_says_who_may_call_it(self, method: Method) -> None:
        assert sum([bool(method.permission), method.public, method.internal]) == 1

    def test_it_has_an_http_form_exactly_when_it_must(self, method: Method) -> None:
        verb, _ = binding(method)

        assert bool(verb) is not (method.internal or method.client_streaming or method.server_streaming)

    def test_a_write_over_http_takes_a_request_id(self, method: Method) -> None:
        verb, _ = binding(method)

        assert verb in ("", "get") or method.idempotent

    def test_its_permission_has_the_form_of_the_house_and_a_holder(self, method: Method) -> None:
        if method.permission:
            assert re.fullmatch(r"[a-z]+\.[a-z_]+\.[a-z_]+", method.permission)
            assert any(method.permission in held for role, held in roles.PERMISSIONS.items() if role != "service")


class TestWholeSurface:
    def test_no_two_methods_share_a_verb_and_path(self) -> None:
        found = [re.sub(r"\{[^}]*\}", "{}", " ".join(binding(method))) for method in METHODS if binding(method)[0]]

        assert sorted(found) == sorted(set(found))

    def test_roles_hold_only_permissions_that_a_method_asks_for(self) -> None:
        asked = {method.permission for method in METHODS} | {
            roles.READ_TRACES,
            roles.RECORD_TRACES,
        }  # the gateway's own

        assert {permission for held in roles.PERMISSIONS.values() for permission in held} <= asked

    def test_every_role_says_what_kinds_of_data_it_sees(self) -> None:
        assert set(roles.CLASSES) == set(roles.PERMISSIONS)

    def test_a_method_without_an_access_rule_is_refused(self) -> None:
        bare = health_pb2.DESCRIPTOR.services_by_name["Health"].methods_by_name["Check"]

        with pytest.raises(ContractError, match="says nothing about who may call it"):
            contract._method(bare)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
class TestEvents:
    def test_it_has_key_version_and_time_in_their_places(self, event: EventType) -> None:
        numbers = {field.number: field.name for field in event.message.DESCRIPTOR.fields}

        assert (numbers[1], numbers[2], numbers[3]) == (event.key, "aggregate_version", "occur_time")

    def test_it_holds_nothing_personal(self, event: EventType) -> None:
        assert personal(event.message.DESCRIPTOR) == []


def personal(descriptor: Descriptor, above: tuple[str, ...] = ()) -> list[str]:
    """The classified fields of a message, nested ones too, by path; ids of persons are allowed, what they are called is not."""
    found = []
    for field in descriptor.fields:
        kind = field.GetOptions().Extensions[options_pb2.data_class]
        if kind not in (options_pb2.DATA_CLASS_UNSPECIFIED, options_pb2.DATA_CLASS_PERSON):
            found.append(".".join((*above, field.name)))
        if field.message_type is not None and len(above) < 5:
            found += personal(field.message_type, (*above, field.name))
    return found
