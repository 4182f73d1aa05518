"""Bindings, path variables and query parameters."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format
from marque_gateway.binding import Binding, UnsupportedBinding, bindings_of
from marque_gateway.json import JsonDecodeError
from marque_gateway.query import QueryBinder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route

LIST = "marque.specimen.v1.ListPersonsRequest"
SOURCE = """
syntax = "proto3";
package marque.text.v1;
import "google/api/annotations.proto";
message Inner { string id = 1; repeated string ids = 2; }
message Request { string id = 1; string other = 2; Inner inner = 3; repeated Inner inners = 4; int32 number = 5; }
service S { %s }
"""


def rpc(rule: str, name: str = "M", streamed: str = "") -> str:
    return f"rpc {name}({streamed} Request) returns (Inner) {{ option (google.api.http) = {{{rule}}}; }}"


@pytest.fixture
def specimen_bindings(specimen: Any) -> dict[str, Binding]:
    return {binding.method.name: binding for binding in bindings_of(specimen.methods())}


class TestForms:
    @pytest.mark.parametrize(
        ("rule", "verb", "path", "body"),
        [
            ('get: "/v1/things/{id}"', "GET", "/v1/things/{id:segment}", None),
            ('get: "/v1/things/{id}/{inner.id}"', "GET", "/v1/things/{id:segment}/{inner__id:segment}", None),
            ('post: "/v1/things/{id}:merge" body: "*"', "POST", "/v1/things/{id:segment}:merge", "*"),
            ('post: "/v1/things:search" body: "*"', "POST", "/v1/things:search", "*"),
            ('patch: "/v1/things/{inner.id}" body: "inner"', "PATCH", "/v1/things/{inner__id:segment}", "inner"),
            ('put: "/v1/things/{number}" body: "inner"', "PUT", "/v1/things/{number:segment}", "inner"),
            ('delete: "/v1/things/{id}"', "DELETE", "/v1/things/{id:segment}", None),
        ],
    )
    def test_forms_in_use_are_read(self, compile_text: Any, rule: str, verb: str, path: str, body: str | None) -> None:
        (binding,) = bindings_of(compile_text(SOURCE % rpc(rule)).methods())
        assert (binding.verb, binding.path, binding.body, binding.rpc) == (verb, path, body, "/marque.text.v1.S/M")

    @pytest.mark.parametrize(
        "rule",
        [
            'get: "/v1/{id=things/*}"', 'get: "/v1/{id=**}"', 'get: "/v1/*"', 'get: "/v1/things-{id}"',
            'get: "v1/things"', 'get: ""',
            'get: "/v1/{missing}"', 'get: "/v1/{inner}"', 'get: "/v1/{inner.ids}"', 'get: "/v1/{inners.id}"',
            'get: "/v1/{id}/{id}"',
            'get: "/v1/things/{id}:Bad-Verb"', 'get: "/v1/a" body: "*"', 'delete: "/v1/a" body: "inner"',
            'post: "/v1/a" body: "missing"',
            'post: "/v1/a" body: "other"', 'post: "/v1/a" body: "inners"', 'get: "/v1/a" response_body: "id"',
            'get: "/v1/a" additional_bindings { get: "/v1/b" }', 'custom { kind: "HEAD" path: "/v1/a" }',
            'get: "/v1/a/"', 'get: "/v1/{}"',
        ],
    )  # fmt: skip
    def test_other_forms_are_refused_at_start(self, compile_text: Any, rule: str) -> None:
        with pytest.raises(UnsupportedBinding, match=r"marque\.text\.v1\.S\.M"):
            bindings_of(compile_text(SOURCE % rpc(rule)).methods())

    def test_client_streaming_is_refused(self, compile_text: Any) -> None:
        with pytest.raises(UnsupportedBinding, match="streaming"):
            bindings_of(compile_text(SOURCE % rpc('post: "/v1/a" body: "*"', streamed="stream")).methods())

    def test_two_methods_of_one_path_are_refused(self, compile_text: Any) -> None:
        both = rpc('get: "/v1/a/{id}"') + rpc('get: "/v1/a/{other}"', "N")
        with pytest.raises(UnsupportedBinding, match="same verb and path"):
            bindings_of(compile_text(SOURCE % both).methods())

    def test_internal_methods_are_not_bound(self, specimen_bindings: dict[str, Binding]) -> None:
        assert "Rebuild" not in specimen_bindings

    def test_the_platforms_own_contracts_are_all_supported(self, contracts: Any) -> None:
        bindings_of(contracts.methods())


class TestRouting:
    @pytest.mark.parametrize(
        ("verb", "path", "name"),
        [
            ("GET", "/v1/persons/a-b.c~1", "GetPerson"),
            ("GET", "/v1/persons", "ListPersons"),
            ("POST", "/v1/persons/7:merge", "MergePersons"),
            ("POST", "/v1/persons", "CreatePerson"),
            ("PATCH", "/v1/persons/7", "UpdatePerson"),
            ("GET", "/v1/persons/7:merge", None),
            ("GET", "/v1/persons/7/8", None),
            ("GET", "/v1/persons/", None),
            ("POST", "/v1/persons/:merge", None),
            ("POST", "/v1/persons/7:mergers", None),
        ],
    )
    def test_starlette_and_the_regex_find_the_same_method(
        self, specimen_bindings: dict[str, Binding], verb: str, path: str, name: str | None
    ) -> None:
        async def answer(request: Request) -> PlainTextResponse:
            return PlainTextResponse("")

        app = Starlette(
            routes=[Route(b.path, answer, methods=[b.verb], name=b.method.name) for b in specimen_bindings.values()]
        )
        scope = {"type": "http", "method": verb, "path": path, "root_path": ""}
        routed = [
            route.name for route in app.routes if isinstance(route, Route) and route.matches(scope)[0] == Match.FULL
        ]
        matched = [b.method.name for b in specimen_bindings.values() if b.verb == verb and b.regex.fullmatch(path)]
        assert routed == matched == ([name] if name else [])

    def test_a_literal_path_comes_before_a_variable_one(self, compile_text: Any) -> None:
        both = rpc('get: "/v1/things/{id}"') + rpc('get: "/v1/things/zoo"', "N")
        assert [binding.method.name for binding in bindings_of(compile_text(SOURCE % both).methods())] == ["N", "M"]

    def test_path_values_are_written_into_nested_fields(
        self, specimen: Any, specimen_bindings: dict[str, Binding]
    ) -> None:
        message = specimen.new("marque.specimen.v1.UpdatePersonRequest")
        specimen_bindings["UpdatePerson"].bind_path({"person__person_id": "7"}, message)
        assert message.person.person_id == "7"

    def test_a_bad_path_value_names_its_parameter(self, compile_text: Any) -> None:
        contracts = compile_text(SOURCE % rpc('get: "/v1/things/{number}"'))
        (binding,) = bindings_of(contracts.methods())
        with pytest.raises(JsonDecodeError) as caught:
            binding.bind_path({"number": "seven"}, contracts.new("marque.text.v1.Request"))
        assert [error.field_path for error in caught.value.errors] == ["number"]


class TestQuery:
    @pytest.mark.parametrize(
        ("items", "expected"),
        [
            ([], ""),
            ([("pageSize", "10")], "page_size: 10"),
            ([("page_size", "10")], "page_size: 10"),
            ([("tags", "a"), ("tags", "b")], 'tags: "a" tags: "b"'),
            ([("paint", "PAINT_RED")], "paint: PAINT_RED"),
            ([("paints", "PAINT_RED"), ("paints", "PAINT_BLUE")], "paints: PAINT_RED paints: PAINT_BLUE"),
            ([("vip", "false")], "vip: false"),
            ([("minVersion", "9007199254740993")], "min_version: 9007199254740993"),
            ([("score", "1.5")], "score: 1.5"),
            ([("boxed", "a")], 'boxed { value: "a" }'),
            ([("boxed", "")], "boxed { }"),
            ([("born.from.year", "1990"), ("born.from.month", "5")], "born { from { year: 1990 month: 5 } }"),
            ([("born.from", "1990-05-01")], "born { from { year: 1990 month: 5 day: 1 } }"),
            ([("changedSince", "2024-05-01T00:00:00+08:00")], "changed_since { seconds: 1714492800 }"),
            ([("readMask", "displayName,spent.units")], 'read_mask { paths: "display_name" paths: "spent.units" }'),
            ([("read_mask", "display_name,email")], 'read_mask { paths: "display_name" paths: "email" }'),
        ],
    )
    def test_parameters_fill_fields(self, specimen: Any, items: list[tuple[str, str]], expected: str) -> None:
        message = specimen.new(LIST)
        QueryBinder(message.DESCRIPTOR).bind(items, message)
        assert message == text_format.Parse(expected, specimen.new(LIST))

    @pytest.mark.parametrize(
        ("items", "name", "reason"),
        [
            ([("pageSize", "ten")], "pageSize", "INVALID_INTEGER"),
            ([("pageSize", "")], "pageSize", "INVALID_INTEGER"),
            ([("page_size", "99999999999")], "page_size", "OUT_OF_RANGE"),
            ([("pageSize", "1"), ("pageSize", "2")], "pageSize", "REPEATED_PARAMETER"),
            ([("pageSize", "1"), ("page_size", "2")], "pageSize", "REPEATED_PARAMETER"),
            ([("vip", "yes")], "vip", "INVALID_TYPE"),
            ([("paint", "GREEN")], "paint", "INVALID_ENUM_VALUE"),
            ([("paint", "1")], "paint", "INVALID_ENUM_VALUE"),
            ([("born.from", "1990-02-30")], "born.from", "INVALID_DATE"),
            ([("born.from", "１９９０-02-03")], "born.from", "INVALID_DATE"),
            ([("born", "x")], "born", "UNKNOWN_PARAMETER"),
            ([("born.from.year.x", "1")], "born.from.year.x", "UNKNOWN_PARAMETER"),
            ([("tags.x", "1")], "tags.x", "UNKNOWN_PARAMETER"),
            ([("", "1")], "", "UNKNOWN_PARAMETER"),
            ([("changedSince", "yesterday")], "changedSince", "INVALID_TIMESTAMP"),
            ([("pageToken", "a\0")], "pageToken", "INVALID_TEXT"),
            ([("nope\n", "1")], "nope?", "UNKNOWN_PARAMETER"),
        ],
    )
    def test_errors_name_the_parameter(
        self, specimen: Any, items: list[tuple[str, str]], name: str, reason: str
    ) -> None:
        message = specimen.new(LIST)
        with pytest.raises(JsonDecodeError) as caught:
            QueryBinder(message.DESCRIPTOR).bind(items, message)
        assert [(error.field_path, error.reason) for error in caught.value.errors] == [(name, reason)]

    @pytest.mark.parametrize("name", ["personId", "person_id"])
    def test_what_the_path_takes_is_no_parameter(
        self, specimen: Any, specimen_bindings: dict[str, Binding], name: str
    ) -> None:
        binding = specimen_bindings["GetPerson"]
        binder = QueryBinder(binding.method.input_type, binding.bound_fields)
        with pytest.raises(JsonDecodeError):
            binder.bind([(name, "7")], specimen.new("marque.specimen.v1.GetPersonRequest"))

    def test_nothing_below_the_body_is_a_parameter(self, specimen: Any, specimen_bindings: dict[str, Binding]) -> None:
        binding = specimen_bindings["CreatePerson"]
        binder = QueryBinder(binding.method.input_type, binding.bound_fields)
        with pytest.raises(JsonDecodeError):
            binder.bind([("person.displayName", "x")], specimen.new("marque.specimen.v1.CreatePersonRequest"))

    def test_a_second_choice_of_a_oneof_is_refused(self, specimen: Any) -> None:
        message = specimen.new("marque.specimen.v1.Everything")
        with pytest.raises(JsonDecodeError):
            QueryBinder(message.DESCRIPTOR).bind([("choiceText", "a"), ("choiceNumber", "1")], message)

    def test_thousands_of_unknown_parameters_are_given_up(self, specimen: Any) -> None:
        message = specimen.new(LIST)
        with pytest.raises(JsonDecodeError) as caught:
            QueryBinder(message.DESCRIPTOR).bind(((f"x{number}", "1") for number in range(5000)), message)
        assert len(caught.value.errors) == 20
