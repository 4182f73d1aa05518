"""The archive of a person's data: whole, true to its manifest, the same for the same parts, and harmless to open."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from marque_customer.rules.archive import LANGUAGES, Part, build, page

MOMENT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts, lambda inner: st.lists(inner, max_size=3)
)
records = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["customer.call", "new.kind"]) | texts,
        "record_id": texts,
        "fields": st.dictionaries(texts, values, max_size=4),
    }
)
parts = st.lists(
    st.builds(Part, st.text("abcdef", min_size=1, max_size=8), st.lists(records, max_size=3), st.just(MOMENT)),
    max_size=3,
    unique_by=lambda part: part.service,
)


class Text(HTMLParser):
    """Reads a page as a browser would: which elements there are, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


class TestBuild:
    @given(parts)
    @settings(max_examples=40)
    def test_every_file_is_in_the_manifest_with_its_digest_and_holds_the_records(self, given_parts: list[Part]) -> None:
        files = zipfile.ZipFile(io.BytesIO(build("c", given_parts, MOMENT)))
        manifest = json.loads(files.read("manifest.json"))

        assert set(files.namelist()) == {"manifest.json", *manifest["files"]}
        for name, told in manifest["files"].items():
            content = files.read(name)
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (told["sha256"], told["bytes"])
        for part in given_parts:
            assert json.loads(files.read(f"data/{part.service}.json")) == part.records
            assert manifest["services"][part.service]["records"] == len(part.records)

    @given(parts)
    @settings(max_examples=20)
    def test_the_same_parts_in_any_order_give_the_same_bytes(self, given_parts: list[Part]) -> None:
        assert build("c", given_parts, MOMENT) == build("c", given_parts[::-1], MOMENT)


class TestPage:
    @given(parts)
    @settings(max_examples=40)
    def test_whatever_a_record_holds_is_text_and_never_markup(self, given_parts: list[Part]) -> None:
        for language in LANGUAGES:
            read = Text()
            read.feed(page(given_parts, language, MOMENT))
            assert read.tags <= {
                "html",
                "head",
                "meta",
                "title",
                "style",
                "body",
                "h1",
                "h2",
                "p",
                "table",
                "tr",
                "th",
                "td",
            }

    def test_it_speaks_the_readers_language_and_asks_for_nothing_from_elsewhere(self) -> None:
        part = Part(
            "customer", [{"kind": "customer.call", "record_id": "1", "fields": {"note": "<script>x</script>"}}], MOMENT
        )

        assert "电话记录" in page([part], "zh-CN", MOMENT)
        assert "Calls" in page([part], "en", MOMENT)
        assert not re.search(r"(src|href)=|<script", page([part], "en", MOMENT))
