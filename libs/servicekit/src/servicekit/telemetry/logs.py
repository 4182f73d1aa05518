"""JSON lines on standard error through the standard library, with trace and request ids and nothing personal.

A line holds: time (RFC 3339, UTC, milliseconds), level, logger, message, service, trace_id, span_id, request_id, and
the ``extra`` fields of an allow-list. What may hold personal data does not get in:

- an ``extra`` key that is not listed is dropped, a listed one keeps a plain token or number only;
- an exception is its type and stack frames: its message is not written (SQLAlchemy's carries the parameters);
- only the first line of a message (asyncio appends the ``repr`` of a failed task), and of its arguments only plain
  values: any other object, an exception or a protobuf message above all, becomes the name of its type;
- what still looks like a phone number or an e-mail address is redacted.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any, Literal, TextIO

from servicekit.telemetry.log_lines import ConsoleFormatter, JsonFormatter, request_id_var

__all__ = ["LogFormat", "configure", "get_logger", "request_id_var", "restore_hooks"]

LogFormat = Literal["json", "console"]
_QUIET = (
    "sqlalchemy.engine",
    "sqlalchemy.pool",
    "sqlalchemy.dialects",
    "sqlalchemy.orm",
    "asyncpg",
    "httpx",
    "httpcore",
)
"""Libraries that write statements, parameters or URLs below WARNING; a log level of ours never opens them."""


def get_logger(name: str) -> logging.Logger:
    """The logger of a module: ``get_logger(__name__)``."""
    return logging.getLogger(name)


class _LineHandler(logging.Handler):
    """Writes whole lines to a stream, by default to whatever standard error is at that moment."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # the library's own handling would print the message and its arguments
            line = '{"level":"ERROR","logger":"servicekit.telemetry.logs","message":"a log line could not be written"}'
        try:
            stream = self._stream or sys.stderr
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            return  # standard error is closed: there is nobody left to tell


def configure(service: str, *, level: str = "INFO", format: LogFormat = "json", stream: TextIO | None = None) -> None:
    """Make the root logger write our lines and nothing else; a second call replaces the first.

    :raises ValueError: naming ``log_level`` or ``log_format`` when it is not one of the known.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise ValueError(f"log_level must be one of {', '.join(logging.getLevelNamesMapping())}, got {level!r}")
    if format not in ("json", "console"):
        raise ValueError(f"log_format must be json or console, got {format!r}")
    handler = _LineHandler(stream)
    handler.setFormatter(JsonFormatter(service) if format == "json" else ConsoleFormatter(service))
    root = logging.getLogger()
    for old in list(root.handlers):
        # A plain stream handler (somebody's basicConfig) would write every line again, uncut. pytest's handlers stay.
        if isinstance(old, _LineHandler) or type(old) is logging.StreamHandler:
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(numeric)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))
    logging.captureWarnings(True)
    _install_hooks()


_uncaught = logging.getLogger("servicekit.uncaught")


def _install_hooks() -> None:
    """What Python prints itself when nobody catches an exception, message included, becomes a line of ours."""
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread
    sys.unraisablehook = _on_unraisable


def restore_hooks() -> None:
    """Give Python back its own reporting of uncaught exceptions (tests)."""
    sys.excepthook = sys.__excepthook__
    threading.excepthook = threading.__excepthook__
    sys.unraisablehook = sys.__unraisablehook__
    logging.captureWarnings(False)


def _on_uncaught(kind: type[BaseException], error: BaseException, trace_back: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        _uncaught.critical("uncaught exception", exc_info=(kind, error, trace_back))


def _on_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _uncaught.critical("uncaught exception in a thread", exc_info=args.exc_value)


def _on_unraisable(unraisable: Any) -> None:
    if unraisable.exc_value is not None:
        _uncaught.error("exception that could not be raised", exc_info=unraisable.exc_value)
