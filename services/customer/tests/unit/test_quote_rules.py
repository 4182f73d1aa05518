"""Quotes add up to the fen, in one currency, and nobody gives more than they may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st
from marque.customer.v1 import quote_pb2, quote_service_pb2
from marque_customer.errors import showroom as errors
from marque_customer.mapping.quotes import offer_values
from marque_customer.models import Quote
from marque_customer.rules import quotes as rules
from marque_customer.rules.quotes import Line, QuoteFault
from servicekit.errors import InvalidArgument

NOW = datetime(2026, 11, 22, tzinfo=UTC)
_PRICE = st.integers(0, rules.MOST_UNIT_MINOR)
_SOLD = st.builds(Line, st.integers(1, 4), st.integers(1, 1000), _PRICE)
_TAKEN = st.builds(Line, st.sampled_from([5, 6, 7]), st.just(1), _PRICE)


def _judged(lines: list[Line]) -> tuple[rules.Sums | None, str]:
    """The sums, or why there are none."""
    try:
        return rules.sums(lines), ""
    except QuoteFault as fault:
        return None, fault.reason


class TestSums:
    @given(st.lists(st.one_of(_SOLD, _TAKEN), max_size=100))
    def test_sums_add_up_and_fit_the_database_or_a_line_is_at_fault(self, lines: list[Line]) -> None:
        found, reason = _judged(lines)
        assert reason in {"", "VEHICLE_MISSING", "DISCOUNT_TOO_GREAT", "FINANCE_TOO_GREAT"}
        if found is None:
            return
        assert found.list_minor - found.discount_minor - found.trade_in_minor == found.total_minor
        assert found.total_minor - found.financed_minor == found.rest_minor
        assert max(abs(found.list_minor), abs(found.total_minor), abs(found.rest_minor)) < 2**63
        assert sum(line.minor for line in lines if line.kind <= 4) == found.list_minor
        assert 0 <= found.basis_points <= 10_000

    @given(st.integers(1, 10**14), st.integers(0, 10**14), st.integers(0, 10_000))
    def test_basis_points_are_rounded_against_who_gives_the_discount(self, price: int, off: int, limit: int) -> None:
        points = rules.Sums(price, min(off, price), 0, 0).basis_points
        assert (points <= limit) == (Fraction(min(off, price), price) <= Fraction(limit, 10_000))

    @pytest.mark.parametrize(
        ("lines", "reason"),
        [
            ([Line(2, 1, 100)], "VEHICLE_MISSING"),
            ([Line(1, 1, 100), Line(5, 1, 101)], "DISCOUNT_TOO_GREAT"),
            ([Line(1, 1, 100), Line(5, 2, 1)], "QUANTITY_WRONG"),
            ([Line(1, 1, 100), Line(7, 1, 101)], "FINANCE_TOO_GREAT"),
            ([Line(1, 1, 100), Line(6, 1, 200), Line(7, 1, 1)], "FINANCE_TOO_GREAT"),
        ],
    )
    def test_what_is_no_quote_is_refused_with_its_reason(self, lines: list[Line], reason: str) -> None:
        with pytest.raises(QuoteFault) as fault:
            rules.sums(lines)
        assert fault.value.reason == reason

    def test_an_old_car_may_be_worth_more_than_the_new_one(self) -> None:
        assert rules.sums([Line(1, 1, 100), Line(6, 1, 150)]).total_minor == -50


def line(kind: int = 1, units: int = 1000, currency: str = "CNY", **more: Any) -> quote_pb2.QuoteLine:
    price = money_pb2.Money(currency_code=currency, units=units)
    return quote_pb2.QuoteLine(kind=kind, text="One", unit_price=price, **more)  # type: ignore[arg-type]


class TestReading:
    @pytest.mark.parametrize(
        ("lines", "total", "field", "reason"),
        [
            ([line(), line(2, currency="EUR")], None, "lines[1].unit_price", "CURRENCY_MIXED"),
            ([line()], money_pb2.Money(currency_code="EUR", units=1000), "total", "CURRENCY_MIXED"),
            ([line()], money_pb2.Money(currency_code="CNY", units=999), "total", "TOTAL_WRONG"),
            ([line(currency="XXQ")], None, "lines[0].unit_price", "MONEY_INVALID"),
            ([line(units=-1)], None, "lines[0].unit_price", "MONEY_INVALID"),
            ([line(units=10**12)], None, "lines[0].unit_price", "MONEY_INVALID"),
            ([line(vin="NOPE")], None, "lines[0].vin", "VIN_INVALID"),
            (
                [line(quantity=2, amount=money_pb2.Money(currency_code="CNY", units=1000))],
                None,
                "lines[0].amount",
                "AMOUNT_WRONG",
            ),
        ],
    )
    def test_bad_lines_are_refused_by_name(self, lines: list[Any], total: Any, field: str, reason: str) -> None:
        with pytest.raises(InvalidArgument) as refused:
            offer_values(quote_service_pb2.CreateQuoteRequest(lines=lines, total=total))
        assert [(one.field, one.reason) for one in refused.value.violations] == [(field, reason)]

    def test_currencies_without_a_smaller_unit_add_up_too(self) -> None:
        found = offer_values(quote_service_pb2.CreateQuoteRequest(lines=[line(currency="JPY"), line(5, 30, "JPY")]))
        assert (found["total_minor"], found["discount_basis_points"]) == (970, 300)


def quote(state: int = rules.DRAFT, needs: bool = False) -> Quote:
    return Quote(
        state=state, needs_approval=needs, number=1, allowed_basis_points=300, valid_until_time=NOW + timedelta(days=1)
    )


class TestLimits:
    @pytest.mark.parametrize(
        ("roles", "points"), [({"dealer.sales"}, 300), ({"dealer.sales", "dealer.manager"}, 800), ({"owner"}, 0)]
    )
    def test_who_holds_several_roles_has_the_highest_limit(self, roles: set[str], points: int) -> None:
        limits = [{"role": "dealer.sales", "basis_points": 300}, {"role": "dealer.manager", "basis_points": 800}]
        assert rules.allowed(limits, roles) == points

    @pytest.mark.parametrize(
        ("points", "minor", "personal", "covered"),
        [
            (300, 999, None, True),
            (301, 999, None, False),
            (301, 999, 999, True),
            (301, 999, 998, False),
        ],
    )
    def test_a_limit_is_included(self, points: int, minor: int, personal: int | None, covered: bool) -> None:
        assert rules.covers(points, minor, 300, personal) is covered


class TestVerbs:
    def test_nothing_above_the_limit_goes_out_before_somebody_else_allowed_it(self) -> None:
        one = quote(needs=True)
        with pytest.raises(errors.QuoteNotApproved):
            one.send(NOW)
        one.ask("me", None, "Because", NOW)
        with pytest.raises(errors.QuoteStateWrong):
            one.send(NOW)
        with pytest.raises(errors.ApprovalNotYours):
            one.decide(True, "me", None, "", NOW)
        one.decide(False, "boss", None, "Too much", NOW)
        with pytest.raises(errors.QuoteNotApproved):
            one.send(NOW)
        one.ask("me", None, "Still", NOW)
        one.decide(True, "boss", None, "All right", NOW)
        one.send(NOW)
        assert one.state == rules.SENT

    @pytest.mark.parametrize("state", [rules.ACCEPTED, rules.DECLINED, rules.EXPIRED, rules.WITHDRAWN])
    def test_what_is_closed_stays_so(self, state: int) -> None:
        for verb in (
            lambda one: one.send(NOW),
            lambda one: one.accept(NOW),
            lambda one: one.decline("No", NOW),
            lambda one: one.withdraw("No", NOW),
            lambda one: one.expire(NOW),
            lambda one: one.ask("me", None, "", NOW),
        ):
            with pytest.raises((errors.QuoteStateWrong, errors.QuoteExpired)):
                verb(quote(state))

    def test_an_offer_holds_up_to_its_last_moment_and_not_in_it(self) -> None:
        one = quote(rules.SENT)
        with pytest.raises(errors.QuoteExpired):
            one.accept(one.valid_until_time)
        one.accept(one.valid_until_time - timedelta(microseconds=1))
        assert one.state == rules.ACCEPTED
