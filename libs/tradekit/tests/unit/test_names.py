import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tradekit import han, names
from tradekit.names import PersonName, Script

han_text = st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=5)


class TestOfFull:
    @pytest.mark.parametrize(
        ("text", "given_name", "family", "full", "script"),
        [
            ("王伟", "伟", "王", "王伟", Script.HAN),
            ("欧阳娜娜", "娜娜", "欧阳", "欧阳娜娜", Script.HAN),
            ("歐陽娜娜", "娜娜", "歐陽", "歐陽娜娜", Script.HAN),
            ("欧阳", "阳", "欧", "欧阳", Script.HAN),
            ("司马懿", "懿", "司马", "司马懿", Script.HAN),
            ("爱新觉罗溥仪", "溥仪", "爱新觉罗", "爱新觉罗溥仪", Script.HAN),
            ("欧阳 修", "修", "欧阳", "欧阳修", Script.HAN),
            ("王", "", "王", "王", Script.HAN),
            ("约翰·史密斯", "约翰", "史密斯", "约翰·史密斯", Script.HAN),
            ("John Smith", "John", "Smith", "John Smith", Script.LATIN),
            ("  John   Smith ", "John", "Smith", "John Smith", Script.LATIN),
            ("Smith, John", "John", "Smith", "John Smith", Script.LATIN),
            ("Jan van der Berg", "Jan", "van der Berg", "Jan van der Berg", Script.LATIN),
            ("Van Morrison", "Van", "Morrison", "Van Morrison", Script.LATIN),
            ("José", "José", "", "José", Script.LATIN),
            ("Ｊｏｈｎ\u200b Smith", "John", "Smith", "John Smith", Script.LATIN),
            ("Peter 王", "Peter", "王", "Peter 王", Script.MIXED),
            ("", "", "", "", Script.OTHER),
            ("Иван Петров", "Иван", "Петров", "Иван Петров", Script.OTHER),
        ],
    )
    def test_parts_are_split(self, text, given_name, family, full, script):
        assert names.of_full(text) == PersonName(given_name, family, full, script)

    @given(st.text(max_size=30))
    def test_any_text_is_a_name(self, text):
        found = names.of_full(text)
        assert found.full == found.full.strip()
        names.search_keys(found)

    @given(han_text)
    def test_han_parts_make_the_whole(self, text):
        found = names.of_full(text)
        assert found.family + found.given == found.full == text
        assert names.of_parts(found.given, found.family).full == text


class TestOfParts:
    def test_display_order_follows_the_script(self):
        assert names.of_parts("伟", "王").full == "王伟"
        assert names.of_parts("Wei", "Wang").full == "Wei Wang"
        assert names.of_parts("", "Wang").full == "Wang"


class TestSearchKeys:
    @pytest.mark.parametrize(
        ("text", "pinyin", "initials"),
        [
            ("张伟", ("zhangwei",), ("zw",)),
            ("單雄信", ("shanxiongxin",), ("sxx",)),
            ("曾国藩", ("zengguofan",), ("zgf",)),
            ("解晓东", ("xiexiaodong",), ("xxd",)),
            ("尉迟恭", ("yuchigong",), ("ycg",)),
            ("覃海洋", ("qinhaiyang", "tanhaiyang"), ("qhy", "thy")),
            ("吕布", ("lvbu", "lyubu", "lubu"), ("lb",)),
            ("任重", ("renzhong",), ("rz",)),
        ],
    )
    def test_surnames_have_their_own_readings(self, text, pinyin, initials):
        found = names.search_keys(names.of_full(text))
        assert found.pinyin == pinyin
        assert found.initials == initials

    def test_traditional_and_simplified_meet(self):
        one, other = (names.search_keys(names.of_full(text)) for text in ("歐陽建國", "欧阳建国"))
        assert one == other
        assert one.bigrams == ("欧阳", "阳建", "建国")

    def test_a_middle_dot_may_be_left_out(self):
        assert {"约翰", "翰史", "史密"} <= set(names.search_keys(names.of_full("约翰·史密斯")).bigrams)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("José Ångström", ("jose", "angstrom")),
            ("Jürgen Groß", ("jurgen", "gross")),
            ("Søren Łukasz", ("soren", "lukasz")),
            ("Conan O’Brien", ("conan", "obrien")),
            ("ＪＯＨＮ", ("john",)),
        ],
    )
    def test_latin_words_lose_case_width_and_accents(self, text, words):
        assert names.search_keys(names.of_full(text)).words == words

    @given(han_text)
    def test_pinyin_is_ascii_and_initials_fit(self, text):
        found = names.search_keys(names.of_full(text))
        assert (
            all(letter.isascii() or not han.syllables(text) for letter in found.initials[:1])
            or not found.initials[0].isascii()
        )
        assert all(len(initial) == len(text) for initial in found.initials)

    @given(st.text(max_size=20))
    def test_folding_ignores_case_and_space(self, text):
        assert names.fold(f" {text} ") == names.fold(text)
        if text.isascii():
            assert names.fold(text.upper()) == names.fold(text.lower())


class TestShorterWay:
    @given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=6))
    @example("欧阳娜娜")
    @example("吕布")
    @example("单雄信")
    @example("王王王王")
    @example("踩薴迮")
    def test_plain_han_name_has_the_keys_of_any_other_name(self, text):
        name = names.of_full(text)
        plain = names.drop_apostrophes(names.fold(name.full))
        longer = names._han_keys(plain, (), names._readings(name), names._bigrams(plain), names.fold(name.family))
        assert names.search_keys(name) == longer


class TestHan:
    @given(han_text, han_text)
    @example("乾", "坤")
    @example("薴", "")
    def test_part_of_a_name_is_simplified_as_in_the_whole(self, one, other):
        assert han.simplify(one + other) == han.simplify(one) + han.simplify(other)
        assert han.simplify(han.simplify(one)) == han.simplify(one)

    @given(han_text)
    def test_bigrams_cover_neighbours_once(self, text):
        simple = han.simplify(text)
        assert list(han.bigrams(text)) == list(dict.fromkeys(simple[i : i + 2] for i in range(len(simple) - 1)))

    def test_other_script_parts_runs(self):
        assert han.bigrams("王a伟小b") == ("伟小",)
