import csv
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradekit import vin
from tradekit.vin import VinError, VinReason

KNOWN = ["1M8GDM9AXKP042788", "1G4AH59H45G118341", "1J9RP1A36A1644345", "11111111111111111"]
vins = st.text(alphabet=vin.ALPHABET, min_size=17, max_size=17)


def reason_of(text, market=None, on=None):
    with pytest.raises(VinError) as caught:
        vin.validate(text, market, on)
    return caught.value


class TestNormalise:
    @pytest.mark.parametrize(
        "text",
        [
            "1m8gdm9axkp042788",
            " 1M8G-DM9A-XKP0-42788 ",
            "１Ｍ８ＧＤＭ９ＡＸＫＰ０４２７８８",
            "1M8GDM9AX\u3000KP042788",
            "1M8GDM9AX–KP042788",
        ],
    )
    def test_spellings_of_one_vin_meet(self, text):
        assert vin.normalise(text) == "1M8GDM9AXKP042788"

    @given(vins)
    def test_a_vin_is_its_own_normal_form(self, text):
        assert vin.normalise(text) == text
        assert vin.normalise(text.lower()) == text

    @given(st.text())
    def test_any_text_gives_a_vin_or_a_reason_without_the_text(self, text):
        try:
            found, message = vin.normalise(text), ""
        except VinError as error:
            found, message = "", str(error)
        assert len(found) == (0 if message else 17)
        assert set(found) <= set(vin.ALPHABET)
        assert len(text) < 9 or text not in message

    @pytest.mark.parametrize(
        ("text", "reason", "position"),
        [
            ("", VinReason.EMPTY, None),
            (" - ", VinReason.EMPTY, None),
            ("1M8GDM9AXKP04278", VinReason.LENGTH, None),
            ("1M8GDM9AXKP0427888", VinReason.LENGTH, None),
            ("2G12345678901", VinReason.PRE_1981, None),
            ("1M8GDM9AXKP04", VinReason.PRE_1981, None),
            ("IM8GDM9AXKP042788", VinReason.CHARACTER, 1),
            ("1M8GDM9AXKPO42788", VinReason.CHARACTER, 12),
            ("1M8GDM9AXKP04278Q", VinReason.CHARACTER, 17),
            ("1M8GDM9A京KP042788", VinReason.CHARACTER, 9),
            ("1M8GDM9A\x00KP042788", VinReason.CHARACTER, 9),
        ],
    )
    def test_bad_text_is_refused_with_reason_and_position(self, text, reason, position):
        error = reason_of(text)
        assert (error.reason, error.position) == (reason, position)


class TestCheckDigit:
    @pytest.mark.parametrize("text", KNOWN)
    def test_known_vins_hold(self, text):
        assert vin.check_digit_holds(text)

    @given(vins)
    def test_agrees_with_the_written_rule(self, text):
        values = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", [*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True))
        weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
        total = sum(w * (values[c] if c in values else int(c)) for w, c in zip(weights, text, strict=True))
        assert vin.check_digit(text) == ("X" if total % 11 == 10 else str(total % 11))

    @given(vins, st.integers(0, 16).filter(lambda index: index != 8), st.sampled_from("0123456789"))
    def test_one_wrong_digit_is_always_seen(self, text, index, other):
        right = text[:8] + vin.check_digit(text) + text[9:]
        wrong = right[:index] + other + right[index + 1 :]
        if right[index].isdigit() and right != wrong:
            assert not vin.check_digit_holds(wrong)


class TestMarket:
    @pytest.mark.parametrize("market", ["US", "CA", "CN", "cn"])
    def test_law_refuses_a_wrong_check_digit(self, market):
        error = reason_of("1M8GDM9A1KP042788", market)
        assert (error.reason, error.position) == (VinReason.CHECK_DIGIT, 9)

    @pytest.mark.parametrize("market", [None, "DE", "FR", "GB", "JP"])
    def test_elsewhere_it_is_accepted_and_told(self, market):
        assert vin.validate("1M8GDM9A1KP042788", market).check_holds is False

    def test_before_the_law_was_in_force_it_did_not_bind(self):
        assert vin.validate("1M8GDM9A1KP042788", "CN", date(1996, 12, 31)).value
        assert reason_of("1M8GDM9A1KP042788", "CN", date(1997, 1, 1)).reason is VinReason.CHECK_DIGIT

    def test_year_code_is_judged_where_law_asks(self):
        text = "LSVAA4187" + "0" + "2123456"
        text = text[:8] + vin.check_digit(text) + text[9:]
        assert (reason_of(text, "CN").reason, reason_of(text, "CN").position) == (VinReason.MODEL_YEAR_CODE, 10)
        assert vin.validate(text, "DE").year_code == "0"

    def test_every_rule_names_its_source(self):
        assert all(vin.market(code).source for code in ("US", "CA", "CN", "DE"))


class TestParts:
    def test_parts_lie_where_the_standard_says(self):
        found = vin.validate("1M8GDM9AXKP042788")
        assert (found.wmi, found.descriptor, found.year_code, found.plant, found.serial) == (
            "1M8",
            "GDM9A",
            "K",
            "P",
            "042788",
        )

    def test_a_small_maker_is_told_by_positions_12_to_14(self):
        found = vin.validate("1J9RP1A36A1644345")
        assert (found.wmi, found.serial) == ("1J9644", "345")


class TestModelYear:
    @pytest.mark.parametrize(
        ("text", "as_of", "candidates", "likely"),
        [
            ("1M8GDM9AXKP042788", 2026, (2019, 1989), 1989),
            ("1G4AH5AH4LG118341", 2026, (2020, 1990), 2020),
            ("1G4AH59H45G118341", 2026, (2005,), 2005),
            ("LSVAA4187N2123456", 2026, (2022, 1992), None),
            ("LSVAA4187T2123456", 2025, (2026, 1996), None),
            ("LSVAA4187V2123456", 2025, (1997,), 1997),
            ("LSVAA418702123456", 2026, (), None),
            ("WDBAA4187Z2123456", 2026, (), None),
            ("LSVAA418712123456", 2031, (2031, 2001), None),
            ("LSVAA418792123456", 2026, (2009,), 2009),
        ],
    )
    def test_candidates_and_hint(self, text, as_of, candidates, likely):
        found = vin.model_year(text, as_of)
        assert (found.candidates, found.likely) == (candidates, likely)

    @given(vins, st.integers(1990, 2060))
    def test_candidates_are_a_cycle_apart_and_never_in_the_far_future(self, text, as_of):
        found = vin.model_year(text, as_of).candidates
        assert all(1980 <= year <= as_of + 1 for year in found)
        assert all(later - earlier == 30 for later, earlier in pairwise(found))


class TestNearMisses:
    @given(vins)
    def test_candidates_hold_and_differ_by_one_slip(self, text):
        for candidate in vin.near_misses(text):
            wrong = [index for index in range(17) if candidate[index] != text[index]]
            assert vin.check_digit_holds(candidate)
            assert len(wrong) == 1 or (
                len(wrong) == 2
                and wrong[1] == wrong[0] + 1
                and candidate[wrong[0]] == text[wrong[1]]
                and candidate[wrong[1]] == text[wrong[0]]
            )

    @given(vins, st.integers(0, 16), st.sampled_from(vin.ALPHABET))
    def test_the_right_vin_is_among_them(self, text, index, other):
        right = text[:8] + vin.check_digit(text) + text[9:]
        wrong = right[:index] + other + right[index + 1 :]
        if wrong != right:
            assert right in list(vin.near_misses(wrong))

    def test_forbidden_letters_are_repaired_first(self):
        assert next(vin.near_misses("IM8GDM9AXKPO42788")) == "1M8GDM9AXKP042788"

    def test_each_is_given_once(self):
        found = list(vin.near_misses("1M8GDM9A1KP042788"))
        assert len(found) == len(set(found)) > 10

    def test_another_length_has_none(self):
        assert list(vin.near_misses("1M8GDM9AXKP04278")) == []


@pytest.mark.data
class TestRealVins:
    @pytest.fixture(scope="class")
    def listings(self, real_data):
        with (real_data / "vin" / "usa_cars_2499_vins.csv").open(encoding="utf-8") as lines:
            return list(csv.DictReader(lines))

    def test_2498_pass_and_the_old_one_is_told_apart(self, listings):
        reasons = []
        for row in listings:
            try:
                vin.validate(row["vin"], "US")
            except VinError as error:
                reasons.append(error.reason)
        assert len(listings) == 2499
        assert reasons == [VinReason.PRE_1981]

    def test_the_hinted_year_is_the_listed_one_or_next_to_it(self, listings):
        rows = [
            (vin.model_year(vin.normalise(row["vin"]), 2020), int(row["year"]))
            for row in listings
            if len(row["vin"].strip()) == 17
        ]
        told = [(found.likely, year) for found, year in rows if found.likely]
        close = sum(abs(likely - year) <= 1 for likely, year in told)
        assert len(told) > 2000
        assert close / len(told) > 0.98
