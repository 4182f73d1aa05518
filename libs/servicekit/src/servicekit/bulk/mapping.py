"""Between imports and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from google.rpc import error_details_pb2
from marque.type.v1 import import_pb2

from servicekit.bulk import store
from servicekit.bulk.rows import REJECTED, RowOutcome
from servicekit.db.base import etag_of
from servicekit.errors import FieldViolation

_REFUSED = "ROWS_REJECTED"


def summary(tally: Any) -> import_pb2.ImportSummary:
    """Returns the counts of a tally or of an import's row."""
    counts = {name: getattr(tally, name) for name in ("created", "updated", "unchanged", "rejected")}
    return import_pb2.ImportSummary(rows_read=sum(counts.values()), **counts)


def rejected(outcomes: Iterable[RowOutcome]) -> list[import_pb2.ImportRowResult]:
    """Returns the rejected ones among outcomes."""
    return [_result(item.row, item.key, item.violations) for item in outcomes if item.outcome == REJECTED]


def error_results(rows: Iterable[Any]) -> list[import_pb2.ImportRowResult]:
    """Returns stored rejected rows."""
    return [_result(row.row_number, row.key, [FieldViolation(**item) for item in row.violations]) for row in rows]


def import_message(row: Any, errors: Iterable[Any] = ()) -> import_pb2.Import:
    """Returns the message of an import's row with its first rejected rows."""
    message = import_pb2.Import(
        import_id=str(row.import_id),
        kind=row.kind,
        state=import_pb2.ImportState.Value(f"IMPORT_STATE_{row.state}"),
        source=row.options["source"],
        file_name=row.file_name,
        file_format=row.file_format,
        file_size_bytes=row.file_size,
        file_sha256=row.file_sha256,
        dry_run=row.options["dry_run"],
        rows_total=row.rows_total,
        summary=summary(row),
        failure_reason=row.failure,
        first_errors=error_results(errors),
        etag=etag_of(row.version),
        remove_despite_rejected=bool(row.options.get("despite_rejected")),
        removed_count=row.options.get("removed"),
    )
    if row.options.get("replaces"):
        message.mode = import_pb2.IMPORT_MODE_REPLACE
        if row.state == store.SUCCEEDED and not store.removes(row):
            message.removal_refused_reason = _REFUSED
    for name in ("create_time", "start_time", "end_time"):
        if getattr(row, name) is not None:
            getattr(message, name).FromDatetime(getattr(row, name))
    return message


def filters(request: import_pb2.ListImportsRequest) -> dict[str, str]:
    """Returns the columns that a list request narrows."""
    found = {"kind": request.kind} if request.kind else {}
    if request.state:
        found["state"] = import_pb2.ImportState.Name(request.state).removeprefix("IMPORT_STATE_")
    return found


def _result(row: int, key: str, violations: Sequence[FieldViolation]) -> import_pb2.ImportRowResult:
    return import_pb2.ImportRowResult(
        row=row,
        key=key,
        outcome=import_pb2.IMPORT_OUTCOME_REJECTED,
        errors=[
            error_details_pb2.BadRequest.FieldViolation(
                field=item.field, reason=item.reason, description=item.description
            )
            for item in violations
        ],
    )
