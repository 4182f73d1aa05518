"""What a file is, by its content: whatever its name says, and however it is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_complaint.rules import contents

TAKEN = [
    (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n....", "image/png"),
    (b"GIF89a..", "image/gif"),
    (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
    (b"\x00\x00\x00\x18ftypheic", "image/heic"),
    (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
    (b"%PDF-1.7\n", "application/pdf"),
    ("异响很大\n".encode(), "text/plain"),
    (b"a < b and b > c", "text/plain"),
]
REFUSED = [
    b"",
    b"MZ\x90\x00\x03",
    b"\x7fELF\x02\x01",
    b"PK\x03\x04\x14\x00",
    b"<!DOCTYPE html><p>",
    b"  <html><script>alert(1)</script>",
    b"hello\n<script>alert(1)</script>",
    b"<?xml version='1.0'?><svg/>",
    b"<svg onload=alert(1)>",
    b"#!/bin/sh\nrm -rf /",
    b"text\x00with a zero",
    b"\xff\xfe\x00bad",
    "broken 汉".encode()[:-1],
    b"RIFF\x00\x00\x00\x00AVI ",
    b"\x00\x00\x00\x18ftypqt  ",
]


def kind_of(*pieces: bytes) -> str:
    reading = contents.Reading()
    for piece in pieces:
        reading.take(piece)
    return reading.content_type()


class TestReading:
    @pytest.mark.parametrize(("content", "kind"), TAKEN)
    def test_what_is_taken_is_known_by_its_first_bytes(self, content: bytes, kind: str) -> None:
        assert kind_of(content) == kind

    @pytest.mark.parametrize("content", REFUSED)
    def test_what_somebody_could_run_is_of_no_type(self, content: bytes) -> None:
        assert kind_of(content) == ""

    @given(st.sampled_from([content for content, _ in TAKEN] + REFUSED), st.data())
    def test_it_is_the_same_however_it_is_cut(self, content: bytes, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(content)))
        assert kind_of(content[:place], content[place:]) == kind_of(content)

    @given(st.text(max_size=200), st.sampled_from(["<script>", "<SVG ", "<!doctype", "<iframe"]), st.text(max_size=50))
    def test_markup_is_found_wherever_it_stands(self, before: str, mark: str, after: str) -> None:
        assert kind_of((before + mark + after).encode(errors="replace")) == ""


class TestTidyName:
    @pytest.mark.parametrize(
        ("name", "tidied"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.jpg", "a.jpg"),
            ("\u202egpj.exe", "gpj.exe"),
            ("照片.jpg", "照片.jpg"),
            ("a\r\nb.txt", "ab.txt"),
            ("...", "file"),
            ("", "file"),
        ],
    )
    def test_folders_controls_and_turned_letters_go(self, name: str, tidied: str) -> None:
        assert contents.tidy_name(name) == tidied
