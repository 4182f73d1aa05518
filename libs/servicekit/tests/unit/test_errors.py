"""Domain errors on the wire: google.rpc.Status with ErrorInfo always, BadRequest and RetryInfo where there is something to say."""

from __future__ import annotations

import base64
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st
from servicekit import errors
from servicekit.errors import DomainError, FieldViolation, InvalidArgument, NotFound, PermissionDenied, Unavailable

# What a gRPC client accepts in all headers together by default is 8 kB; binary ones travel as base64, the message percent-encoded.
FITS = 8_000
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=2000)


def classes() -> list[type[DomainError]]:
    return [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, DomainError)]


def headers_of(status: status_pb2.Status) -> int:
    """How many bytes the headers of the answer take, about."""
    return len(base64.b64encode(status.SerializeToString())) + len(quote(status.message))


def detail(status: status_pb2.Status, kind: type) -> list[object]:
    found = []
    for packed in status.details:
        message = kind()
        if packed.Unpack(message):
            found.append(message)
    return found


class TestToStatus:
    @pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
    def test_every_error_has_a_code_a_reason_and_one_error_info(self, kind: type[DomainError]) -> None:
        status = kind().to_status()

        (info,) = detail(status, error_details_pb2.ErrorInfo)
        assert status.code == kind.code.value[0] != 0
        assert (info.reason, info.domain) == (kind.reason, "marque")
        assert info.reason == info.reason.upper()
        assert status.message

    def test_words_that_vary_stand_in_message_and_metadata(self) -> None:
        status = PermissionDenied(permission="customer.customers.read").to_status()

        (info,) = detail(status, error_details_pb2.ErrorInfo)
        assert status.message == "The permission customer.customers.read is needed for this."
        assert dict(info.metadata) == {"permission": "customer.customers.read"}

    def test_a_value_with_braces_is_no_template(self) -> None:
        assert PermissionDenied(permission="{secret}{0}").text == "The permission {secret}{0} is needed for this."
        assert PermissionDenied().text == "The permission {permission} is needed for this."

    def test_violations_name_field_reason_and_sentence(self) -> None:
        (bad,) = detail(InvalidArgument.of("a.b[0]", "TOO_LONG", "at most 3").to_status(), error_details_pb2.BadRequest)

        assert [(v.field, v.reason, v.description) for v in bad.field_violations] == [
            ("a.b[0]", "TOO_LONG", "at most 3")
        ]

    def test_without_violations_there_is_no_bad_request_and_no_retry(self) -> None:
        status = NotFound().to_status()
        assert not detail(status, error_details_pb2.BadRequest) + detail(status, error_details_pb2.RetryInfo)

    def test_when_to_try_again_is_told(self) -> None:
        (retry,) = detail(Unavailable(dependency="X", retry_after=1.5).to_status(), error_details_pb2.RetryInfo)
        assert retry.retry_delay.ToMilliseconds() == 1500

    @given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=60), TEXT)
    def test_whatever_it_names_it_fits_into_the_headers_of_an_answer(
        self, wrong: list[tuple[str, str]], word: str
    ) -> None:
        violations = [FieldViolation(field, "WRONG", text) for field, text in wrong]
        status = InvalidArgument(violations=violations, word=word).to_status()

        (bad,) = detail(status, error_details_pb2.BadRequest)
        assert 1 <= len(bad.field_violations) <= len(wrong)
        assert headers_of(status) <= FITS

    @pytest.mark.parametrize("letter", ["x", "字", "😀"])
    def test_the_longest_texts_fit_too(self, letter: str) -> None:
        violations = [FieldViolation(letter * 999, "WRONG", letter * 999)] * 60
        error = Unavailable(dependency=letter * 9_999, other=letter * 9_999, violations=violations)

        assert headers_of(error.to_status()) <= FITS

    def test_an_error_is_caught_by_its_family(self) -> None:
        assert errors.EtagMismatch.code is grpc.StatusCode.ABORTED
        assert errors.IdempotencyKeyReused.code is grpc.StatusCode.INVALID_ARGUMENT
