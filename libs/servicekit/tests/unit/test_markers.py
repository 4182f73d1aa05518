"""A scan that finds nothing proves nothing unless it finds what is there: markers in every form they may be brought to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from pypinyin import lazy_pinyin
from servicekit import contract
from servicekit.testing.markers.planting import leaves, planted, together
from servicekit.testing.markers.words import Markers, found_in, unique

BROUGHT: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda text: text.encode(),
    "lower case": lambda text: text.lower().encode(),
    "upper case": lambda text: text.upper().encode(),
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "a path": lambda text: quote(text, safe="").encode(),
    "base64": lambda text: base64.b64encode(b"before" + text.encode() + b"after"),
    "base64, one later": lambda text: base64.b64encode(b"before." + text.encode() + b"after"),
    "base64, two later": lambda text: base64.b64encode(b"before.." + text.encode() + b"after"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"x" + text.encode()),
    "hex": lambda text: text.encode().hex().encode(),
    "GB18030": lambda text: text.encode("gb18030"),
    "protobuf": lambda text: b"\x0a" + bytes([len(text.encode())]) + text.encode() + b"\x10\x01",
}


@pytest.mark.parametrize("form", BROUGHT)
class TestFound:
    def test_a_text(self, form: str) -> None:
        markers = Markers()
        assert found_in("log", b"{" + BROUGHT[form](markers.text("a note")) + b"}", markers)

    def test_a_phone(self, form: str) -> None:
        markers = Markers()
        if form in ("hex", "GB18030"):
            return
        phone = markers.phone("a phone").replace(" ", "")
        assert found_in("log", b"{" + BROUGHT[form](phone) + b"}", markers)


class TestMarkers:
    def test_where_it_was_planted_is_told(self) -> None:
        markers = Markers()
        text, phone = markers.text("the note"), markers.phone("the phone")
        assert "planted at the note" in found_in("log", text.encode(), markers)[0]
        for written in (phone, phone.replace(" ", ""), phone.replace(" ", "-"), phone[-9:].replace(" ", "")):
            assert "planted at the phone" in found_in("log", f"call {written}.".encode(), markers)[0]

    def test_a_romanised_name_is_found(self) -> None:
        spoken = lazy_pinyin("龘靐齉爩")
        for written in ("".join(spoken), " ".join(spoken).title()):
            assert found_in("log", written.encode(), Markers())

    def test_what_nobody_planted_is_not_found(self) -> None:
        markers = Markers()
        markers.phone("a phone")
        harmless = b'{"trace_id": "13977140000000000000000000000000", "count": 77140000, "time": 1397714123456789}'
        assert found_in("log", harmless.replace(b"0000", b"9999"), markers) == []

    def test_one_line_is_told_for_each_place(self) -> None:
        markers = Markers()
        text = markers.word("a word").encode()
        assert len(unique(found_in("log", text + b" " + text, markers))) == 1


class TestPlanting:
    def test_every_field_of_the_contract_that_holds_a_person_is_planted(self) -> None:
        method = contract.methods("marque.customer.v1.CustomerService")["CreateCustomer"]
        personal = {leaf.name for leaf in leaves(method.input.DESCRIPTOR) if leaf.personal}
        assert personal >= {"customer.name.full_name", "customer.contact_points.value", "customer.occupation"}

    def test_the_mask_of_a_change_names_what_is_planted(self) -> None:
        method = contract.methods("marque.customer.v1.CustomerService")["UpdateCustomer"]
        base = {"customer": {"customer_id": "x", "etag": "stale"}, "update_mask": "language"}
        masks = {leaf.name: request["update_mask"] for leaf, request in planted(method, lambda: base, Markers())}
        assert masks["customer.name.given_name"] == "name"
        assert masks["customer.occupation"] == "occupation"
        assert base["customer"]["etag"] == "stale", "the fixture was changed"

    def test_one_request_holds_every_personal_field_that_can_carry_a_marker(self) -> None:
        method = contract.methods("marque.customer.v1.CustomerService")["CreateCustomer"]
        asked, request = together(method, lambda: {"customer": {"kind": 1}}, Markers(), ("customer.addresses.",))
        names = {leaf.name for leaf in asked}
        assert names >= {"customer.name.given_name", "customer.contact_points.label", "customer.occupation"}
        assert not any(name.startswith("customer.addresses.") or name.endswith("_id") for name in names)
        (point,) = request["customer"]["contact_points"]
        assert {"kind", "provider", "value", "label"} <= set(point)
