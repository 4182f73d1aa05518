"""Letters: addresses by the country's custom, rows that read back as they were, codes that tell a misreading."""

from __future__ import annotations

import csv
import io
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import letters
from marque_campaign.rules.codes import ALPHABET
from marque_campaign.rules.letters import Postal
from marque_campaign.rules.templates import Message

SEND, CAMPAIGN = uuid.UUID("0198c0de-0000-7000-8000-000000000001"), uuid.UUID("0198c0de-0000-7000-8000-0000000000aa")


def postal(country: str, province: str, city: str, district: str, *lines: str, code: str = "") -> Postal:
    return Postal(country, province, city, district, lines, code)


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (postal("CN", "上海市", "上海市", "黄浦区", "南京东路1号", code="200001"), ["上海市黄浦区", "南京东路1号"]),
        (
            postal("DE", "Bayern", "München", "", "Marienplatz 8", code="80331"),
            ["Marienplatz 8", "80331 München", "Bayern"],
        ),
        (
            postal("US", "OH", "Dayton", "", "1 Main St", "Apt 4", code="45402"),
            ["1 Main St", "Apt 4", "Dayton, OH 45402"],
        ),
        (postal("GB", "", "London", "Soho", "1 Dean St", code="W1D 3RB"), ["1 Dean St", "Soho", "London", "W1D 3RB"]),
        (postal("", "", "Graz", "", "Ring 1", code="8010"), ["Ring 1", "8010 Graz"]),
    ],
)
def test_an_address_is_written_as_its_country_does(address: Postal, lines: list[str]) -> None:
    assert letters.address_lines(address) == lines
    assert address.is_complete


@pytest.mark.parametrize("address", [postal("CN", "", "上海市", ""), postal("CN", "", "", "", "南京东路1号")])
def test_without_a_street_or_a_place_no_letter_arrives(address: Postal) -> None:
    assert not address.is_complete


WORDS = st.text(max_size=30)


@given(
    st.builds(Postal, WORDS, WORDS, WORDS, WORDS, st.lists(WORDS, max_size=5).map(tuple), WORDS), WORDS, WORDS, WORDS
)
def test_every_row_reads_back_as_one_row_whatever_people_are_called(
    address: Postal, name: str, subject: str, text: str
) -> None:
    row = letters.row(SEND, CAMPAIGN, name, address, Message("en", subject, text))
    table = list(csv.reader(io.StringIO((letters.heading(mark=False) + row).decode(), newline="")))

    assert len(table) == 2
    found = dict(zip(table[0], table[1], strict=True))
    assert found["subject"] == subject
    assert found["body"] == text.replace("\r\n", "\n").replace("\r", "\n")
    assert not any(found[one][:1] in "=+-@" for one in ("name", "address_1", "postal_code") if found[one])
    assert letters.read_row(row) == {one: value for one, value in found.items() if value}


@given(st.uuids())
def test_a_letter_is_known_by_its_id_and_by_its_return_code(send_id: uuid.UUID) -> None:
    code = letters.return_code(send_id)

    assert letters.letter_of(code) == letters.letter_of(code.lower().replace("-", " ")) == send_id
    assert letters.letter_of(str(send_id)) == letters.letter_of(str(send_id).upper()) == send_id


@given(st.uuids(), st.integers(0, 28), st.sampled_from(ALPHABET))
def test_a_character_that_was_misread_is_told(send_id: uuid.UUID, place: int, other: str) -> None:
    code = letters.return_code(send_id).replace("-", "")
    wrong = code[:place] + other + code[place + 1 :]
    swapped = code[: place - 1] + code[place] + code[place - 1] + code[place + 1 :] if 0 < place < 28 else code

    for one in (wrong, swapped):
        assert one == code or letters.letter_of(one) is None


@pytest.mark.parametrize("text", ["", "0", "x" * 32, "Z" * 29, "Y" * 29, str(SEND) + "0"])
def test_what_is_neither_is_nobody(text: str) -> None:
    assert letters.letter_of(text) is None
