"""Tokens of messages open what they were made for, and nothing else; mails are dressed without losing a word."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_campaign.rules import links
from marque_campaign.rules.dressing import Dresser
from marque_campaign.rules.templates import Message
from servicekit.sealing.keys import Keyring, SealingKey
from servicekit.sealing.sealer import Sealer


def sealer(name: str, first: int) -> Sealer:
    """A sealer with one key."""
    return Sealer(Keyring({name: SealingKey(bytes([first]) * 32, bytes([first + 1]) * 32)}, name))


OLD, NEW = sealer("a", 1), sealer("b", 3)
PURPOSES = (links.PAGE, links.LINK, links.PICTURE, links.MAIL)


class TestTokens:
    @given(st.uuids(), st.sampled_from(PURPOSES), st.sampled_from(PURPOSES), st.text(max_size=20), st.text(max_size=20))
    def test_a_token_is_read_for_what_it_was_made_alone(
        self, send_id: uuid.UUID, made_for: str, asked: str, about: str, other: str
    ) -> None:
        token = links.make(made_for, send_id, OLD.digest, about)
        same = (made_for, about) == (asked, other)

        assert links.read(asked, token, OLD.digests, other) == (send_id if same else None)

    @given(st.uuids(), st.integers(0, links.LENGTH - 1), st.characters())
    def test_a_changed_token_is_none(self, send_id: uuid.UUID, place: int, one: str) -> None:
        token = links.make(links.PAGE, send_id, OLD.digest)
        changed = token[:place] + one + token[place + 1 :]

        assert links.read(links.PAGE, changed, OLD.digests) == (send_id if changed == token else None)

    @pytest.mark.parametrize("token", ["", "x", "é" * links.LENGTH, "=" * links.LENGTH, "A" * 200])
    def test_nonsense_is_none(self, token: str) -> None:
        assert links.read(links.PAGE, token, OLD.digests) is None

    def test_another_key_reads_nothing(self) -> None:
        assert links.read(links.PAGE, links.make(links.PAGE, uuid.uuid4(), OLD.digest), NEW.digests) is None


class TestDressing:
    dresser = Dresser("https://m.example/", "marque.example", OLD.digest)

    def dress(self, html: str = "<body><p>x</p></body>", language: str = "en", **told: bool) -> tuple[str, str, str]:
        given = {"may_stop": True, "seen": False, **told}
        made = self.dresser.dress(uuid.uuid4(), Message(language, "s", "Hello", html), **given)
        return made.message.text, made.message.html, made.unsubscribe

    def test_a_mail_by_consent_says_in_its_language_where_to_choose(self) -> None:
        text, html, unsubscribe = self.dress(language="zh-CN")

        assert "不再接收: https://m.example/p/" in text
        assert html.endswith("不再接收</a></p></body>")
        assert unsubscribe.startswith("https://m.example/p/")

    def test_what_the_law_demands_names_nowhere_to_stop_it(self) -> None:
        text, html, unsubscribe = self.dress(may_stop=False)

        assert (text, html, unsubscribe) == ("Hello", "<body><p>x</p></body>", "")

    def test_a_mail_of_text_alone_stays_one_and_is_not_watched(self) -> None:
        assert self.dress(html="", seen=True)[1] == ""

    def test_only_with_leave_there_is_a_picture(self) -> None:
        assert "/o/" in self.dress(seen=True)[1]
        assert "/o/" not in self.dress()[1]

    def test_a_link_too_long_to_be_carried_is_left_as_it_is(self) -> None:
        html = f'<a href="https://a.example/{"x" * 2000}">a</a>'

        assert html in self.dress(html=html)[1]
