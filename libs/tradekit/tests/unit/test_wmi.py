import csv

import pytest
from tradekit import vin, wmi


class TestMaker:
    @pytest.mark.parametrize(
        ("text", "make"),
        [
            ("LSVAA418712123456", "Volkswagen"),
            ("LRWAA418712123456", "Tesla"),
            ("LSGAA418712123456", "Buick"),
            ("LGXAA418712123456", "BYD"),
            ("JTEZU11F88K007763", "Toyota"),
            ("1FTFW1ET4EFC23745", "Ford"),
        ],
    )
    def test_main_make_is_known(self, text, make):
        found = wmi.maker(text)
        assert found is not None
        assert found.makes[0] == make

    def test_own_table_says_how_sure_it_is(self):
        assert wmi.by_code("LSV").confidence == "high"
        assert wmi.by_code("1FT").confidence == "official"

    def test_a_small_maker_is_not_guessed_from_three_characters(self):
        assert wmi.maker("1Z9AA418712ZZZ456") is None

    def test_a_small_maker_is_found_by_six(self):
        code = next(code for code in wmi._makers() if len(code) == 6)
        assert wmi.maker(f"{code[:3]}AA418712{code[3:]}456").wmi == code

    def test_unknown_is_none(self):
        assert wmi.maker("ZZZAA418712123456") is None

    def test_every_row_has_a_make_and_a_code_a_vin_can_hold(self):
        for code, found in wmi._makers().items():
            assert len(code) in (3, 6)
            assert set(code) <= set(vin.ALPHABET + "IOQ")
            assert all(found.makes)

    @pytest.mark.data
    def test_every_listed_car_has_a_maker(self, real_data):
        with (real_data / "vin" / "usa_cars_2499_vins.csv").open(encoding="utf-8") as lines:
            vins = [row["vin"].strip().upper() for row in csv.DictReader(lines)]
        assert [text for text in vins if len(text) == 17 and wmi.maker(text) is None] == []
