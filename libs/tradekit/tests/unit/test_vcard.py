"""Cards as real programs write them, in every version and form; what is broken or hostile gives cards or one clear refusal."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tradekit import vcard

REAL = Path(os.environ.get("MARQUE_DATA", Path(__file__).parents[5] / "shared" / "data")) / "vcard"
SOFT = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=8E=\r\n=8B;=E4=BC=9F;;;\r\n"
    b"TEL;CELL;PREF:13800000000\r\nTEL;WORK;FAX:02100000000\r\nEND:VCARD\r\n"
)
DEEP = b"[" * 100_000
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><vcards><vcard><fn><text>&a;</text></fn></vcard></vcards>'
)


def one(text):
    (found,) = vcard.read(text if isinstance(text, bytes) else text.encode())
    return found


class TestRead:
    def test_quoted_printable_goes_on_in_the_next_line(self):
        card = one(SOFT)
        assert (card.family_name, card.given_name) == ("王", "伟")
        assert (card.phones, card.faxes) == (("13800000000",), ("02100000000",))

    def test_folded_lines_groups_and_escapes_are_undone(self):
        card = one(
            "BEGIN:VCARD\nVERSION:3.0\nitem1.ORG:Lin\\, Wang\n  & Co;Sales\nNOTE:a\\nb\\;c\n"
            "ADR;TYPE=WORK:;;1 Road;Shanghai;;200000;CN\nEND:VCARD"
        )
        assert card.organisation == "Lin, Wang & Co"
        assert card.note == "a\nb;c"
        assert (card.lines, card.city, card.postal_code, card.country) == (("1 Road",), "Shanghai", "200000", "CN")

    def test_chinese_bytes_without_a_word_of_their_encoding_are_read(self):
        assert one("BEGIN:VCARD\nVERSION:2.1\nFN:王秀英\nEND:VCARD".encode("gb18030")).full_name == "王秀英"

    def test_a_colon_in_quotation_marks_does_not_end_the_parameters(self):
        assert one('BEGIN:VCARD\nTEL;X="a:b;c";TYPE=cell:+8613800000000\nEND:VCARD').phones == ("+8613800000000",)

    def test_without_a_uid_the_key_is_of_what_is_said_but_not_of_when(self):
        first, second, third = (
            one(f"BEGIN:VCARD\nFN:Lin\nREV:{day}\nTEL:{tel}\nEND:VCARD") for day, tel in ((1, 5), (2, 5), (2, 6))
        )
        assert first.key == second.key != third.key

    def test_many_cards_keep_their_order(self):
        document = "".join(f"BEGIN:VCARD\nFN:P{number}\nEND:VCARD\n" for number in range(5))
        assert [(card.number, card.full_name) for card in vcard.read(document.encode())] == [
            (number + 1, f"P{number}") for number in range(5)
        ]

    def test_json_and_xml_say_the_same(self):
        as_json = [
            "vcard",
            [
                ["fn", {}, "text", "Lin"],
                ["tel", {"type": ["fax"]}, "uri", "tel:+8621"],
                ["bday", {}, "date", "--02-03"],
            ],
        ]
        as_xml = (
            '<vcards xmlns="urn:ietf:params:xml:ns:vcard-4.0"><vcard><fn><text>Lin</text></fn><tel><parameters><type><text>fax</text>'
            "</type></parameters><uri>tel:+8621</uri></tel><bday><date>--0203</date></bday></vcard></vcards>"
        )
        found = [one(json.dumps(as_json)), one(as_xml)]
        assert [(card.full_name, card.faxes, card.birth) for card in found] == [("Lin", ("+8621",), (0, 2, 3))] * 2

    @pytest.mark.skipif(not REAL.is_dir(), reason=f"the real cards are not at {REAL}")
    @pytest.mark.parametrize("name", [one.name for one in sorted(REAL.glob("*.*"))] if REAL.is_dir() else [])
    def test_every_real_card_tells_who_it_is_and_how_to_reach_them(self, name):
        for card in vcard.read((REAL / name).read_bytes()):
            assert card.emails or card.phones
            assert card.full_name or card.family_name or card.organisation or name == "John_Doe_ANDROID.vcf"

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (b"", "CARDS_UNREADABLE"),
            (b"hello", "CARDS_UNREADABLE"),
            (DEEP, "CARDS_UNREADABLE"),
            (b"[1, 2", "CARDS_UNREADABLE"),
            (b'["vcard", 5]', "CARDS_UNREADABLE"),
            (b"<vcards><vcard>", "CARDS_UNREADABLE"),
            (BOMB, "CARDS_FORBIDDEN"),
            (BOMB.decode().encode("utf-16"), "CARDS_FORBIDDEN"),
            (b"x" * (vcard.LARGEST + 1), "CARDS_TOO_LARGE"),
            (b"BEGIN:VCARD\nFN:x\nEND:VCARD\n" * 201, "CARDS_TOO_LARGE"),
        ],
        ids=lambda value: value if isinstance(value, str) else f"{len(value)}-{bytes(value[:8])!r}",
    )
    def test_what_is_no_card_or_hostile_is_refused(self, document, reason):
        with pytest.raises(vcard.VcardError) as refused:
            vcard.read(document)
        assert refused.value.reason.value == reason

    @given(
        st.one_of(
            st.binary(max_size=300), st.text(max_size=300).map(lambda text: f"BEGIN:VCARD\n{text}\nEND:VCARD".encode())
        )
    )
    def test_anything_gives_cards_or_a_refusal(self, document):
        try:
            cards = vcard.read(document)
        except vcard.VcardError:
            return
        assert all(len(card.full_name) <= 200 for card in cards)
