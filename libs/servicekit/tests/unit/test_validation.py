"""Requests as bytes: what is not a message, what breaks a rule, what no database can hold."""

from __future__ import annotations

import pytest
from marque.customer.v1 import customer_import_service_pb2
from marque.network.v1 import dealer_pb2, dealer_service_pb2
from servicekit.errors import InvalidArgument
from servicekit.rpc.validation import parse, validate


def refusal(request: dealer_service_pb2.CreateDealerRequest) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        validate(request, request.SerializeToString())
    return {violation.field: violation.reason for violation in caught.value.violations}


class TestParse:
    @pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe"])
    def test_bytes_that_are_no_message_are_a_callers_fault(self, data: bytes) -> None:
        with pytest.raises(InvalidArgument) as caught:
            parse(dealer_service_pb2.CreateDealerRequest, data)

        assert caught.value.reason == "MALFORMED_MESSAGE"


class TestValidate:
    def test_a_missing_message_is_named(self) -> None:
        assert "dealer" in refusal(dealer_service_pb2.CreateDealerRequest())

    def test_a_rule_over_several_fields_names_the_one_it_is_about(self) -> None:
        dealer = dealer_pb2.Dealer(code="AB-1", kinds=[dealer_pb2.DEALER_KIND_SALES], time_zone="UTC")

        assert "dealer.names" in refusal(dealer_service_pb2.CreateDealerRequest(dealer=dealer))

    @pytest.mark.parametrize(
        ("dealer", "path"),
        [
            (dealer_pb2.Dealer(code="A\0"), "dealer.code"),
            (dealer_pb2.Dealer(names={"en": "A\0"}), "dealer.names"),
            (dealer_pb2.Dealer(names={"e\0n": "A"}), "dealer.names"),
            (dealer_pb2.Dealer(brands=["ok", "\0"]), "dealer.brands"),
        ],
    )
    def test_a_nul_character_is_refused_wherever_it_stands(self, dealer: dealer_pb2.Dealer, path: str) -> None:
        assert refusal(dealer_service_pb2.CreateDealerRequest(dealer=dealer)) == {path: "INVALID_TEXT"}

    def test_rows_of_an_import_are_left_to_the_import_which_answers_each(self) -> None:
        part = customer_import_service_pb2.ImportCustomersRequest(rows=[{"source_key": "k", "full_name": "a\0"}])

        validate(part, part.SerializeToString())

    def test_the_header_of_an_import_is_judged(self) -> None:
        part = customer_import_service_pb2.ImportCustomersRequest(header={"source": "a\0"})

        with pytest.raises(InvalidArgument) as caught:
            validate(part, part.SerializeToString())
        assert caught.value.violations[0].field == "header.source"
