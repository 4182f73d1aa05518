"""Sealing: what was sealed opens at its place and nowhere else; keys rotate; without a key nothing is guessed."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.sealing.keys import Keyring, SealingKey, SealingKeyMissing, SealingKeysUnusable, make_key
from servicekit.sealing.sealer import Place, SealBroken, Sealer, key_id_of

OLD, NEW = (SealingKey.derived(bytes([number]) * 32) for number in (1, 2))
ring = Sealer(Keyring({"2026-01": OLD, "2026-02": NEW}, "2026-02"))
before = Sealer(Keyring({"2026-01": OLD}, "2026-01"))
after = Sealer(Keyring({"2026-02": NEW}, "2026-02"))
texts = st.text(max_size=12)
places = st.builds(Place, texts, texts, texts)
HERE = Place("identity_documents", "number_sealed", "row-1")


class TestSeal:
    @given(st.binary(max_size=200), places)
    def test_what_was_sealed_opens_at_its_place(self, value: bytes, place: Place) -> None:
        sealed = ring.seal(value, place)

        assert ring.open(sealed, place) == value
        assert len(value) < 4 or value not in sealed

    @given(st.binary(max_size=40), places, places)
    def test_it_opens_at_no_other_place(self, value: bytes, place: Place, other: Place) -> None:
        sealed = ring.seal(value, place)

        if other != place:
            with pytest.raises(SealBroken):
                ring.open(sealed, other)

    @given(st.data())
    def test_a_changed_bit_anywhere_is_refused(self, data: st.DataObject) -> None:
        sealed = bytearray(ring.seal(b"110105194912310021", HERE))
        at = data.draw(st.integers(0, len(sealed) - 1))
        sealed[at] ^= 1 << data.draw(st.integers(0, 7))

        with pytest.raises((SealBroken, SealingKeyMissing)):
            ring.open(bytes(sealed), HERE)

    @given(st.binary(max_size=120))
    def test_rubbish_is_refused(self, rubbish: bytes) -> None:
        with pytest.raises((SealBroken, SealingKeyMissing)):
            ring.open(rubbish, HERE)

    def test_the_same_value_twice_does_not_look_the_same(self) -> None:
        assert ring.seal(b"1", HERE) != ring.seal(b"1", HERE)

    def test_a_missing_key_is_named_and_nothing_else(self) -> None:
        with pytest.raises(SealingKeyMissing) as refused:
            after.open(before.seal(b"secret", HERE), HERE)
        assert refused.value.reason == "SEALING_KEY_MISSING"
        assert "2026-01" in str(refused.value)
        assert "secret" not in str(refused.value)

    def test_without_keys_nothing_can_be_sealed(self) -> None:
        with pytest.raises(SealingKeyMissing):
            Sealer(Keyring()).seal(b"1", HERE)


class TestRotation:
    @given(st.binary(max_size=60), places)
    def test_a_value_wrapped_anew_opens_with_the_new_key_alone(self, value: bytes, place: Place) -> None:
        turned = ring.rewrap(before.seal(value, place), place)

        assert key_id_of(turned) == "2026-02"
        assert after.open(turned, place) == value
        with pytest.raises(SealingKeyMissing):
            before.open(turned, place)

    def test_wrapping_anew_elsewhere_is_refused(self) -> None:
        with pytest.raises(SealBroken):
            ring.rewrap(before.seal(b"1", HERE), HERE._replace(row="row-2"))


class TestDigest:
    @given(texts, texts, texts)
    def test_it_is_of_value_purpose_and_key(self, value: str, other: str, purpose: str) -> None:
        assert ring.digest(value, purpose) == ring.digest(value, purpose)
        assert before.digest(value, purpose) in ring.digests(value, purpose)
        assert (ring.digest(value, purpose) == ring.digest(other, purpose)) == (value == other)
        assert (ring.digest(value, purpose) == ring.digest(value, other)) == (purpose == other)
        assert before.digest(value, purpose).partition(":")[2] != after.digest(value, purpose).partition(":")[2]

    def test_purpose_and_value_do_not_run_into_each_other(self) -> None:
        assert ring.digest("bc", "a") != ring.digest("c", "ab")

    def test_a_request_is_marked_alike_after_a_key_is_added(self) -> None:
        assert ring.mark(b"request") == before.mark(b"request") != after.mark(b"request")


class TestKeys:
    def test_a_made_key_is_its_owners_alone_and_stays(self, tmp_path: Path) -> None:
        path = make_key(tmp_path / "keys", "2026-11")
        held = path.read_bytes()

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert make_key(tmp_path / "keys", "2026-11").read_bytes() == held
        assert Keyring.read(tmp_path / "keys").current == "2026-11"

    def test_the_last_by_name_is_current_unless_one_is_named(self, tmp_path: Path) -> None:
        for name in ("2026-01", "2026-02"):
            make_key(tmp_path, name)

        assert Keyring.read(tmp_path).current == "2026-02"
        assert Keyring.read(tmp_path, "2026-01").current == "2026-01"
        assert Keyring.read(None) == Keyring()

    @pytest.mark.parametrize(
        "content", [b"", b"x", base64.b64encode(bytes(31)), base64.b64encode(bytes(33)), b"\xff" * 44]
    )
    def test_a_file_that_holds_no_key_is_named_without_its_content(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.key").write_bytes(content)

        with pytest.raises(SealingKeysUnusable, match=r"a\.key does not hold 32 bytes"):
            Keyring.read(tmp_path)

    @pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b", "x" * 65])
    def test_an_id_that_is_no_name_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SealingKeysUnusable):
            make_key(tmp_path, name)

    def test_a_named_key_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SealingKeysUnusable, match="2026-12"):
            Keyring.read(tmp_path, "2026-12")

    def test_keys_are_shown_in_no_text(self) -> None:
        assert "wrapping" not in repr(ring.ring)
        assert "hashing" not in repr(OLD)
