"""What the operations servicer answers about the audit trail."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from marque.type.v1 import audit_pb2 as pb

from servicekit import paging
from servicekit.audit import records
from servicekit.audit.verifying import Fault, Finding, Report, Verifier
from servicekit.db.uow import Work
from servicekit.errors import FailedPrecondition, InvalidArgument
from servicekit.rpc.call import Call

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from servicekit.service import Kit


class AuditKeysMissing(FailedPrecondition):
    """The service has no key by which an anchor could be verified."""

    reason = "AUDIT_KEYS_MISSING"
    message = "This service has no audit keys, so its trail is not chained and nothing can be verified."


async def verify(kit: Kit, service: str, request: pb.VerifyAuditTrailRequest) -> pb.VerifyAuditTrailResponse:
    """Reads a stretch of the trail. Raises AuditKeysMissing, InvalidArgument."""
    if not kit.audit_keys.public:
        raise AuditKeysMissing()
    if bool(request.known_segment) != bool(request.known_anchor):
        raise InvalidArgument.of("known_anchor", "WITNESS_INCOMPLETE", "Segment and anchor are given together.")
    witness = (request.known_segment, request.known_anchor) if request.known_segment else None
    wait = timedelta(seconds=kit.settings.audit_wait_seconds)
    verifier = Verifier(kit.database, service, kit.audit_keys, wait=wait)
    return _answer(await verifier.verify(request.first_segment or 1, witness))


async def list_records(work: Work, request: pb.ListAuditRecordsRequest, call: Call) -> pb.ListAuditRecordsResponse:
    """Returns a page of records; the reading is itself noted. Raises InvalidArgument."""
    page = paging.page_of(request)
    after: Any = paging.page_key(page, paging.moment, uuid.UUID)
    where = records.within(_moment(request, "start_time"), _moment(request, "end_time"), after)
    async with work.read() as session:
        if request.resource_id and request.resource_type and not request.principal:
            found = await records.of_resource(session, request.resource_type, request.resource_id, where, page.size + 1)
        elif request.principal and not request.resource_id and not request.resource_type:
            found = await records.of_principal(session, request.principal, where, page.size + 1)
        else:
            text = "Ask either for a principal, or for a resource by its type and id."
            raise InvalidArgument.of("principal", "AUDIT_FILTER", text)
    rows, token = page.cut(found, lambda row: (row.create_time, str(row.audit_id)))
    asked = request.principal or f"{request.resource_type}:{request.resource_id}"
    call.saw("audit_trail", asked if found else "", ("records",))  # of nobody known it may be any text, a name too
    return pb.ListAuditRecordsResponse(audit_records=[_record(row) for row in rows], next_page_token=token)


def _moment(request: pb.ListAuditRecordsRequest, name: str) -> datetime | None:
    stamp: Timestamp = getattr(request, name)
    return stamp.ToDatetime(UTC) if request.HasField(name) else None  # type: ignore[arg-type]


def _record(row: Any) -> pb.AuditRecord:
    message = pb.AuditRecord(
        audit_id=str(row.audit_id),
        principal=row.principal,
        roles=[role for role in row.roles.split(",") if role],
        method=row.method,
        action=row.action,
        resource_type=row.resource_type,
        resource_ids=[row.resource_id] if row.resource_id else row.resource_ids,
        fields=row.fields,
        trace_id=row.trace_id,
    )
    message.create_time.FromDatetime(row.create_time)
    return message


def _answer(report: Report) -> pb.VerifyAuditTrailResponse:
    segment, anchor = report.anchor
    message = pb.VerifyAuditTrailResponse(
        intact=not report.findings,
        faults=[_fault(finding) for finding in report.findings],
        more_faults=report.more_findings,
        segments=report.segments,
        dropped_segments=report.dropped_segments,
        records=report.records,
        next_segment=report.next_segment,
        last_segment=segment,
        last_anchor=anchor,
        waiting_records=report.waiting,
    )
    if report.anchor_time is not None:
        message.last_close_time.FromDatetime(report.anchor_time)
    if report.oldest_wait is not None:
        message.oldest_waiting_time.FromDatetime(report.oldest_wait)
    return message


def _fault(finding: Finding) -> pb.AuditFault:
    return pb.AuditFault(
        kind=_KINDS[finding.fault],
        segment=finding.segment,
        position=finding.position,
        audit_id=str(finding.audit_id or ""),
    )


_KINDS = {fault: pb.AuditFaultKind.Value(f"AUDIT_FAULT_KIND_{fault.name}") for fault in Fault}
