"""Names, firms, addresses, numbers: what two spellings of one thing have in common once they are prepared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_customer.linking import people, prepare, words
from marque_customer.linking.columns import Columns, MappingError, Role, columns_of


def named(full="", family="", given_name=""):
    return people.name(words.clean(family), words.clean(given_name), words.clean(full))


class TestPersonNames:
    @pytest.mark.parametrize(
        "other",
        ["王小明", "王 小明", "WANG Xiaoming", "Xiaoming Wang", "Xiao Ming WANG", "Wang, Xiao-Ming", "Mr. Wang Xiaoming", "王小明先生"],
    )  # fmt: skip
    def test_one_chinese_name_has_one_key_however_it_is_written(self, other):
        assert named(other).key == "wang xiaoming"

    @pytest.mark.parametrize(
        ("one", "other"),
        [("欧阳娜娜", "Ouyang Nana"), ("吕建国", "LYU Jianguo"), ("單于海", "单于海"),
            ("José Müller", "jose muller"), ("O'Brien Pat", "O’Brien Pat")],
    )  # fmt: skip
    def test_scripts_and_accents_do_not_part_names(self, one, other):
        assert set(named(one).words) == set(named(other).words)

    def test_parts_and_full_name_say_the_same(self):
        assert named(family="王", given_name="小明")[:2] == named("王小明")[:2] == ("wang", "xiaoming")

    def test_short_forms_meet_in_a_form(self):
        assert set(named("Bob Smith").forms) & set(named("Robert Smith").forms)
        assert not set(named("Bob Smith").forms) & set(named("Mary Smith").forms)

    @pytest.mark.parametrize("title", ["Mr", "Dr.", "Sir", "先生"])
    def test_title_alone_names_nobody(self, title):
        assert named(title).key == ""

    def test_further_names_are_kept_apart(self):
        found = people.name("strong", "edmund", "edmund linwood strong")

        assert (found.family, found.given, found.further) == ("strong", "edmund", ("linwood",))

    @given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
    def test_any_text_gives_words_in_lower_case_latin_or_nothing(self, family, given_name, full):
        found = named(full, family, given_name)

        assert found.words == tuple(sorted(set(found.words)))
        assert all(word for word in found.words)


class TestOrganisations:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Acme Motors Inc.", "ACME Motors, LLC"), ("上海大众汽车有限公司", "上海大众汽车股份有限公司"),
            ("上海大眾汽車", "上海大众汽车有限公司"),
            ("Smith & Sons Ltd", "Smith and Sons"), ("Intl. Trade Ctr", "International Trade Center"), ("Nat'l Assn", "NATL Association"),
        ],
    )  # fmt: skip
    def test_legal_forms_and_abbreviations_make_no_difference(self, one, other):
        assert words.organisation(words.clean(one)) == words.organisation(words.clean(other))

    def test_name_of_nothing_but_a_legal_form_is_kept(self):
        assert words.organisation("group") == ("group",)


class TestAddresses:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("221 E. 51st St.", "221 East 51st Street"), ("文三路12号3室", "文三路 12 号 3"), ("Lange Straße 5", "Lange Str. 5"),
            ("浙江省杭州市西湖区文三路12号", "浙江省 杭州市 西湖区 文三路 12号"),
        ],
    )  # fmt: skip
    def test_spelling_makes_no_difference(self, one, other):
        assert set(words.address(words.clean(one))[0]) == set(words.address(words.clean(other))[0])
        assert words.address(words.clean(one))[1] == words.address(words.clean(other))[1]

    def test_house_numbers_and_numbered_streets_are_told_apart(self):
        assert words.address("2 e 51st st")[1] == ("2",)
        assert words.address("2 e 51st st") != words.address("2 e 52nd st")


class TestNumbers:
    @pytest.mark.parametrize(
        "text", ["13812345678", "+86 138 1234 5678", "0086-138-1234-5678", "１３８１２３４５６７８"]
    )
    def test_phone_is_one_with_and_without_country(self, text):
        assert prepare.phone(text) == "3812345678"

    @pytest.mark.parametrize("text", ["", "-", "0000000", "11111111", "123", "unknown"])
    def test_filler_is_no_phone_and_no_identity(self, text):
        assert prepare.phone(text) == "" or text == "unknown"
        assert prepare.identity("0000") == prepare.identity("") == ""

    @pytest.mark.parametrize(
        ("text", "date"),
        [
            ("1980-02-03", "1980-02-03"), ("19800203", "1980-02-03"), ("1980/2/3", "1980-02-03"), ("3.2.1980", "1980-02-03"),
            ("1980年2月3日", "1980-02-03"),
            ("13/2/1980", "1980-02-13"), ("2/13/1980", "1980-02-13"), ("1861-12-57", "1861-12-57"), ("1980", ""), ("soon", ""),
        ],
    )  # fmt: skip
    def test_dates_are_read_even_with_a_slip(self, text, date):
        assert prepare.birth(words.clean(text)) == date

    def test_mail_is_compared_without_its_tag(self):
        assert prepare.email(" Bob+car@Example.ORG ") == "bob@example.org"
        assert prepare.email("no address") == ""


class TestRecords:
    def test_absent_columns_are_unknown_not_equal(self):
        row = prepare.record({"k": "1", "n": None}, Columns("k", {"n": Role.FULL, "p": Role.PHONE}), 0)

        assert {key for key, value in row.items() if value is not None} == {"rid", "id"}

    @given(st.text(max_size=60))
    def test_any_cell_can_be_read(self, text):
        columns = Columns("k", {role.value: role for role in Role})
        row = prepare.record({"k": "1", **{role.value: text for role in Role}}, columns, 0)

        assert "\x00" not in str(row["name_key"])

    def test_wrong_mapping_is_told_by_name(self):
        with pytest.raises(MappingError, match="no such role: n=nickname"):
            columns_of("k", n="nickname")
        with pytest.raises(MappingError, match="no such column: x"):
            columns_of("k", x="full").check(["k"])
        with pytest.raises(MappingError, match="nothing to compare"):
            columns_of("k").check(["k"])
