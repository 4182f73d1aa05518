"""The certificate of an erasure: ids, times, counts and reasons of every service, as they were signed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from marque.type.v1 import personal_data_pb2

from marque_customer.models import CustomerErasure, ErasureAcknowledgement


def statement(row: CustomerErasure, known: Sequence[ErasureAcknowledgement]) -> bytes:
    """Returns what is signed: the erasure with the acknowledgements of every pass, keys in order."""
    found: dict[str, Any] = {
        "erasure_id": str(row.erasure_id),
        "customer_id": str(row.customer_id),
        "reason": row.reason,
        "asked_time": row.create_time.isoformat(),
        "complete_time": row.complete_time.isoformat() if row.complete_time else "",
        "acknowledgements": [
            {"pass": one.pass_, "service": one.service, **_answer(bytes(one.answer))} for one in known
        ],
    }
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS)


def _answer(content: bytes) -> dict[str, Any]:
    message = personal_data_pb2.ErasePersonalDataResponse.FromString(content)
    found: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return found
