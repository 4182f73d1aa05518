"""The OpenAPI document: valid, the same every time, and true of what the gateway accepts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from marque_gateway.binding import bindings_of
from marque_gateway.json import decoder_for, encoder_for
from marque_gateway.openapi import build_document
from marque_gateway.openapi.operations import document_path
from openapi_spec_validator import OpenAPIV31SpecValidator


def build(contracts: Any, **options: Any) -> dict[str, Any]:
    return build_document(contracts, bindings_of(contracts.methods()), **options)


@pytest.fixture(scope="module")
def document(specimen: Any) -> dict[str, Any]:
    return build(specimen, open_id_connect_url="https://id.example.com/.well-known/openid-configuration")


@pytest.fixture(scope="module")
def platform_document(contracts: Any) -> dict[str, Any]:
    return build(contracts)


@pytest.fixture(scope="module", params=["specimen", "contracts"])
def each(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for verbs in document["paths"].values() for one in verbs.values()}


class TestDocument:
    def test_the_specification_s_validator_accepts_it(self, specimen: Any) -> None:
        """The platform's own is validated in tests/e2e/test_generated_client.py."""
        document = json.loads(json.dumps(build(specimen)))
        assert [str(error)[:500] for error in OpenAPIV31SpecValidator(document).iter_errors()] == []

    def test_it_is_the_same_every_time(self, each: Any) -> None:
        assert json.dumps(build(each)) == json.dumps(build(each))

    def test_a_client_is_generated_without_a_warning(self, contracts: Any, tmp_path: Path) -> None:
        source = tmp_path / "openapi.json"
        source.write_text(json.dumps(build(contracts)))
        command = [
            str(Path(sys.executable).parent / "openapi-python-client"), "generate", "--path", str(source), "--meta",
            "none",
            "--output-path", str(tmp_path / "client"), "--fail-on-warning",
        ]  # fmt: skip
        (tmp_path / "config.yaml").write_text("post_hooks: []\n")
        done = subprocess.run(
            [*command, "--config", str(tmp_path / "config.yaml")], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert (tmp_path / "client" / "client.py").exists()

    def test_every_bound_method_is_shown_and_no_internal_one(self, each: Any) -> None:
        shown = operations(build(each))
        assert len(shown) == len(bindings_of(each.methods()))
        assert not {"rebuild", "batchGetCustomers", "exportCustomers"} & shown.keys()

    def test_additions_are_merged_and_may_not_replace(self, specimen: Any) -> None:
        operation = {"operationId": "ping", "responses": {"200": {"description": "Pong."}}}
        merged = build(specimen, extra_paths={"/ping": {"get": operation}}, extra_schemas={"Ping": {"type": "string"}})
        assert merged["paths"]["/ping"]["get"] == operation
        assert merged["components"]["schemas"]["Ping"] == {"type": "string"}
        with pytest.raises(ValueError):
            build(specimen, extra_paths={"/v1/persons": {"get": operation}})
        with pytest.raises(ValueError):
            build(specimen, extra_schemas={"Person": {}})


class TestOperations:
    def test_comments_permission_and_tag_are_told(self, document: dict[str, Any]) -> None:
        get = operations(document)["getPerson"]
        assert get["summary"] == "Gets one person"
        assert "A hidden person is answered as one that does not exist." in get["description"]
        assert get["x-permission"] == "specimen.persons.read"
        assert "`specimen.persons.read`" in get["description"]
        assert get["tags"] == ["SpecimenService"]
        assert "ETag" in get["responses"]["200"]["headers"]
        assert "security" not in get

    def test_public_methods_need_no_token(self, document: dict[str, Any]) -> None:
        assert operations(document)["listPersons"]["security"] == []
        assert "401" not in operations(document)["listPersons"]["responses"]

    @pytest.mark.parametrize(
        ("name", "headers"),
        [
            ("getPerson", {"AcceptLanguage"}),
            ("createPerson", {"AcceptLanguage", "IdempotencyKey"}),
            ("updatePerson", {"AcceptLanguage", "IfMatch"}),
        ],
    )
    def test_headers_are_those_that_count(self, document: dict[str, Any], name: str, headers: set[str]) -> None:
        found = {one["$ref"].rpartition("/")[2] for one in operations(document)[name]["parameters"] if "$ref" in one}
        assert found == headers

    def test_query_parameters_are_nested_repeated_and_dated(self, document: dict[str, Any]) -> None:
        found = {
            one["name"]: one["schema"] for one in operations(document)["listPersons"]["parameters"] if "name" in one
        }
        assert found["born.from"] == {"type": "string", "format": "date"}
        assert found["tags"]["type"] == "array"
        assert found["pageSize"] == {"type": "integer", "format": "int32", "minimum": 0, "maximum": 200}
        assert "requestId" not in found

    def test_a_whole_body_lacks_what_the_path_states(self, document: dict[str, Any]) -> None:
        schema = document["components"]["schemas"]["MergePersonsRequest"]
        assert set(schema["properties"]) == {"otherId", "reason"}
        assert schema["required"] == ["otherId"]
        assert schema["properties"]["reason"]["deprecated"] is True

    def test_a_nested_path_variable_has_its_json_name(self, document: dict[str, Any]) -> None:
        assert set(document["paths"]["/v1/persons/{personId}"]) == {"get", "patch", "delete"}


class TestSchemas:
    def test_rules_become_keywords(self, document: dict[str, Any]) -> None:
        properties = document["components"]["schemas"]["PersonInput"]["properties"]
        assert properties["displayName"] == {
            "type": "string", "minLength": 1, "maxLength": 100, "description": "The name as it is shown.",
        }  # fmt: skip
        assert properties["email"]["format"] == "email"
        assert properties["tags"]["maxItems"] == 10
        assert properties["tags"]["uniqueItems"] is True
        assert properties["tags"]["items"]["maxLength"] == 20
        assert properties["createTime"]["readOnly"] is True
        assert properties["favouritePaint"]["anyOf"][0] == {"$ref": "#/components/schemas/PaintStated"}
        assert document["components"]["schemas"]["PaintStated"]["enum"] == ["PAINT_RED", "PAINT_BLUE"]

    def test_only_requests_are_closed_and_only_full_ones_require(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        assert schemas["PersonInput"]["additionalProperties"] is False
        assert schemas["PersonPatch"]["additionalProperties"] is False
        assert schemas["PersonInput"]["required"] == ["displayName"]
        assert "required" not in schemas["PersonPatch"]
        assert "additionalProperties" not in schemas["Person"]

    def test_written_answers_satisfy_the_response_schema(self, document: dict[str, Any], specimen: Any) -> None:
        person = specimen.new("marque.specimen.v1.Person")
        schema = {"$ref": "#/components/schemas/Person"}
        assert list(validator(document, schema).iter_errors(encoder_for(person.DESCRIPTOR)(person))) == []

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_any_answer_satisfies_the_schema_of_its_operation(
        self, data: st.DataObject, contracts: Any, platform_document: Any, messages_of: Any
    ) -> None:
        bindings = {one.rpc: one for one in bindings_of(contracts.methods())}
        binding = bindings[data.draw(st.sampled_from(sorted(bindings)))]
        message = data.draw(messages_of(binding.method.output_type, known_enums=True, finite=True))
        operation = platform_document["paths"][document_path(binding)][binding.verb.lower()]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        answer = encoder_for(message.DESCRIPTOR)(message)
        assert [error.message[:300] for error in validator(platform_document, schema).iter_errors(answer)] == []

    def test_examples_satisfy_their_schemas_and_are_accepted(self, each: Any) -> None:
        document = build(each)
        wrong = []
        for binding in bindings_of(each.methods()):
            operation = document["paths"][document_path(binding)][binding.verb.lower()]
            media = [operation["responses"]["200"]["content"]["application/json"]]
            if binding.body_type is not None:
                media.append(operation["requestBody"]["content"]["application/json"])
                decoder_for(binding.body_type)(media[1]["example"])
            for one in media:
                errors = validator(document, one["schema"]).iter_errors(one["example"])
                wrong += [(binding.rpc, list(error.absolute_path), error.message[:200]) for error in errors]
        assert wrong == []
