"""Log lines: their form, and that planted personal data never reaches one."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterator

import grpc
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from servicekit.telemetry import logs, spans
from servicekit.telemetry.log_keys import NUMBER_KEYS, TOKEN_KEYS
from servicekit.telemetry.log_lines import ConsoleFormatter, JsonFormatter
from servicekit.telemetry.redact import REDACTED, redact

NAME, PHONE, MAIL = "张伟明", "13800138000", "wei.zhang@example.com"
MARKERS = (NAME, PHONE, MAIL, "wei.zhang")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LOGGER = "marque_customer.usecases"


class Lines(io.StringIO):
    def last(self) -> dict[str, object]:
        return json.loads(self.getvalue().splitlines()[-1])  # type: ignore[no-any-return]

    def assert_clean(self) -> None:
        assert self.getvalue()
        for marker in MARKERS:
            assert marker not in self.getvalue()
            assert marker.encode("unicode_escape").decode() not in self.getvalue()


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = list(root.handlers), root.level, (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    root.handlers[:], root.level = handlers, level
    logs.restore_hooks()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


@pytest.fixture(params=["json", "console"])
def both(request: pytest.FixtureRequest) -> Lines:
    lines = Lines()
    logs.configure("customer", level="DEBUG", format=request.param, stream=lines)
    return lines


@pytest.fixture
def lines() -> Lines:
    out = Lines()
    logs.configure("customer", level="DEBUG", stream=out)
    return out


def without_pytest() -> None:
    """Takes pytest's own handlers away until the test ends: they raise what a hostile argument
    raises, and xdist cannot carry what they captured of half a character."""
    root = logging.getLogger()
    root.handlers[:] = [
        handler for handler in root.handlers if isinstance(handler.formatter, JsonFormatter | ConsoleFormatter)
    ]


class _Person:
    def __repr__(self) -> str:
        return f"Person({NAME}, {PHONE})"


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError(PHONE)

    __repr__ = __str__


def _chained() -> None:
    try:
        raise KeyError(f"{NAME} {PHONE}")
    except KeyError as cause:
        raise ValueError(MAIL) from cause


def _group() -> None:
    raise ExceptionGroup(NAME, [ValueError(PHONE), KeyError(MAIL)])


def _sql() -> None:
    with sqlalchemy.create_engine("sqlite://").connect() as connection:
        connection.execute(sqlalchemy.text("SELECT * FROM missing WHERE phone = :p"), {"p": f"{NAME}{PHONE}"})


class TestForm:
    def test_a_line_has_the_agreed_fields(self, lines: Lines) -> None:
        token = logs.request_id_var.set("req-1")
        try:
            with spans.server_span("/a.B/C", f"00-{TRACE}-00f067aa0ba902b7-00"):
                logs.get_logger(LOGGER).info("event %s applied", "x", extra={"event_id": "e-1", "duration_ms": 1.5})
        finally:
            logs.request_id_var.reset(token)
        line = lines.last()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("time")))
        assert line == {
            "level": "INFO",
            "logger": LOGGER,
            "message": "event x applied",
            "service": "customer",
            "trace_id": TRACE,
            "span_id": "00f067aa0ba902b7",
            "request_id": "req-1",
            "event_id": "e-1",
            "duration_ms": 1.5,
        }

    def test_outside_a_request_there_are_no_ids(self, lines: Lines) -> None:
        logs.get_logger(LOGGER).warning("x")
        assert set(lines.last()) == {"time", "level", "logger", "message", "service"}

    def test_an_exception_is_type_frames_and_causes(self, lines: Lines) -> None:
        try:
            _chained()
        except ValueError:
            logs.get_logger(LOGGER).exception("failed")
        failure = lines.last()["exception"]
        assert isinstance(failure, dict)
        assert failure["type"] == "ValueError"
        assert failure["causes"] == ["KeyError"]
        assert re.fullmatch(r"unit/test_telemetry_logs\.py:\d+:_chained", failure["frames"][-1])

    @given(st.text(), st.text(), st.integers())
    def test_every_record_is_one_line_of_json(self, message: str, extra: str, number: int) -> None:
        out = Lines()
        logs.configure("customer", stream=out)
        logs.get_logger(LOGGER).warning(message, extra={"event_id": extra, "count": number})
        assert out.getvalue().count("\n") == 1
        assert out.last()["level"] == "WARNING"

    def test_the_console_stays_on_one_line(self) -> None:
        out = Lines()
        logs.configure("customer", format="console", stream=out)
        without_pytest()
        logs.get_logger(LOGGER).warning("a\rb\x1b[2J\u2028c\ud800", extra={"event_id": "a\nb"})
        assert len(out.getvalue().splitlines()) == 1
        assert "\x1b" not in out.getvalue()

    @pytest.mark.parametrize(("level", "form", "named"), [("LOUD", "json", "log_level"), ("INFO", "xml", "log_format")])
    def test_an_unknown_setting_is_refused_by_name(self, level: str, form: str, named: str) -> None:
        with pytest.raises(ValueError, match=named):
            logs.configure("customer", level=level, format=form)  # type: ignore[arg-type]

    def test_configured_twice_writes_once(self, lines: Lines) -> None:
        logs.configure("customer", level="INFO", stream=lines)
        logs.get_logger(LOGGER).info("once")
        assert len(lines.getvalue().splitlines()) == 1

    def test_a_closed_stream_is_survived(self, lines: Lines) -> None:
        lines.close()
        logs.get_logger(LOGGER).info("nobody hears")

    def test_a_code_is_written_by_name(self, lines: Lines) -> None:
        logs.get_logger(LOGGER).info("answered %s", grpc.StatusCode.NOT_FOUND)
        assert lines.last()["message"] == "answered NOT_FOUND"

    def test_a_wrong_template_still_says_what_it_can(self, lines: Lines) -> None:
        without_pytest()
        logs.get_logger(LOGGER).info("%d rows of %s", "many")
        assert lines.last()["message"] == "%d rows of %s"


class TestPersonalData:
    @pytest.mark.parametrize("fail", [_chained, _group, _sql])
    def test_no_message_of_an_exception_is_written(self, both: Lines, fail: Callable[[], None]) -> None:
        log = logs.get_logger(LOGGER)
        try:
            fail()
        except Exception as error:
            log.exception("failed")
            log.error("failed: %s", error)
            log.error("failed: %r %s", error, (error, PHONE))
            log.error(error)
            log.error("failed", extra={"reason": str(error), "error": error, "detail": str(error)})
        both.assert_clean()

    @pytest.mark.parametrize("value", [NAME, PHONE, MAIL, int(PHONE), f"+86 138-0013-8000 {NAME}", _Person(), [PHONE]])
    def test_no_extra_carries_it(self, both: Lines, value: object) -> None:
        extra = dict.fromkeys(TOKEN_KEYS, value) | {
            "phone": value,
            "customer_name": value,
            "note": value,
            "vin": value,
        }
        logs.get_logger(LOGGER).info("planted", extra=extra)
        both.assert_clean()
        assert re.search(r"138\W?0013", both.getvalue()) is None

    @pytest.mark.parametrize("value", [NAME, PHONE, MAIL, _Person()])
    def test_a_number_field_takes_numbers_only(self, lines: Lines, value: object) -> None:
        logs.get_logger(LOGGER).info("planted", extra=dict.fromkeys(NUMBER_KEYS, value))
        assert not NUMBER_KEYS & set(lines.last())

    @pytest.mark.parametrize(
        ("template", "args"),
        [
            (f"called {PHONE}", ()),
            ("called %s", (PHONE,)),
            ("called %(to)s", ({"to": PHONE},)),
            ("called %s", (int(PHONE),)),
            ("mailed %s", (MAIL,)),
            ("saw %s", (_Person(),)),
            ("saw %r and %s", ({"name": NAME}, [NAME])),
            (f"first line\n{NAME}", ()),
            ("%s %s", (_Hostile(), _Person())),
        ],
    )
    def test_no_message_carries_it(self, both: Lines, template: str, args: tuple[object, ...]) -> None:
        without_pytest()
        logs.get_logger(LOGGER).info(template, *args)
        both.assert_clean()

    @pytest.mark.parametrize("request_id", [PHONE, NAME, MAIL, "a b", "x" * 65, "a\nb"])
    def test_a_callers_request_id_is_not_trusted(self, lines: Lines, request_id: str) -> None:
        token = logs.request_id_var.set(request_id)
        try:
            logs.get_logger(LOGGER).info("x")
        finally:
            logs.request_id_var.reset(token)
        assert lines.last()["request_id"] == REDACTED

    async def test_a_failed_task_nobody_awaited_tells_no_text(self, both: Lines) -> None:
        async def fail() -> None:
            raise ValueError(f"{NAME} {PHONE}")

        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        loop = asyncio.get_running_loop()
        loop.default_exception_handler({"message": "Task exception was never retrieved", "task": task, "future": task})
        task.exception()
        both.assert_clean()

    def test_an_uncaught_exception_tells_no_text(self, both: Lines, capfd: pytest.CaptureFixture[str]) -> None:
        try:
            _chained()
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=_chained)
        thread.start()
        thread.join()
        both.assert_clean()
        printed = capfd.readouterr()
        assert not any(marker in printed.out + printed.err for marker in MARKERS)

    def test_a_library_at_debug_does_not_write_parameters(self, both: Lines) -> None:
        logs.get_logger(LOGGER).info("begin")
        engine = sqlalchemy.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT :p"), {"p": NAME})
        engine.dispose()
        both.assert_clean()

    def test_an_older_stream_handler_does_not_write_beside_us(self) -> None:
        theirs, ours = io.StringIO(), Lines()
        logging.getLogger().addHandler(logging.StreamHandler(theirs))
        logs.configure("customer", stream=ours)
        logs.get_logger(LOGGER).info("called %s", PHONE)
        assert theirs.getvalue() == ""
        ours.assert_clean()


class TestRedact:
    @pytest.mark.parametrize(
        "text",
        [
            PHONE,
            "tel13800138000x",
            "138 0013 8000",
            "138-0013-8000",
            "+86 (138) 0013.8000",
            "１３８００１３８０００",
            "138\u20110013\u20118000",
            "138\u200b0013\u200b8000",
            "010-62345678",
            "+491701234567",
            "110101199003078515",
        ],
    )
    def test_numbers_of_people_go(self, text: str) -> None:
        assert not re.search(r"\d{3}", redact(f"a {text} b"))
        assert REDACTED in redact(text)

    @pytest.mark.parametrize("text", [MAIL, "张伟@例子.中国", "wei＠example.com", "a+b@c.de", "<wei@example.com>"])
    def test_addresses_go(self, text: str) -> None:
        assert REDACTED in redact(f"to {text}!")
        assert "wei" not in redact(text)

    @given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(), st.text())
    def test_a_mobile_number_goes_whatever_is_around_it(self, phone: str, before: str, after: str) -> None:
        assert phone not in redact(before + phone + after)

    @given(st.uuids())
    def test_ids_stay(self, value: uuid.UUID) -> None:
        assert redact(f"event {value} applied") == f"event {value} applied"

    @pytest.mark.parametrize(
        "text", ["", "in 12 ms", "127.0.0.1:4222", f"trace {TRACE}", "marque.customer.v1.CaseResolved"]
    )
    def test_harmless_text_stays(self, text: str) -> None:
        assert redact(text) == text
