"""Exports, erasures, restrictions and identity documents between rows and messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from marque.customer.v1 import (
    data_export_pb2,
    erasure_pb2,
    erasure_service_pb2,
    identity_document_pb2,
    identity_document_service_pb2,
    retention_pb2,
)
from marque.type.v1 import personal_data_pb2
from servicekit.db.base import etag_of
from servicekit.errors import InvalidArgument
from servicekit.masking import show
from servicekit.roles import visible_classes
from servicekit.rpc.call import Call

from marque_customer.mapping.times import moment, stamp
from marque_customer.models import CustomerErasure
from marque_customer.rules.identity_numbers import IdentityNumberError, normalise


def number_of(request: Any, prefix: str) -> dict[str, Any]:
    """Reads a number in its one written form, of what it is, and when it was seen. Raises InvalidArgument, which never quotes it."""
    try:
        number = normalise(request.kind, request.country_code, request.number)
    except IdentityNumberError as error:
        raise InvalidArgument.of(f"{prefix}number", "IDENTITY_NUMBER_INVALID", str(error)) from None
    found = {"kind": request.kind, "country_code": request.country_code, "number": number}
    if "verify_time" in request.DESCRIPTOR.fields_by_name and request.HasField("verify_time"):
        found["verify_time"] = moment(request.verify_time, f"{prefix}verify_time")
    return found


def document_for(call: Call) -> Callable[[Any, str | None], identity_document_pb2.IdentityDocument]:
    """Returns the rendering of a document for a caller; it takes the row and the number, None where it is not to be shown."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any, number: str | None) -> identity_document_pb2.IdentityDocument:
        message = identity_document_pb2.IdentityDocument(
            identity_document_id=str(row.identity_document_id),
            customer_id=str(row.customer_id),
            kind=row.kind,
            country_code=row.country_code,
            number=number or "",
            verify_time=stamp(row.verify_time) if row.verify_time else None,
            actor=row.actor,
            create_time=stamp(row.create_time),
        )
        shown: identity_document_pb2.IdentityDocument = show(
            call, message, "identity_document", message.identity_document_id, visible
        )
        return shown

    return render


def added_for(call: Call) -> Callable[[Any], identity_document_service_pb2.AddIdentityDocumentResponse]:
    """Returns the rendering of an added document: without its number, as the answer is kept for retries."""
    render = document_for(call)

    def added(found: Any) -> identity_document_service_pb2.AddIdentityDocumentResponse:
        row, matches = found
        answer = identity_document_service_pb2.AddIdentityDocumentResponse(identity_document=render(row, None))
        for other, reasons in matches:
            answer.possible_duplicates.add(customer_id=str(other), reasons=reasons)
        return answer

    return added


def documents(call: Call, found: Sequence[Any]) -> identity_document_service_pb2.ListIdentityDocumentsResponse:
    """Returns the documents of a customer with their numbers."""
    render = document_for(call)
    answer = identity_document_service_pb2.ListIdentityDocumentsResponse()
    for one in found:
        message = render(one.row, one.number)
        message.number_unreadable = one.number is None
        answer.identity_documents.append(message)
    return answer


def export(found: Any) -> data_export_pb2.DataExport:
    """Returns the message of an export; takes (row, parts)."""
    row, parts = found
    message = data_export_pb2.DataExport(
        data_export_id=str(row.data_export_id),
        customer_id=str(row.customer_id),
        state=row.state,
        waiting_for_services=row.waiting,
        archive_bytes=row.archive_bytes,
        archive_sha256=row.archive_sha256,
        archive_pieces=row.archive_pieces,
        create_time=stamp(row.create_time),
        ready_time=stamp(row.ready_time) if row.ready_time else None,
        expire_time=stamp(row.expire_time) if row.expire_time else None,
    )
    for part in parts:
        message.parts.add(service=part.service, records=part.records, gather_time=stamp(part.gather_time))
    return message


def erasure_for(call: Call) -> Callable[[Any], erasure_pb2.Erasure]:
    """Returns the rendering of an erasure for a caller; it takes (row, acknowledgements)."""
    visible = visible_classes(call.principal.roles)

    def render(found: Any) -> erasure_pb2.Erasure:
        row, known = found
        message = _erasure(row)
        last: dict[str, Any] = {}
        for one in known:
            answer = personal_data_pb2.ErasePersonalDataResponse.FromString(bytes(one.answer))
            entry = message.acknowledgements.add(
                service=one.service, pass_number=one.pass_, acknowledge_time=answer.complete_time
            )
            entry.erased_counts.update(answer.erased_counts)
            entry.retained.extend(answer.retained)
            last[one.service] = answer
        message.retained.extend(kept for answer in last.values() for kept in answer.retained)
        shown: erasure_pb2.Erasure = show(call, message, "erasure", message.erasure_id, visible)
        return shown

    return render


def _erasure(row: CustomerErasure) -> erasure_pb2.Erasure:
    message = erasure_pb2.Erasure(
        erasure_id=str(row.erasure_id),
        customer_id=str(row.customer_id),
        state=row.state,
        reason=row.reason,
        actor=row.actor,
        waiting_for_services=row.waiting,
        create_time=stamp(row.create_time),
        complete_time=stamp(row.complete_time) if row.complete_time else None,
        retry_time=stamp(row.try_time) if row.try_time and row.complete_time else None,
    )
    if row.issue_time:
        message.certificate.statement, message.certificate.signature = bytes(row.statement), bytes(row.signature)
        message.certificate.key_id = row.key_id
        message.certificate.issue_time.CopyFrom(stamp(row.issue_time))
    return message


def erasures(call: Call, rows: Sequence[CustomerErasure], token: str) -> erasure_service_pb2.ListErasuresResponse:
    """Returns a page of erasures, without acknowledgements and certificates."""
    render = erasure_for(call)
    answer = erasure_service_pb2.ListErasuresResponse(next_page_token=token)
    for row in rows:
        message = render((row, ()))
        message.ClearField("certificate")
        answer.erasures.append(message)
    return answer


def restriction(row: Any) -> erasure_service_pb2.ProcessingRestriction:
    """Returns the message of a restriction."""
    return erasure_service_pb2.ProcessingRestriction(
        customer_id=str(row.customer_id),
        reason=row.reason,
        set_time=stamp(row.set_time),
        lift_time=stamp(row.lift_time) if row.lift_time else None,
        lift_reason=row.lift_reason,
    )


def rule_for(call: Call) -> Callable[[Any], retention_pb2.RetentionRule]:
    """Returns the rendering of a rule of retention for a caller."""
    visible = visible_classes(call.principal.roles)

    def render(row: Any) -> retention_pb2.RetentionRule:
        message = retention_pb2.RetentionRule(
            kind=row.kind,
            days=row.days,
            basis=row.basis,
            removed_count=row.removed,
            run_time=stamp(row.run_time) if row.run_time else None,
            actor=row.actor,
            update_time=stamp(row.update_time),
            etag=etag_of(row.version),
        )
        shown: retention_pb2.RetentionRule = show(call, message, "retention_rule", str(row.kind), visible)
        return shown

    return render
