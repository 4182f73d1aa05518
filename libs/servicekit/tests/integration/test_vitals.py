"""What waits is told as the database has it, also by a replica that does not work on it, and falls back to 0."""

from __future__ import annotations

import uuid

import pytest
from prometheus_client.parser import text_string_to_metric_families
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.db.vitals import Vitals
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal
from servicekit.telemetry import metrics
from servicekit.telemetry.figures import Figure


def value(name: str, **labels: str) -> float | None:
    families = text_string_to_metric_families(metrics.render().decode())
    return next(
        (one.value for family in families for one in family.samples if one.name == name and one.labels == labels), None
    )


@pytest.fixture
def kind() -> str:
    return f"kind-{uuid.uuid4().hex}"


class TestVitals:
    async def test_lateness_of_due_work_grows_and_ends_with_the_work(self, database: Database, kind: str) -> None:
        vitals = Vitals(database, [kind])
        await vitals.take()
        before = value("due_overdue_seconds", kind=kind)
        await database.reader.fetch(
            "INSERT INTO due_work (kind, key, due_time) VALUES ($1, 'a', now() - interval '90 s'), ($1, 'b', now() + interval '1 h')",
            kind,
        )
        await vitals.take()
        late = value("due_overdue_seconds", kind=kind)
        await database.reader.fetch("DELETE FROM due_work WHERE kind = $1", kind)
        await vitals.take()

        assert before == 0
        assert late is not None
        assert 89 < late < 3600
        assert value("due_overdue_seconds", kind=kind) == 0

    async def test_an_event_that_no_relay_takes_up_is_told_with_its_age(self, database: Database) -> None:
        event_id = uuid.uuid4()
        await database.reader.fetch(
            "INSERT INTO outbox_messages (event_id, event_type, aggregate_id, aggregate_version, payload, create_time)"
            " VALUES ($1, 'marque.test.v1.Nothing', 'a', 1, '', now() - interval '70 s')",
            event_id,
        )
        await Vitals(database).take()
        waiting, age = value("outbox_unpublished"), value("outbox_oldest_age_seconds")
        await database.reader.fetch("DELETE FROM outbox_messages WHERE event_id = $1", event_id)

        assert waiting is not None
        assert waiting >= 1
        assert age is not None
        assert age > 69


class TestTally:
    async def test_only_what_is_committed_is_counted(self, database: Database) -> None:
        figure = Figure(f"things_{uuid.uuid4().hex}", "Things", {"outcome": ("good", "bad")})
        call = Call(Principal("s"), "/m")
        async with (uow := UnitOfWork(database, call)):
            uow.tally(figure, 3, outcome="good")
        with pytest.raises(LookupError):  # noqa: PT012 - the block is what is rolled back
            async with (undone := UnitOfWork(database, call)):
                undone.tally(figure, outcome="bad")
                raise LookupError

        assert value(f"marque_{figure.name}_total", outcome="good") == 3
        assert value(f"marque_{figure.name}_total", outcome="bad") is None
