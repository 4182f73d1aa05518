"""Between signals of defects and their messages."""

from __future__ import annotations

from typing import Any

from google.type import date_pb2
from marque.complaint.v1 import defect_signal_pb2, defect_signal_service_pb2
from servicekit import fields
from servicekit.db.base import etag_of

_PLAIN = (
    "make", "model", "model_year", "system", "basis", "before_count", "after_count", "predicted_count", "before_level", "after_level",
    "log_evidence", "false_alarm_rate", "mute_reason", "follower_count",
)  # fmt: skip


def signal_message(row: fields.Row, followed: bool) -> defect_signal_pb2.DefectSignal:
    """Returns a signal; `followed`: by the caller."""
    day = row["change_month"]
    made = defect_signal_pb2.DefectSignal(
        signal_id=str(row["signal_id"]),
        change_month=date_pb2.Date(year=day.year, month=day.month, day=day.day),
        followed=followed,
        etag=etag_of(row["version"]),
        **{name: row[name] for name in _PLAIN},
    )
    for name in ("mute_time", "create_time", "update_time"):
        fields.set_moment(made, name, row[name])
    return made


def written(made: tuple[Any, bool]) -> defect_signal_pb2.DefectSignal:
    """Returns a signal that was changed."""
    signal, followed = made
    return signal_message(fields.row_of(signal), followed)


def notice_message(row: fields.Row) -> defect_signal_service_pb2.DefectNotice:
    """Returns what somebody was told."""
    plain = {name: row[name] for name in ("notice_number", "reason", "after_count")}
    made = defect_signal_service_pb2.DefectNotice(**plain, signal_id=str(row["signal_id"]))
    for name in ("create_time", "read_time"):
        fields.set_moment(made, name, row[name])
    return made


def notices_read(count: int) -> defect_signal_service_pb2.ReadDefectNoticesResponse:
    """Returns how many notices were read."""
    return defect_signal_service_pb2.ReadDefectNoticesResponse(read_count=count)


def scan_message(row: fields.Row) -> defect_signal_pb2.DefectScan:
    """Returns a look."""
    plain = ("scan_number", "series_count", "rate_series_count", "signal_count", "false_alarm_rate")
    made = defect_signal_pb2.DefectScan(**{name: row[name] for name in plain})
    for name in ("create_time", "finish_time"):
        fields.set_moment(made, name, row[name])
    return made


def asked_scan(made: Any) -> defect_signal_pb2.DefectScan:
    """Returns the look that was asked for."""
    return scan_message(fields.row_of(made))


def filters(request: defect_signal_service_pb2.ListDefectSignalsRequest) -> dict[str, Any]:
    """Returns what a list request narrows by."""
    return {name: getattr(request, name) for name in ("make", "model", "system", "show_muted", "followed")}
