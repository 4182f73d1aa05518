"""What the OpenAPI document says of the routes that are not an RPC."""

from __future__ import annotations

from typing import Any

from marque.type.v1 import import_pb2
from servicekit import contract
from servicekit.bulk.readers import ENDINGS

from marque_gateway import adf
from marque_gateway.openapi.constraints import keywords
from marque_gateway.overview import PARTS
from marque_gateway.upstream import method_of

_PROBLEMS = {"default": {"$ref": "#/components/responses/Problem"}}
_LANGUAGE = {"$ref": "#/components/parameters/AcceptLanguage"}


def schemas() -> dict[str, Any]:
    """Returns the schemas of the composed views."""
    properties: dict[str, Any] = {
        "customerId": {"type": "string", "format": "uuid", "description": "The customer asked for."},
        "missing": _names("The parts whose owner did not answer in time; ask again for them."),
        "withheld": _names("The parts that the caller may not see."),
    }
    for part in PARTS:
        method = method_of(part.rpc)
        assert method is not None
        output = method.descriptor.output_type
        if part.shown:
            field = output.fields_by_camelcase_name[part.shown]
            items = {"$ref": f"#/components/schemas/{field.message_type.name}"}
            properties[part.name] = {"type": "array", "items": items, "description": f"From {method.service}."}
        else:
            properties[part.name] = {"$ref": f"#/components/schemas/{output.name}"}
    overview = {
        "type": "object",
        "description": "What is known of a customer, from the owners of each part.",
        "properties": properties,
        "required": ["customerId", "missing", "withheld"],
    }
    return {"CustomerOverview": overview}


def paths() -> dict[str, dict[str, Any]]:
    """Returns the operations by path and verb."""
    return {
        "/v1/customers/{customerId}/overview": {
            "get": {
                "operationId": "getCustomerOverview",
                "tags": ["CustomerService"],
                "summary": "Composes the 360° view of a customer.",
                "description": "Asks the owners of all parts at once; a part whose owner is down is named in `missing`.",
                "parameters": [_customer_id(), _LANGUAGE],
                "responses": {"200": _json("The view.", "CustomerOverview"), **_PROBLEMS},
            }
        },
        "/v1/events": {
            "get": {
                "operationId": "watchEvents",
                "tags": ["Live"],
                "summary": "Streams live changes in the caller's scope (server-sent events).",
                "description": "An event's type is that of the contract, its data the facts as JSON. `reset`: read your lists again.",
                "parameters": [
                    {
                        "name": "Last-Event-ID",
                        "in": "header",
                        "description": "The id of the last event received; the stream goes on after it.",
                        "schema": {"type": "string", "maxLength": 500},
                    },
                    _LANGUAGE,
                ],
                "responses": {
                    "200": {
                        "description": "The stream.",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    **_PROBLEMS,
                },
            }
        },
        adf.PATH: {"post": _adf()},
        **{f"/v1/{service}/imports": {"post": _upload(service)} for service in uploading()},
    }


def _adf() -> dict[str, Any]:
    document = {"schema": {"type": "string", "maxLength": adf.LARGEST}}
    return {
        "operationId": "postAdf",
        "tags": ["LeadIntakeService"],
        "summary": "Takes an ADF 1.0 document as lead providers post it.",
        "description": "Each prospect becomes one lead or gets one clear answer. A document that is not well-formed is read as far as"
        " it goes; one that declares entities is refused.",
        "parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}, _LANGUAGE],
        "requestBody": {
            "required": True,
            "content": dict.fromkeys(("application/x-adf+xml", "application/xml", "text/xml", "text/plain"), document),
        },
        "responses": {"200": _json("What became of each prospect.", "ReceiveAdfResponse"), **_PROBLEMS},
    }


def uploading() -> list[str]:
    """Returns the services that take files for import, by the contracts."""
    names = (name.split(".")[1] for name in contract.services() if "UploadImport" in contract.methods(name))
    return sorted(names)


def _upload(service: str) -> dict[str, Any]:
    query = {
        "kind": "What the rows are, for example `customers`.",
        "source": "The name of the system that the file comes from.",
        "fileName": f"The file's name; its ending tells the form: {', '.join(ENDINGS)}.",
    }
    fields = import_pb2.ImportFileHeader.DESCRIPTOR.fields_by_camelcase_name
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "query",
            "required": True,
            "description": text,
            "schema": {"type": "string", **keywords(fields[name])},
        }
        for name, text in query.items()
    ]
    parameters.append(
        {
            "name": "dryRun",
            "in": "query",
            "description": "`true` to check the file and change nothing.",
            "schema": {"type": "boolean"},
        }
    )
    return {
        "operationId": f"upload{service.capitalize()}Import",
        "tags": [f"{service.capitalize()}ImportService"],
        "summary": "Takes a file and imports its rows in the background.",
        "description": "Answers at once with the import; Location is where its progress and its errors row by row are read. "
        "Columns named otherwise than the fields are mapped by `map.<column>=<field>` parameters.",
        "parameters": [*parameters, {"$ref": "#/components/parameters/IdempotencyKey"}, _LANGUAGE],
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": {"202": _json("The import, queued.", "Import"), **_PROBLEMS},
    }


def _json(text: str, schema: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _names(text: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": text}


def _customer_id() -> dict[str, Any]:
    schema = {"type": "string", "format": "uuid"}
    return {"name": "customerId", "in": "path", "required": True, "description": "The customer's id.", "schema": schema}
