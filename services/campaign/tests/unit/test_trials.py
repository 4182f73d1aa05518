"""To whom a test message may go."""

from __future__ import annotations

import pytest
from marque_campaign.rules import trials
from marque_campaign.rules.templates import Message


class TestOwn:
    @pytest.mark.parametrize(
        ("address", "own"),
        [
            ("a@cars.example", True),
            ("a@CARS.example", True),
            (" a@cars.example ", True),
            ("a@cars.example.evil", False),
            ("a@mail.cars.example", False),
            ("a@notcars.example", False),
            ("@cars.example", False),
            ("cars.example", False),
            ("a@", False),
            ("", False),
        ],
    )
    def test_only_an_address_of_a_domain_as_it_is_named(self, address: str, own: bool) -> None:
        assert trials.is_own(address, ["cars.example"]) is own

    def test_no_domain_is_nobodys(self) -> None:
        assert not trials.is_own("a@", [""])


class TestMarked:
    def test_the_subject_says_so_and_the_words_stay(self) -> None:
        message = trials.marked(Message("en", "News", "Dear", "<p>Dear</p>"))

        assert (message.subject, message.text, message.html) == ("[TEST] News", "Dear", "<p>Dear</p>")
