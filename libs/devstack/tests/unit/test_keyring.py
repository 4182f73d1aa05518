"""Signing keys and their rotation."""

from __future__ import annotations

import stat
from pathlib import Path

from devstack.issuer import mint
from devstack.keyring import ALGORITHM, KeyRing
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def verifies(token: str, ring: KeyRing) -> bool:
    keys = KeySet.import_key_set(ring.jwks())
    try:
        return jwt.decode(token, keys, algorithms=[ALGORITHM]).claims == {"sub": "x"}
    except ValueError:
        return False


class TestRotate:
    def test_a_token_of_the_retired_key_still_verifies(self) -> None:
        ring = KeyRing()
        old = mint(ring.current, {"sub": "x"})
        ring.rotate()
        assert verifies(old, ring)
        assert verifies(mint(ring.current, {"sub": "x"}), ring)

    def test_the_retired_key_goes_when_its_last_token_has_expired(self) -> None:
        clock = Clock()
        ring = KeyRing(keep_for=3600, clock=clock)
        retired = ring.current.kid
        ring.rotate()
        clock.now += 3599
        assert retired in [key["kid"] for key in ring.jwks()["keys"]]
        clock.now += 1
        assert [key["kid"] for key in ring.jwks()["keys"]] == [ring.current.kid]

    @given(st.lists(st.integers(min_value=0, max_value=5000), max_size=4))
    def test_the_signing_key_is_always_published(self, pauses: list[int]) -> None:
        clock = Clock()
        ring = KeyRing(clock=clock)
        for pause in pauses:
            clock.now += pause
            ring.rotate()
            assert ring.jwks()["keys"][-1]["kid"] == ring.current.kid


class TestKept:
    def test_a_second_start_signs_with_the_same_key(self, tmp_path: Path) -> None:
        first = KeyRing(tmp_path / "keys.json")
        first.rotate()
        second = KeyRing(tmp_path / "keys.json")
        assert second.jwks() == first.jwks()
        assert second.current.kid == first.current.kid

    def test_the_file_is_for_its_owner_only(self, tmp_path: Path) -> None:
        KeyRing(tmp_path / "keys.json")
        assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600

    def test_no_private_part_is_published(self) -> None:
        assert all("d" not in key for key in KeyRing().jwks()["keys"])
