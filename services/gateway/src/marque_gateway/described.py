"""What the OpenAPI document says of the routes that are not an RPC."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from marque.campaign.v1 import campaign_send_service_pb2
from marque.customer.v1 import call_service_pb2
from marque.type.v1 import import_pb2
from servicekit import contract
from servicekit.bulk.readers import ENDINGS

from marque_gateway import adf, described_files, downloads, mail, survey
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
    told, changed = call_service_pb2.RecordCallEventRequest, call_service_pb2.RecordCallEventResponse
    return {
        "CustomerOverview": overview,
        "CallEvent": _flat(told.DESCRIPTOR, "One event of a call.", ("provider",)),
        "CallEventTaken": _flat(changed.DESCRIPTOR, "What an event of a call changed."),
        "DeliveryReports": {
            "type": "object",
            "description": "What a carrier tells of messages.",
            "properties": {
                "reports": {
                    "type": "array",
                    "description": "The reports.",
                    "minItems": 1,
                    "maxItems": 500,
                    "items": _flat(campaign_send_service_pb2.DeliveryReport.DESCRIPTOR, "What became of one message."),
                },
            },
            "required": ["reports"],
        },
        "DeliveryReportsTaken": {
            "type": "object",
            "description": "What reports of messages changed.",
            "properties": {
                "changedCount": {"type": "integer", "description": "How many messages changed."},
                "unknownCount": {
                    "type": "integer",
                    "description": "How many reports are of no message that was handed over.",
                },
            },
        },
    }


def _flat(descriptor: Descriptor, text: str, without: Collection[str] = ()) -> dict[str, Any]:
    """The schema of a message of texts, truths, choices and moments that no RPC of the door takes or gives."""
    shown = [field for field in descriptor.fields if field.name not in without]
    needed = [field.json_name for field in shown if field_behavior_pb2.REQUIRED in _behavior(field)]
    properties = {field.json_name: _simple(field) for field in shown}
    return {"type": "object", "description": text, "properties": properties, **({"required": needed} if needed else {})}


def _behavior(field: FieldDescriptor) -> Collection[int]:
    found: Collection[int] = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return found


def _simple(field: FieldDescriptor) -> dict[str, Any]:
    if field.enum_type is not None:
        return {"type": "string", "enum": [value.name for value in field.enum_type.values if value.number]}
    if field.message_type is not None:
        return {"type": "string", "format": "date-time"}
    kind = "boolean" if field.type == FieldDescriptor.TYPE_BOOL else "string"
    return {"type": kind, **keywords(field)}


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
        "/v1/telephony/{provider}/events": {"post": _telephony()},
        "/v1/providers/{provider}/deliveryReports": {"post": _deliveries()},
        "/v1/providers/{provider}/bounces": {"post": _bounces()},
        adf.PATH: {"post": _adf()},
        mail.PATH: {"post": _mail()},
        downloads.PATH: {"get": _download()},
        survey.PREVIEW: {"get": _preview()},
        **described_files.paths(_LANGUAGE, _PROBLEMS),
        **{f"/v1/{service}/imports": {"post": _upload(service)} for service in uploading()},
    }


def _preview() -> dict[str, Any]:
    return {
        "operationId": "showQuestionnairePage",
        "tags": ["QuestionnaireService"],
        "summary": "Shows a questionnaire as people will see it.",
        "description": "The page of the draft, or of a version, with its branching; it sends and keeps nothing.",
        "parameters": [
            {
                "name": "questionnaire_id",
                "in": "path",
                "required": True,
                "description": "The questionnaire.",
                "schema": {"type": "string", "format": "uuid"},
            },
            {
                "name": "number",
                "in": "query",
                "description": "The version; 0 for the draft.",
                "schema": {"type": "integer", "minimum": 0, "maximum": 99999999},
            },
            {
                "name": "language",
                "in": "query",
                "description": "The language, BCP 47; without it that of `Accept-Language`.",
                "schema": {"type": "string", "maxLength": 35},
            },
            _LANGUAGE,
        ],
        "responses": {
            "200": {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}},
            **_PROBLEMS,
        },
    }


def _download() -> dict[str, Any]:
    return {
        "operationId": "downloadDataExport",
        "tags": ["DataExportService"],
        "summary": "Gives the archive of an export as one file.",
        "description": "A zip of JSON, of pages in zh-CN and English, and of a manifest with the SHA-256 of each file. For the "
        "person, and for whoever may answer such a demand.",
        "parameters": [
            {
                "name": "data_export_id",
                "in": "path",
                "required": True,
                "description": "The export.",
                "schema": {"type": "string", "format": "uuid"},
            },
            _LANGUAGE,
        ],
        "responses": {
            "200": {
                "description": "The archive.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
            },
            **_PROBLEMS,
        },
    }


def _telephony() -> dict[str, Any]:
    about = {
        "operationId": "recordTelephonyEvent",
        "tags": ["CallService"],
        "summary": "Takes what a telephone system tells of a call.",
        "description": "Signed with the secret shared with the system, and believed for five minutes. The same event "
        "twice changes nothing; events may come in any order.",
    }
    answer = _json("What the event changed.", "CallEventTaken")
    return _signed(about, "The telephone system, as it is configured.", "CallEvent", answer)


def _deliveries() -> dict[str, Any]:
    about = {
        "operationId": "recordDeliveryReports",
        "tags": ["CampaignSendService"],
        "summary": "Takes what a carrier tells of messages that it was handed.",
        "description": "Signed with the secret shared with the carrier, and believed for five minutes. The last word counts; a "
        "report that comes twice changes nothing, and one of a message that nobody handed over is counted and passed over.",
    }
    answer = _json("What the reports changed.", "DeliveryReportsTaken")
    return _signed(about, "The carrier, as it is configured.", "DeliveryReports", answer)


def _bounces() -> dict[str, Any]:
    about = {
        "operationId": "recordBounceMail",
        "tags": ["CampaignSendService"],
        "summary": "Takes a mail that came back, as a mail server hands it on.",
        "description": "The body is the mail, a delivery status notification (RFC 3464). Signed as delivery reports are. What it tells "
        "is believed where it returns a mail by the id that the platform gave it; any other mail is counted and passed over.",
    }
    made = _signed(
        about, "The mail server, as it is configured.", "", _json("What the mail changed.", "DeliveryReportsTaken")
    )
    content = {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}
    return {**made, "requestBody": {"required": True, "content": content}}


def _signed(about: dict[str, Any], provider: str, body: str, answer: dict[str, Any]) -> dict[str, Any]:
    header = {"in": "header", "required": True}
    return {
        **about,
        "security": [],
        "parameters": [
            {
                "name": "provider",
                "in": "path",
                "required": True,
                "description": provider,
                "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,31}$"},
            },
            {
                **header,
                "name": "X-Marque-Timestamp",
                "description": "Seconds since 1970.",
                "schema": {"type": "string", "pattern": "^[0-9]{1,12}$"},
            },
            {
                **header,
                "name": "X-Marque-Signature",
                "description": "`v1=` and the HMAC-SHA-256 of `<timestamp>.<body>` in hex; several parted by commas.",
                "schema": {"type": "string", "maxLength": 500},
            },
            _LANGUAGE,
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}},
        },
        "responses": {"200": answer, **_PROBLEMS},
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


def _mail() -> dict[str, Any]:
    query = {
        "mailbox": "The address at which it came in.",
        "intent": "`lead` or `case` where that is made of it beside the touch.",
        "dealerCode": "The code of the dealer whose mailbox it is.",
    }
    named = [
        {"name": name, "in": "query", "required": name == "mailbox", "description": text, "schema": {"type": "string"}}
        for name, text in query.items()
    ]
    return {
        "operationId": "postMail",
        "tags": ["InboundService"],
        "summary": "Takes a mail as a mail server hands it on.",
        "description": "It becomes a touch on the time line of its person, who is found by address and name or is somebody new. The same"
        " mail again changes nothing; what no person wrote is left, and never answered.",
        "parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}, _LANGUAGE, *named],
        "requestBody": {
            "required": True,
            "content": {"message/rfc822": {"schema": {"type": "string", "maxLength": mail.LARGEST}}},
        },
        "responses": {"200": _json("What became of the mail.", "InboundReceipt"), **_PROBLEMS},
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
    flags = {
        "dryRun": "`true` to check the file and change nothing.",
        "removeDespiteRejected": "`true` with IMPORT_MODE_REPLACE: what the file does not name goes even where rows were rejected.",
    }
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "boolean"}}
        for name, text in flags.items()
    ]
    parameters.append(
        {
            "name": "mode",
            "in": "query",
            "description": "IMPORT_MODE_REPLACE: what the file does not name goes, once every row was read; for kinds that know it.",
            "schema": {"type": "string", "enum": import_pb2.ImportMode.keys()},
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
