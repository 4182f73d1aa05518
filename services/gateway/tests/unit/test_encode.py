"""The compiled encoder against the library's."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marque_gateway.json import encoder_for, json_encoder_for

EVERYTHING = "marque.specimen.v1.Everything"


def library(message: Any) -> Any:
    return json_format.MessageToDict(
        message, always_print_fields_with_no_presence=True, descriptor_pool=message.DESCRIPTOR.file.pool
    )


class TestEveryMessageType:
    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_random_messages_are_written_as_json_format_writes_them(
        self, data: st.DataObject, served_types: Any, messages_of: Any, equal_json: Any
    ) -> None:
        message = data.draw(messages_of(served_types[data.draw(st.sampled_from(sorted(served_types)))]))
        written = encoder_for(message.DESCRIPTOR)(message)
        assert equal_json(written, library(message)), (written, library(message))

    def test_an_empty_message_of_each_type_is_written_as_json_format_writes_it(self, served_types: Any) -> None:
        for descriptor in served_types.values():
            message = GetMessageClass(descriptor)()
            assert encoder_for(descriptor)(message) == library(message), descriptor.full_name

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_the_bytes_read_back_as_the_same_document(
        self, data: st.DataObject, specimen: Any, messages_of: Any
    ) -> None:
        descriptor = specimen.message(EVERYTHING)
        message = data.draw(messages_of(descriptor))
        assert json.loads(json_encoder_for(descriptor)(message)) == json.loads(json.dumps(library(message)))


class TestFixedRules:
    def test_defaults_are_printed_and_unset_presence_is_absent(self, specimen: Any) -> None:
        written = encoder_for(specimen.message(EVERYTHING))(specimen.new(EVERYTHING))
        assert written["int64Value"] == "0"
        assert written["texts"] == []
        assert written["textByText"] == {}
        assert written["paint"] == "PAINT_UNSPECIFIED"
        assert not {"maybeText", "choiceText", "child", "time", "boxedBool"} & written.keys()

    def test_an_enum_number_without_a_name_is_printed_as_the_number(self, specimen: Any) -> None:
        message = specimen.new(EVERYTHING)
        message.paint = 77
        assert encoder_for(message.DESCRIPTOR)(message)["paint"] == 77

    @pytest.mark.parametrize(
        ("number", "shown"), [(0, "NICKNAME_UNSPECIFIED"), (1, "NICKNAME_FIRST"), (-3, "NICKNAME_NEGATIVE")]
    )
    def test_an_alias_is_printed_under_its_first_name(self, specimen: Any, number: int, shown: str) -> None:
        message = specimen.new(EVERYTHING)
        message.nickname = number
        assert encoder_for(message.DESCRIPTOR)(message)["nickname"] == shown == library(message)["nickname"]

    @pytest.mark.parametrize(
        ("number", "shown"),
        [(float("nan"), "NaN"), (float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (0.1, 0.1), (-0.0, -0.0)],
    )
    def test_numbers_that_json_lacks_are_named(self, specimen: Any, number: float, shown: Any) -> None:
        message = specimen.new(EVERYTHING)
        message.double_value, message.float_value = number, number
        message.doubles.append(number)
        written = orjson.loads(json_encoder_for(message.DESCRIPTOR)(message))
        assert (written["doubleValue"], written["floatValue"], written["doubles"]) == (shown, shown, [shown])

    @pytest.mark.parametrize(
        ("seconds", "nanos", "shown"),
        [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
            (1, 500_000_000, "1970-01-01T00:00:01.500Z"),
            (1, 1_000, "1970-01-01T00:00:01.000001Z"),
        ],
    )
    def test_times_have_as_few_digits_as_are_exact(self, specimen: Any, seconds: int, nanos: int, shown: str) -> None:
        message = specimen.new(EVERYTHING)
        message.time.seconds, message.time.nanos = seconds, nanos
        assert encoder_for(message.DESCRIPTOR)(message)["time"] == shown

    @pytest.mark.parametrize(
        "fill",
        [
            lambda m: setattr(m.time, "seconds", 253_402_300_800),
            lambda m: setattr(m.time, "nanos", -1),
            lambda m: setattr(m.span, "seconds", 315_576_000_001),
            lambda m: (setattr(m.span, "seconds", 1), setattr(m.span, "nanos", -1)),
            lambda m: setattr(m.value, "number_value", float("nan")),
            lambda m: setattr(m.any, "type_url", "type.googleapis.com/no.such.Type"),
        ],
    )
    def test_what_has_no_json_form_is_an_error_here_and_in_the_library(self, specimen: Any, fill: Any) -> None:
        message = specimen.new(EVERYTHING)
        fill(message)
        with pytest.raises(ValueError, match=r"."):
            encoder_for(message.DESCRIPTOR)(message)
        with pytest.raises((ValueError, TypeError, json_format.Error)):
            library(message)
