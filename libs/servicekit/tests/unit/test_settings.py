"""Settings: ages under which an event could be applied twice are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from servicekit.settings import ServiceSettings


class TestAges:
    def test_those_given_fit_together(self) -> None:
        found = ServiceSettings()
        assert found.inbox_days > found.stream_max_age_days + found.dead_letter_days

    @pytest.mark.parametrize(("inbox", "accepted"), [(44, False), (45, True), (1, False)])
    def test_the_inbox_outlives_stream_and_dead_letters_together(self, inbox: int, accepted: bool) -> None:
        ages = {"stream_max_age_days": 14, "dead_letter_days": 30, "inbox_days": inbox}
        if accepted:
            assert ServiceSettings(**ages).inbox_days == inbox
            return
        with pytest.raises(ValidationError, match="inbox_days must be greater than stream_max_age_days"):
            ServiceSettings(**ages)

    @pytest.mark.parametrize(
        "name",
        ["stream_max_age_days", "dead_letter_days", "import_days", "idempotency_days", "outbox_days", "audit_days"],
    )
    @pytest.mark.parametrize("days", [0, -1])
    def test_an_age_of_no_day_is_refused(self, name: str, days: int) -> None:
        with pytest.raises(ValidationError, match=f"{name} must be at least 1 day"):
            ServiceSettings(**{name: days})

    def test_the_environment_is_judged_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MARQUE_INBOX_DAYS", "20")
        with pytest.raises(ValidationError):
            ServiceSettings()
