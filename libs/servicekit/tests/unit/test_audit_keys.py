"""The keys of the audit trail: read from a folder, rotated by a file, never told."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from servicekit.audit.keys import AuditKeys, AuditKeysUnusable, new_key_pem


def public_half(pem: str) -> bytes:
    return (
        load_pem_private_key(pem.encode(), None)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


class TestAuditKeys:
    def test_the_last_by_name_signs(self, tmp_path: Path) -> None:
        for name in ("2026-02", "2026-10", "2025-12"):
            (tmp_path / f"{name}.pem").write_text(new_key_pem())
        keys = AuditKeys.read(tmp_path)
        assert keys.current == "2026-10"
        assert keys.holds("2026-10", keys.sign(b"said"), b"said")

    def test_a_signature_holds_for_its_key_and_its_words_only(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / f"{name}.pem").write_text(new_key_pem())
        keys = AuditKeys.read(tmp_path, "a")
        signature = keys.sign(b"said")
        held = [
            keys.holds(*tried)
            for tried in (("a", signature, b"said!"), ("b", signature, b"said"), ("c", signature, b"said"))
        ]
        assert held == [False, False, False]

    def test_a_retired_key_verifies_and_does_not_sign(self, tmp_path: Path) -> None:
        pem = new_key_pem()
        (tmp_path / "old.pem").write_text(pem)
        signature = AuditKeys.read(tmp_path).sign(b"said")
        (tmp_path / "old.pem").write_bytes(public_half(pem))
        keys = AuditKeys.read(tmp_path)
        assert (keys.current, keys.holds("old", signature, b"said")) == ("", True)

    def test_no_folder_gives_no_key(self) -> None:
        assert AuditKeys.read(None).current == ""

    @pytest.mark.parametrize("chosen", ["other", "public"])
    def test_a_named_key_that_does_not_sign_is_refused(self, tmp_path: Path, chosen: str) -> None:
        (tmp_path / "one.pem").write_text(new_key_pem())
        (tmp_path / "public.pem").write_bytes(public_half(new_key_pem()))
        with pytest.raises(AuditKeysUnusable, match=f"no private audit key {chosen}"):
            AuditKeys.read(tmp_path, chosen)

    @pytest.mark.parametrize(
        "content", [b"", b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n", b"secret"]
    )
    def test_a_file_that_is_no_key_is_named_and_not_quoted(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "broken.pem").write_bytes(content)
        with pytest.raises(AuditKeysUnusable, match=r"broken\.pem") as failed:
            AuditKeys.read(tmp_path)
        assert "secret" not in str(failed.value)

    def test_a_key_of_another_kind_is_refused(self, tmp_path: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        (tmp_path / "ec.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(AuditKeysUnusable, match=r"ec\.pem"):
            AuditKeys.read(tmp_path)

    def test_no_key_is_shown(self, tmp_path: Path) -> None:
        (tmp_path / "one.pem").write_text(new_key_pem())
        assert "Private" not in repr(AuditKeys.read(tmp_path))
