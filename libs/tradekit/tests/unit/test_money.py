import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradekit import money
from tradekit.money import Money, MoneyError, MoneyReason

currencies = st.sampled_from(["CNY", "USD", "JPY", "KWD", "CLF", "EUR"])
amounts = st.integers(-(10**18), 10**18)


def reason_of(call):
    with pytest.raises(MoneyError) as caught:
        call()
    return caught.value.reason


class TestMoney:
    @pytest.mark.parametrize(("currency", "digits"), [("CNY", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("USD", 2)])
    def test_digits_follow_iso_4217(self, currency, digits):
        assert money.digits(currency) == digits

    @pytest.mark.parametrize("currency", ["", "cny", "RMB", "XXX", "C NY"])
    def test_unknown_currency_is_refused(self, currency):
        assert reason_of(lambda: Money(currency, 1)) is MoneyReason.CURRENCY_UNKNOWN

    @pytest.mark.parametrize(
        "operate", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b, lambda a, b: a >= b]
    )
    def test_two_currencies_never_mix(self, operate):
        assert reason_of(lambda: operate(Money("CNY", 1), Money("USD", 1))) is MoneyReason.CURRENCY_MISMATCH

    def test_equal_numbers_of_two_currencies_are_not_equal(self):
        assert Money("CNY", 1) != Money("USD", 1)

    @given(currencies, amounts, amounts)
    def test_sums_and_order_are_those_of_integers(self, currency, a, b):
        first, second = Money(currency, a), Money(currency, b)
        assert (first + second - second) == first
        assert (-first).minor == -a
        assert (first * 3).minor == 3 * a
        assert (first < second, first <= second, first > second, first >= second) == (a < b, a <= b, a > b, a >= b)
        assert money.total(currency, [first, second]).minor == a + b

    def test_an_empty_sum_is_zero(self):
        assert money.total("JPY", []) == Money("JPY", 0)


class TestUnitsNanos:
    @given(currencies, amounts)
    def test_there_and_back_is_exact(self, currency, minor):
        units, nanos = Money(currency, minor).units_nanos
        assert money.from_units_nanos(currency, units, nanos) == Money(currency, minor)
        assert abs(nanos) < 10**9
        assert units * nanos >= 0

    @pytest.mark.parametrize(
        ("currency", "minor", "pair"),
        [
            ("CNY", -175, (-1, -750_000_000)),
            ("CNY", -5, (0, -50_000_000)),
            ("JPY", 7, (7, 0)),
            ("KWD", 1, (0, 1_000_000)),
            ("USD", 0, (0, 0)),
        ],
    )
    def test_both_parts_have_one_sign(self, currency, minor, pair):
        assert Money(currency, minor).units_nanos == pair

    @pytest.mark.parametrize(
        ("currency", "units", "nanos", "reason"),
        [
            ("CNY", 1, -1, MoneyReason.SIGN),
            ("CNY", -1, 1, MoneyReason.SIGN),
            ("CNY", 0, 10**9, MoneyReason.RANGE),
            ("CNY", 2**63, 0, MoneyReason.RANGE),
            ("CNY", 0, 1, MoneyReason.PRECISION),
            ("JPY", 1, 500_000_000, MoneyReason.PRECISION),
        ],
    )
    def test_what_cannot_be_an_amount_is_refused(self, currency, units, nanos, reason):
        assert reason_of(lambda: money.from_units_nanos(currency, units, nanos)) is reason

    def test_an_amount_beyond_int64_is_refused(self):
        assert reason_of(lambda: Money("JPY", 2**63).units_nanos) is MoneyReason.RANGE


class TestAllocate:
    @given(currencies, amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
    def test_parts_add_up_and_are_fair(self, currency, minor, weights):
        parts = money.allocate(Money(currency, minor), weights)
        assert money.total(currency, parts).minor == minor
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part.minor * sum(weights) - minor * weight) < sum(weights)
            assert weight or not part.minor

    def test_the_odd_cent_goes_to_the_largest_remainder(self):
        assert [part.minor for part in money.allocate(Money("CNY", 100), [1, 2])] == [33, 67]

    def test_the_odd_cent_goes_to_the_first_of_equals(self):
        assert [part.minor for part in money.allocate(Money("CNY", 100), [1, 1, 1])] == [34, 33, 33]
        assert [part.minor for part in money.allocate(Money("CNY", -100), [1, 1, 1])] == [-34, -33, -33]

    @pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [3, -1]])
    def test_weights_that_share_nothing_are_refused(self, weights):
        assert reason_of(lambda: money.allocate(Money("CNY", 100), weights)) is MoneyReason.WEIGHTS
