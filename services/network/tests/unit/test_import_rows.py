from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.network.v1 import network_import_service_pb2 as api
from marque_network.mapping.import_rows import read_dealer, read_staff
from marque_network.rules.readings import items

texts = st.text(max_size=40)


class TestReadDealer:
    @pytest.mark.parametrize(
        ("text", "kinds"),
        [
            ("sales", [1]),
            ("SALES; Service", [1, 2]),
            ("body repair；used-cars、sales", [1, 3, 4]),
            ("Body_Repair,body repair", [3]),
            (" ; ", None),
        ],
    )
    def test_kinds_are_read_as_people_write_them(self, text: str, kinds: list[int] | None) -> None:
        reading = read_dealer(api.DealerImportRow(code="A1", kinds=text))
        assert reading.values.get("kinds") == kinds
        assert not reading.wrong

    def test_zero_degrees_say_something_and_absence_nothing(self) -> None:
        assert read_dealer(api.DealerImportRow(code="A1", latitude=0, longitude=0)).values["latitude"] == 0.0
        assert read_dealer(api.DealerImportRow(code="A1")).values == {}

    @given(texts, texts, texts, texts, texts, texts)
    def test_no_text_breaks_it_and_none_is_repeated(
        self, code: str, kinds: str, country: str, phone: str, email: str, zone: str
    ) -> None:
        row = api.DealerImportRow(
            code=code, kinds=kinds, country_code=country[:2], phone=phone, email=email, time_zone=zone
        )
        reading = read_dealer(row)
        marked = read_dealer(api.DealerImportRow(code="A1", phone="Zz☎Zz", email="Zz☎Zz", time_zone="Zz☎Zz"))
        assert all("☎" not in one.description for one in marked.wrong)
        assert {one.field for one in reading.wrong} <= {"code", "kinds", "country_code", "phone", "email", "time_zone"}


class TestReadStaff:
    def test_phones_are_read_in_the_employers_country(self) -> None:
        row = api.StaffImportRow(employee_number="1", phone="030 901820", roles="oem.agent", full_name="A")
        assert read_staff(row, "DE").values["phone"] == "+4930901820"

    @given(texts, texts, texts, texts, texts)
    def test_no_text_breaks_it(self, number: str, family: str, roles: str, languages: str, status: str) -> None:
        reading = read_staff(
            api.StaffImportRow(
                employee_number=number, family_name=family, roles=roles, languages=languages, status=status
            ),
            "",
        )
        assert reading.key.startswith("/")


class TestItems:
    @given(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True)))
    def test_each_part_comes_once_in_order(self, parts: list[str]) -> None:
        assert items(" ; ".join(parts)) == list(dict.fromkeys(parts))
