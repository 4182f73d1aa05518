import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradekit import email, names, phone, plate, search
from tradekit.search import QueryKind


def matches(document, query):
    """The predicate of the module's docstring, in Python."""
    if query.is_empty:
        return False
    like = [re.escape(re.sub(r"\\(.)", r"\1", pattern[1:-1])) for pattern in query.patterns]
    return set(query.tokens) <= set(document.tokens) and all(re.search(part, document.text) for part in like)


@pytest.fixture(scope="module")
def owner():
    return search.document(
        names=[names.of_full("歐陽建國"), names.of_parts("Conan", "O'Brien-Müller")],
        phones=[phone.normalise("13800138000"), phone.normalise("010-62345678"), phone.normalise("+1 212 555 1234")],
        plates=[plate.normalise("沪A·D12345"), plate.normalise("京B 98765")],
        vins=["JTEZU11F88K007763"],
        emails=[email.normalise("Li.Wei_88@Gmail.com")],
    )


class TestFinding:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("欧阳建国", QueryKind.HAN),
            ("建国", QueryKind.HAN),
            ("建國", QueryKind.HAN),
            ("欧阳", QueryKind.HAN),
            ("歐", QueryKind.HAN),
            ("ouyang", QueryKind.LATIN),
            ("OuYangJianGuo", QueryKind.LATIN),
            ("jianguo ouyang", QueryKind.LATIN),
            ("ou yang", QueryKind.LATIN),
            ("oyjg", QueryKind.LATIN),
            ("obrien", QueryKind.LATIN),
            ("O’Brien", QueryKind.LATIN),
            ("muller", QueryKind.LATIN),
            ("Müll", QueryKind.LATIN),
            ("13800138000", QueryKind.PHONE),
            ("138 0013 8000", QueryKind.PHONE),
            ("+86 138-0013-8000", QueryKind.PHONE),
            ("１３８００１３８０００", QueryKind.PHONE),
            ("8000", QueryKind.PHONE),
            ("0013800", QueryKind.PHONE),
            ("138", QueryKind.PHONE),
            ("010-62345678", QueryKind.PHONE),
            ("62345678", QueryKind.PHONE),
            ("2125551234", QueryKind.PHONE),
            ("(212) 555-1234", QueryKind.PHONE),
            ("jtezu11f88k007763", QueryKind.VIN),
            ("JTEZU 11F8 8K00 7763", QueryKind.VIN),
            ("88K007763", QueryKind.PLATE),
            ("8K007763", QueryKind.VIN),
            ("007763", QueryKind.PHONE),
            ("7763", QueryKind.PHONE),
            ("JTEZU11", QueryKind.PLATE),
            ("沪AD12345", QueryKind.PLATE),
            ("滬A·D12345", QueryKind.PLATE),
            ("AD12345", QueryKind.PLATE),
            ("D12345", QueryKind.VIN),
            ("沪AD123", QueryKind.PLATE),
            ("京B98765", QueryKind.PLATE),
            ("B98765", QueryKind.VIN),
            ("98765", QueryKind.PHONE),
            ("li.wei_88@gmail.com", QueryKind.EMAIL),
            ("liwei88", None),
            ("wei_88@gm", QueryKind.EMAIL),
            ("欧阳 8000", QueryKind.PHONE),
            ("建国 obrien 98765", QueryKind.PHONE),
        ],
    )
    def test_what_people_type_finds_the_owner(self, owner, text, kind):
        query = search.query(text)
        assert matches(owner, query) is (kind is not None)
        assert kind is None or query.kind is kind

    @pytest.mark.parametrize(
        "text",
        [
            "国建",
            "13800138001",
            "8001",
            "zhang",
            "JTEZU11F88K007764",
            "京B98766",
            "x@gmail.com",
            "欧阳 9999",
            "%",
            "___",
        ],
    )
    def test_what_is_not_his_does_not(self, owner, text):
        assert not matches(owner, search.query(text))

    def test_a_family_name_of_one_character_is_found(self):
        document = search.document(names=[names.of_full("张伟")])
        assert matches(document, search.query("张"))
        assert not matches(document, search.query("伟"))
        assert matches(document, search.query("zw"))
        assert matches(document, search.query("zhang wei"))

    @given(st.lists(st.sampled_from("王欧阳建国伟芳娜"), min_size=2, max_size=5).map("".join), st.data())
    def test_any_part_of_two_han_characters_is_found(self, name, data):
        start = data.draw(st.integers(0, len(name) - 2))
        end = data.draw(st.integers(start + 2, len(name)))
        assert matches(search.document(names=[names.of_full(name)]), search.query(name[start:end]))

    @given(st.from_regex(r"1(38|59|86)[0-9]{8}", fullmatch=True), st.integers(0, 8), st.integers(3, 11))
    def test_any_part_of_a_mobile_is_found_save_four_digits_inside(self, digits, start, length):
        part = digits[start : start + length]
        document = search.document(phones=[phone.normalise(digits)])
        if len(part) >= 3 and (len(part) != 4 or digits.endswith(part)):
            assert matches(document, search.query(part))


class TestQuery:
    @given(st.text(max_size=300))
    def test_any_text_gives_a_query(self, text):
        query = search.query(text)
        assert all(
            pattern[0] == pattern[-1] == "%" and len(pattern) >= 5 for pattern in query.patterns if "@" not in pattern
        )
        # Only ASCII: the folded case of some scripts (Cherokee) is the upper one.
        assert all(token == token.lower() for token in query.tokens if token.isascii())

    @pytest.mark.parametrize("text", ["", "   ", "·", "!!!"])
    def test_nothing_to_search_by_is_empty(self, text):
        assert search.query(text).is_empty

    def test_like_characters_are_escaped(self):
        assert search.like(r"a%b_c\d") == r"%a\%b\_c\\d%"

    def test_long_text_is_cut(self):
        assert len(search.query("ab " * 10_000).tokens) == 1
        assert len(search.query(" ".join(f"word{n}x{'y' * n}" for n in range(50))).patterns) <= search.MAX_WORDS


class TestDocument:
    def test_text_is_lower_case_and_tokens_are_sorted_and_single(self, owner):
        assert owner.text == owner.text.lower()
        assert owner.tokens == sorted(set(owner.tokens))

    def test_nothing_gives_nothing(self):
        assert search.document() == search.SearchDocument("", [])
