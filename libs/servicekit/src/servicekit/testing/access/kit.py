"""The RPCs that every service has by the kit: operations, personal data, imports of files."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from servicekit.testing.access.registry import STALE, Registry

_FILE = base64.b64encode(b"source_key\n").decode()


def declare_kit(registry: Registry, service: str, kind: str = "") -> None:
    """Declares what a service has by the kit; `kind` is a kind of import that every holder of the upload may import, empty for none."""
    name = service.capitalize()
    operations, personal = f"{service}.v1.{name}OperationsService", f"{service}.v1.{name}PersonalDataService"
    imports = f"{service}.v1.{name}ImportService"
    registry.add(f"{operations}/ListDeadLetters", lambda caller, row: {})
    registry.add(f"{operations}/ReplayDeadLetters", lambda caller, row: {"dead_letter_ids": [new()]})
    registry.add(f"{operations}/Republish", lambda caller, row: {})
    registry.add(f"{operations}/GetRepublish", lambda caller, row: {"republish_id": new()})
    registry.add(
        f"{operations}/ResendEvents",
        lambda caller, row: {
            "publish_start_time": "2020-01-01T00:00:00Z",
            "publish_end_time": "2020-01-02T00:00:00Z",
        },
    )
    registry.add(f"{operations}/GetState", lambda caller, row: {})
    registry.add(f"{operations}/ListAuditRecords", lambda caller, row: {"principal": new()})
    registry.add(f"{operations}/VerifyAuditTrail", lambda caller, row: {})
    # Nobody of the world: these erase and hold.
    person = {"customer_id": new()}
    registry.add(f"{personal}/ExportPersonalData", lambda caller, row: person)
    registry.add(f"{personal}/ErasePersonalData", lambda caller, row: {**person, "erasure_id": new()})
    registry.add(f"{personal}/SetLegalHold", lambda caller, row: {**person, "hold_id": new(), "reason": "COURT_ORDER"})
    registry.add(f"{personal}/ReleaseLegalHold", lambda caller, row: {**person, "hold_id": new()})
    step = {"hand_over_id": new(), "from_staff_id": new()}  # of nobody
    registry.add(f"{service}.v1.{name}HandOverService/HandOver", lambda caller, row: step)
    if not kind:
        return
    registry.add(f"{imports}/UploadImport", lambda caller, row: upload(kind))
    by_id: Any = lambda caller, row: {"import_id": row.id}  # noqa: E731 - a request like the others
    registry.add(f"{imports}/GetImport", by_id, rows=f"import:{service}")
    registry.add(f"{imports}/ListImportErrors", by_id, rows=f"import:{service}")
    stale = lambda caller, row: {"import_id": row.id, "etag": "stale"}  # noqa: E731
    registry.add(f"{imports}/CancelImport", stale, rows=f"import:{service}", seen=STALE)
    many = {"rows": f"import:{service}", "items": "imports", "key": "import_id", "absent": True}
    registry.add(f"{imports}/ListImports", lambda caller, row: {"page_size": 1000}, **many)


def upload(kind: str) -> list[dict[str, Any]]:
    """A file of one column and no row, to be checked only."""
    header = {"kind": kind, "source": "suite", "file_name": "rows.csv", "dry_run": True}
    return [{"header": header}, {"chunk": _FILE}]


def header(**more: Any) -> dict[str, Any]:
    """The first message of a stream of rows."""
    return {"header": {"source": "suite", "dry_run": True, **more}}


def new() -> str:
    """An id of nothing."""
    return str(uuid.uuid4())
