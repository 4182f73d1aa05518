"""From a log record to one line: what is kept of the message, of ``extra`` and of an exception."""

from __future__ import annotations

import contextlib
import logging
import re
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, date, datetime
from enum import Enum
from uuid import UUID

import orjson
from opentelemetry import trace

from servicekit.telemetry.log_keys import NUMBER_KEYS, TOKEN_KEYS
from servicekit.telemetry.redact import REDACTED, redact
from servicekit.telemetry.scopes import type_name

request_id_var: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request id of the current call, set by the interceptor; appears on every line written meanwhile."""

MAX_MESSAGE = 2_000
MAX_FRAMES = 30
_MAX_CAUSES = 5
_IS_TOKEN = re.compile(r"[A-Za-z0-9._:/,*>{}\[\]\-]{1,200}").fullmatch
_IS_REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,64}").fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = (str, int, float, UUID, date)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = fields_of(record, self._service)
        try:
            return orjson.dumps(line).decode()
        except TypeError:  # half a surrogate pair, or an integer beyond 64 bits
            return orjson.dumps({key: _encodable(value) for key, value in line.items()}).decode()


class ConsoleFormatter(logging.Formatter):
    """The same fields for a person: time, level, logger, message, then ``key=value``."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = fields_of(record, self._service)
        head = f"{line.pop('time')} {line.pop('level'):<8} {line.pop('logger')}: {line.pop('message')}"
        failure = line.pop("exception", None)
        tail = "".join(f" {key}={value}" for key, value in line.items())
        text = _CONTROL.sub(" ", head + tail)
        if isinstance(failure, dict):
            text += "".join(f"\n    {frame}" for frame in failure["frames"]) + f"\n    {failure['type']}"
        return text.encode("utf-8", "replace").decode()


def fields_of(record: logging.LogRecord, service: str) -> dict[str, object]:
    """The fields that are written for a record, in order."""
    created = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    line: dict[str, object] = {
        "time": created.replace("+00:00", "Z"),
        "level": record.levelname,
        "logger": record.name,
        "message": _message(record),
        "service": service,
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        line["trace_id"] = f"{context.trace_id:032x}"
        line["span_id"] = f"{context.span_id:016x}"
    request_id = request_id_var.get()
    if request_id is not None:
        line["request_id"] = redact(request_id) if _IS_REQUEST_ID(request_id) else REDACTED
    for key, value in record.__dict__.items():
        if key in TOKEN_KEYS or key in NUMBER_KEYS:
            kept = _extra(key, value)
            if kept is not None:
                line[key] = kept
    if record.exc_info and record.exc_info[1] is not None:
        line["exception"] = exception_fields(record.exc_info[1])
    return line


def exception_fields(error: BaseException) -> dict[str, object]:
    """Type, frames (``file:line:function``, innermost last) and the types of what caused it; never a message."""
    frames = [
        f"{_short(frame.f_code.co_filename)}:{line}:{frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    fields: dict[str, object] = {"type": type_name(error), "frames": frames[-MAX_FRAMES:]}
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < _MAX_CAUSES:
        causes.append(type_name(cause))
        cause = cause.__cause__ or cause.__context__
    if causes:
        fields["causes"] = causes
    if isinstance(error, BaseExceptionGroup):
        fields["members"] = [type_name(member) for member in error.exceptions[:_MAX_CAUSES]]
    return fields


def _message(record: logging.LogRecord) -> str:
    template = str(record.msg) if isinstance(record.msg, _PLAIN) else f"<{type(record.msg).__name__}>"
    args = record.args
    with contextlib.suppress(Exception):  # a wrong template or a hostile __str__: the template alone is still of use
        if isinstance(args, Mapping):
            template = template % {key: _plain(value) for key, value in args.items()}
        elif args:
            template = template % tuple(_plain(value) for value in args)
    first_line = next(iter(template[:MAX_MESSAGE].splitlines()), "")
    return redact(_CONTROL.sub(" ", first_line))


def _plain(value: object) -> object:
    # bool is an int; subclasses of str may carry their own __str__, hence the copy.
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, str):
        return str.__str__(value)
    return value if value is None or isinstance(value, _PLAIN) else f"<{type(value).__name__}>"


def _extra(key: str, value: object) -> object | None:
    if key in NUMBER_KEYS:
        return value if type(value) in (int, float, bool) else None
    if not isinstance(value, str | int | UUID):
        return None
    text = str(value)
    return redact(text) if _IS_TOKEN(text) else REDACTED


def _short(path: str) -> str:
    for marker in ("/site-packages/", "/src/"):
        _, found, rest = path.rpartition(marker)
        if found:
            return rest
    return "/".join(path.rsplit("/", 2)[-2:])


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    return [_encodable(each) for each in value] if isinstance(value, list) else value
