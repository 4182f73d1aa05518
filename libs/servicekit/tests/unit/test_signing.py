"""Signatures of mails, judged by another library's verifier."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st
from servicekit.mail.letters import Letter, compose
from servicekit.mail.signing import Signer, relaxed_body, relaxed_header

KEY = rsa.generate_private_key(65537, 1024)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
STOP = "https://m.example/p/x/stop"


def pem(key: Any) -> bytes:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made


def holds(signed: bytes) -> bool:
    public = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return bool(dkim.verify(signed, dnsfunc=lambda name, timeout=5: record))


def mail(subject: str = "消息", text: str = "你好", html: str = "<p>你好</p>") -> bytes:
    return compose(Letter("news@marque.example", "wang@example.com", subject, text, "a@b", html, STOP))


SIGNER = Signer(pem(KEY), "s1", "marque.example")


def _lines(mail: bytes) -> list[bytes]:
    return mail.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").split(b"\r\n")


class TestSigner:
    # What a header may hold: no control characters and no lone surrogates, as templates and addresses are checked for.
    @given(
        st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=200),
        st.text(max_size=300).filter(lambda text: text.isprintable() or "\n" in text),
    )
    def test_every_mail_that_we_make_is_verified_by_another_library(self, subject: str, text: str) -> None:
        assert holds(SIGNER.sign(mail(subject, text.encode(errors="replace").decode(), "")))

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"/x/stop", b"/y/stop"),
            (b"To: wang", b"To: zhang"),
            (b"\r\nTo: ", b"\r\nSubject: buy\r\nTo: "),  # a second one, which some readers show
            (b"\r\nTo: ", b"\r\nFrom: evil@example.com\r\nTo: "),
            (b"\r\n\r\n", b"\r\n\r\nmore\r\n"),
        ],
        ids=["where to stop", "to whom", "a second subject", "a second sender", "the body"],
    )
    def test_what_was_changed_on_the_way_does_not_hold(self, before: bytes, after: bytes) -> None:
        signed = SIGNER.sign(mail())

        assert holds(signed)
        assert before in signed
        assert not holds(signed.replace(before, after, 1))

    def test_a_header_that_we_left_out_cannot_be_added(self) -> None:
        signed = SIGNER.sign(compose(Letter("news@marque.example", "wang@example.com", "s", "t", "a@b")))

        assert not holds(signed.replace(b"\r\nTo: ", b"\r\nList-Unsubscribe: <https://evil.example>\r\nTo: ", 1))

    def test_lines_are_short_and_white_space_may_change_on_the_way(self) -> None:
        signed = SIGNER.sign(mail())
        head = signed.partition(b"\r\nFrom:")[0].split(b"\r\n")

        assert max(map(len, head)) <= 150
        assert holds(signed.replace(b"Subject: ", b"SUBJECT:   ", 1) + b"\r\n\r\n")

    def test_an_edwards_key_signs_the_hash_as_its_rfc_says(self) -> None:
        signed = Signer(pem(EDWARDS), "s1", "marque.example").sign(mail())
        field, _, rest = signed.removeprefix(b"DKIM-Signature:").partition(b"\r\nFrom:")
        unsigned, signature = field.rsplit(b"b=", 1)
        named = unsigned.partition(b"\r\n h=")[2].partition(b";")[0].replace(b"\r\n ", b"").split(b":")
        headers = {one.partition(b":")[0].lower(): one.partition(b":")[2] for one in _lines(b"From:" + rest)}
        chosen = [(name, headers.pop(name)) for name in named if name in headers]
        told = [
            *Relaxed.canonicalize_headers(chosen),
            *Relaxed.canonicalize_headers([(b"dkim-signature", unsigned + b"b=")]),
        ]
        hashed = sha256(b"".join(name + b":" + value for name, value in told).removesuffix(b"\r\n")).digest()

        EDWARDS.public_key().verify(base64.b64decode(signature.replace(b"\r\n ", b"")), hashed)
        assert named.count(b"from") == 2

    @pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1())], ids=["elliptic"])
    def test_no_other_key_signs(self, key: Any) -> None:
        with pytest.raises(ValueError, match="RSA"):
            Signer(pem(key), "s1", "marque.example")


class TestCanonicalisation:
    @given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b c", b"\xe4"]), max_size=12).map(b"".join))
    def test_bodies_are_the_other_librarys(self, body: bytes) -> None:
        assert relaxed_body(body) == Relaxed.canonicalize_body(
            body if body.endswith(b"\r\n") or not body else body + b"\r\n"
        )

    @given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n ", b"a", b"b c"]), max_size=12).map(b"".join))
    def test_headers_are_the_other_librarys(self, value: bytes) -> None:
        ((name, text),) = Relaxed.canonicalize_headers([(b"Subject", value)])

        assert relaxed_header(b"subject", value) == name + b":" + text
