"""Problem documents: status, wording, field paths, and what must not be told."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from marque_gateway.catalogue import LANGUAGES, catalogue, preferred_language
from marque_gateway.json import JsonDecodeError, JsonFieldError
from marque_gateway.problems import HTTP_STATUS, json_path, problem_from_decode_error, problem_from_rpc_error

UNANSWERED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
SECRET = "ipv4:10.1.2.3:50051 password=hunter2"


def trailing(*details: Any) -> list[tuple[str, str | bytes]]:
    status = status_pb2.Status(code=3, message="m")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return [("x-other", "1"), ("grpc-status-details-bin", status.SerializeToString())]


def info(reason: str = "CASE_ALREADY_CLOSED", domain: str = "marque", **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)


class TestStatus:
    def test_every_code_has_a_status_and_texts_in_every_language(self) -> None:
        assert set(HTTP_STATUS) == set(grpc.StatusCode)
        for language in LANGUAGES:
            for code in set(grpc.StatusCode) - {grpc.StatusCode.OK}:
                problem = problem_from_rpc_error(code, "x", None, language=language)
                assert problem.status == (503 if code in UNANSWERED else HTTP_STATUS[code])
                assert problem.title
                assert problem.detail

    @pytest.mark.parametrize("code", sorted(UNANSWERED, key=str))
    def test_a_call_that_no_service_answered_is_503_and_may_go_again(self, code: grpc.StatusCode) -> None:
        problem = problem_from_rpc_error(code, SECRET, None)
        assert (problem.status, problem.reason, problem.retry_after) == (503, "UNAVAILABLE", 1)
        assert SECRET not in problem.detail

    def test_a_deadline_that_the_service_tells_of_is_504(self) -> None:
        told = problem_from_rpc_error(grpc.StatusCode.DEADLINE_EXCEEDED, "late", trailing(info("DEADLINE_EXCEEDED")))
        assert told.status == 504

    def test_an_etag_that_does_not_match_is_412(self) -> None:
        problem = problem_from_rpc_error(grpc.StatusCode.ABORTED, "changed", trailing(info("ETAG_MISMATCH")))
        assert problem.status == 412

    def test_another_abort_is_409(self) -> None:
        assert problem_from_rpc_error(grpc.StatusCode.ABORTED, "changed", trailing(info())).status == 409


class TestDocument:
    def test_all_members_are_written(self) -> None:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(
            field="customer.contact_points[0].raw_value", reason="PHONE_INVALID", description="is no phone"
        )
        problem = problem_from_rpc_error(
            grpc.StatusCode.INVALID_ARGUMENT,
            "The request is not valid.",
            trailing(info(case="7"), bad),
            body_field="customer",
        )
        assert problem.document(instance="/v1/customers", trace_id="t", request_id="r") == {
            "type": "urn:marque:problem:CASE_ALREADY_CLOSED",
            "title": "Invalid request",
            "status": 400,
            "detail": "The request is not valid.",
            "instance": "/v1/customers",
            "reason": "CASE_ALREADY_CLOSED",
            "metadata": {"case": "7"},
            "errors": [{"field": "contactPoints[0].rawValue", "reason": "PHONE_INVALID", "description": "is no phone"}],
            "traceId": "t",
            "requestId": "r",
        }

    def test_retry_delay_becomes_whole_seconds_rounded_up(self) -> None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(1200)
        problem = problem_from_rpc_error(grpc.StatusCode.UNAVAILABLE, "later", trailing(info(), retry))
        assert problem.headers()["retry-after"] == "2"

    def test_401_carries_a_challenge(self) -> None:
        assert (
            problem_from_rpc_error(grpc.StatusCode.UNAUTHENTICATED, "", None).headers()["www-authenticate"] == "Bearer"
        )


class TestWhatIsNotTold:
    @pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS])
    def test_faults_of_ours_are_neutral_even_with_details(self, code: grpc.StatusCode) -> None:
        problem = problem_from_rpc_error(code, SECRET, trailing(info("SECRET_REASON", secret="hunter2")))
        assert "hunter2" not in str(problem.document())
        assert problem.document()["reason"] == "INTERNAL"

    @pytest.mark.parametrize(
        "metadata", [None, [], trailing(), trailing(info(domain="grpc.io")), [("grpc-status-details-bin", b"\xff")]]
    )
    def test_words_that_no_service_of_ours_vouches_for_are_dropped(self, metadata: Any) -> None:
        problem = problem_from_rpc_error(grpc.StatusCode.UNAVAILABLE, SECRET, metadata)
        assert "10.1.2.3" not in str(problem.document())
        assert problem.status == 503


class TestLanguage:
    def test_values_are_filled_into_the_translation(self) -> None:
        error = trailing(info("PERMISSION_DENIED", permission="a.b.c"))
        problem = problem_from_rpc_error(grpc.StatusCode.PERMISSION_DENIED, "English", error, language="zh-CN")
        assert problem.detail == "此操作需要权限 a.b.c。"
        assert problem.headers()["content-language"] == "zh-CN"

    def test_without_a_translation_or_a_value_the_service_s_words_stand(self) -> None:
        for error in (info("NO_SUCH_REASON"), info("PERMISSION_DENIED")):
            problem = problem_from_rpc_error(
                grpc.StatusCode.PERMISSION_DENIED, "English", trailing(error), language="zh-CN"
            )
            assert (problem.title, problem.detail) == ("无权限", "English")

    def test_a_value_that_looks_like_a_placeholder_stays_a_value(self) -> None:
        error = trailing(info("PERMISSION_DENIED", permission="{permission}{0}"))
        problem = problem_from_rpc_error(grpc.StatusCode.PERMISSION_DENIED, "E", error, language="zh-CN")
        assert problem.detail == "此操作需要权限 {permission}{0}。"

    def test_both_catalogues_word_the_same_titles_and_details(self) -> None:
        assert catalogue("en").titles.keys() == catalogue("zh-CN").titles.keys()
        assert catalogue("en").details.keys() == catalogue("zh-CN").details.keys()

    @pytest.mark.parametrize(
        ("header", "language"),
        [
            (None, "en"), ("", "en"), ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"), ("en;q=0.5, zh;q=0.6", "zh-CN"),
            ("fr, en;q=0.2", "en"),
            ("zh-Hant-TW", "zh-CN"), ("ZH", "zh-CN"), ("zh;q=0", "en"), ("zh;q=x", "en"), ("zh;q=nan", "en"),
            ("*", "en"), (";;,,=", "en"),
            ("en, zh", "en"), ("zh;q=2, en;q=0.1", "en"),
        ],
    )  # fmt: skip
    def test_accept_language_is_weighed(self, header: str | None, language: str) -> None:
        assert preferred_language(header) == language

    def test_wrong_fields_of_a_document_are_translated(self) -> None:
        error = JsonDecodeError([JsonFieldError("pageSize", "INVALID_INTEGER", "must be a whole number")])
        assert problem_from_decode_error(error, language="zh-CN").errors[0].description == "必须是整数。"
        assert problem_from_decode_error(error).errors[0].description == "must be a whole number"


class TestJsonPath:
    @pytest.mark.parametrize(
        ("path", "body", "expected"),
        [
            ("page_size", None, "pageSize"), ("a_b.c_d[2].e_f", None, "aB.cD[2].eF"),
            ('tags["snake_key"].a_b', None, 'tags["snake_key"].aB'),
            ("customer.full_name", "customer", "fullName"), ("customer", "customer", ""),
            ("customer_id", "customer", "customerId"),
            ("line_1", None, "line1"), ("", None, ""),
        ],
    )  # fmt: skip
    def test_paths_are_given_as_the_caller_wrote_them(self, path: str, body: str | None, expected: str) -> None:
        assert json_path(path, body) == expected
