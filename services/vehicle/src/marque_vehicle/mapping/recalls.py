"""Between recalls and their messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from marque.vehicle.v1 import recall_pb2, recall_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of
from servicekit.db.query import json_of
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_vehicle.models import Recall

WRITABLE = ("title", "defect", "remedy", "remedy_operation_codes", "market", "wordings")
_WORDS = ("title", "defect", "remedy")
_UNREACHABLE = ("", "EXPORTED", "STOLEN", "SCRAPPED", "NOTICE_UNDELIVERED", "OTHER")  # by the number of the reason


def creation(message: recall_pb2.Recall) -> dict[str, Any]:
    """Returns the columns of a new recall. Raises InvalidArgument."""
    return {"code": message.code, **_values(message, WRITABLE)}


def update(message: recall_pb2.Recall, mask: Any) -> dict[str, Any]:
    """Returns the columns that an update changes. Raises InvalidArgument."""
    return _values(message, fields.masked_paths(message, mask, WRITABLE, "recall_id", "recall"))


def _values(message: recall_pb2.Recall, paths: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in paths:
        value = getattr(message, path)
        found[path] = value.strip() if isinstance(value, str) else list(value)
    if "wordings" in found:
        found["wordings"] = [
            {name: getattr(one, name).strip() for name in ("language_code", *_WORDS)} for one in found["wordings"]
        ]
    if found.get("title") == "":
        raise InvalidArgument.of("recall.title", "REQUIRED", "This field must not be empty.")
    return found


def rule(request: recall_service_pb2.AddRecallVehiclesByRuleRequest) -> dict[str, Any]:
    """Returns what a rule asks for; what is left out is not in it. Raises InvalidArgument."""
    first, last = fields.as_day(request, "build_date_from"), fields.as_day(request, "build_date_to")
    if first and last and last < first:
        wrong = FieldViolation("build_date_to", "RANGE_REVERSED", "The last day lies before the first.")
        raise InvalidArgument(violations=[wrong])
    asked = {
        "make": request.make,
        "models": list(request.models),
        "model_year_from": request.model_year_from,
        "model_year_to": request.model_year_to,
        "build_date_from": first,
        "build_date_to": last,
        "plants": list(request.plants),
        "market": request.market,
    }
    return {name: value for name, value in asked.items() if value}


def recall_message(row: fields.Row, scopes: Sequence[fields.Row] = ()) -> recall_pb2.Recall:
    """Returns a recall."""
    message = recall_pb2.Recall(
        recall_id=str(row["recall_id"]),
        remedy_operation_codes=list(row["remedy_operation_codes"]),
        state=row["state"],
        etag=etag_of(row["version"]),
        **{name: row[name] for name in ("code", "title", "defect", "remedy", "market")},
    )
    for name in ("open_time", "close_time", "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    for words in json_of(row["wordings"]):
        message.wordings.add(**words)
    for one in scopes:
        made = message.scopes.add(
            version=one["scope_version"],
            **{name: one[name] for name in ("vehicle_count", "added_count", "removed_count", "digest")},
        )
        fields.set_moment(made, "freeze_time", one["freeze_time"])
    return message


def rendered(recall: Recall) -> recall_pb2.Recall:
    """Returns a recall that was written, without the versions of its scope."""
    return recall_message(fields.row_of(recall))


def model_message(row: fields.Row) -> recall_pb2.RecallModel:
    """Returns a model and year that a recall covers."""
    return recall_pb2.RecallModel(
        recall_code=row["code"],
        recall_id=str(row["recall_id"]),
        **{name: row[name] for name in ("make", "model", "model_year")},
    )


def car_message(row: fields.Row) -> recall_pb2.RecallVehicle:
    """Returns a car of a scope."""
    message = recall_pb2.RecallVehicle(
        vin=row["vin"],
        state=row["state"],
        scope_version=row["first_version"],
        remedy_kind=row["remedy_kind"],
        dealer_id=fields.text(row["dealer_id"]),
        repair_order_id=fields.text(row["repair_order_id"]),
        unreachable_reason=row["unreachable_reason"],
    )
    for name in ("remedy_time", "unreachable_time"):
        fields.set_moment(message, name, row[name])
    return message


def owner_for(call: Call) -> Callable[[fields.Row], recall_pb2.RecallOwner]:
    """Returns the rendering of a car with its owners for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: fields.Row) -> recall_pb2.RecallOwner:
        customers = [str(one) for one in row["customers"] or ()]
        found = _UNREACHABLE[row["unreachable_reason"]] if row["state"] == 1 else ""
        reason = found or ("" if customers else "NO_OWNER_KNOWN" if row["registered"] else "NOT_REGISTERED")
        message = recall_pb2.RecallOwner(
            vin=row["vin"], customer_ids=customers, unreachable_reason=reason, state=row["state"]
        )
        shown: recall_pb2.RecallOwner = show(call, message, "vehicle", message.vin, visible)
        return shown

    return render


def notices(rows: Iterable[fields.Row], language: str) -> recall_service_pb2.LookUpRecallsResponse:
    """Returns what anybody may know of a car's recalls, in a language as far as they have words in it."""
    answer = recall_service_pb2.LookUpRecallsResponse()
    for row in rows:
        told = [one for one in json_of(row["wordings"]) if one["language_code"] == language]
        words = {name: (told[0][name] if told else "") or row[name] for name in _WORDS}
        made = answer.recalls.add(code=row["code"], state=row["state"], **words)
        fields.set_moment(made, "open_time", row["open_time"])
    return answer


def completion(rows: Iterable[fields.Row], vehicles: int, *, everything: bool) -> recall_service_pb2.RecallCompletion:
    """Returns how far a recall has come; the whole only for who sees every station."""
    answer = recall_service_pb2.RecallCompletion(vehicle_count=vehicles if everything else 0)
    for row in rows:
        made = answer.weeks.add(dealer_id=fields.text(row["dealer_id"]), remedied_count=row["remedied"])
        fields.set_day(made, "week", row["week"])
    if everything:
        answer.remedied_count = sum(one.remedied_count for one in answer.weeks)
    return answer
