"""Tokens of links: made again the same, and nothing else is one."""

from __future__ import annotations

import hashlib
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st
from marque_survey.rules import links
from servicekit.sealing.keys import Keyring, make_key
from servicekit.sealing.sealer import Sealer


def sealer(folder: object) -> Sealer:
    return Sealer(Keyring.read(make_key(folder, "k1").parent, ""))  # type: ignore[arg-type]


class TestLinks:
    def test_a_token_says_its_invitation_under_every_key_that_is_kept(self, tmp_path: object) -> None:
        old = sealer(tmp_path)
        invitation = uuid.uuid4()
        token = links.make(invitation, 3, old.digest)
        make_key(tmp_path, "k2")  # type: ignore[arg-type]
        new = Sealer(Keyring.read(tmp_path, "k2"))  # type: ignore[arg-type]

        assert links.make(invitation, 3, old.digest) == token
        assert links.make(invitation, 3, new.digest) != token
        assert links.read(token, new.digests) == links.read(token, old.digests) == (invitation, 3)
        assert len(token) == links.LENGTH

    def test_a_link_that_was_sent_by_an_older_version_still_opens(self) -> None:
        def digest(body: str, purpose: str) -> str:
            return f"k1:{hashlib.sha256(f'{purpose} {body}'.encode()).hexdigest()}"

        sent = "AAAAAAAAAAAAAAAAAAAABwADa4e40a7e5b00090bff5661"

        assert links.make(uuid.UUID(int=7), 3, digest) == sent
        assert links.read(sent, lambda body, purpose: [digest(body, purpose)]) == (uuid.UUID(int=7), 3)

    @settings(max_examples=50)
    @given(st.integers(0, links.LENGTH - 1), st.characters(codec="utf-8"))
    def test_a_token_with_another_character_is_none(self, at: int, char: str) -> None:
        def digest(body: str, purpose: str) -> str:
            return f"k:{uuid.uuid5(uuid.NAMESPACE_OID, body + purpose).hex}"

        token = links.make(uuid.UUID(int=7), 1, digest)
        changed = token[:at] + char + token[at + 1 :]
        found = links.read(changed, lambda body, purpose: [digest(body, purpose)])

        assert (found is None) is (changed != token)
