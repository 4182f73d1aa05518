"""What consumers keep of other services' state, for the proof that it can be made anew: contents of tables, who wrote them.

Reads the contracts and every service's own `Subscription`s, so that a service which joins is proven without a word here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from marque.type.v1 import operations_pb2

from servicekit import contract
from servicekit.messaging.consumer import Subscription
from servicekit.service import Service, make_kit
from servicekit.settings import ServiceSettings
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, build_of, until

Contents = dict[str, list[str]]
# What a republication itself leaves: its events and their inbox rows, its own row, the trail of who asked for it, its due work.
TRAFFIC = frozenset(
    {"outbox_messages", "inbox_messages", "idempotency_keys", "republishes", "due_work"}
    | {"audit_records", "audit_links", "audit_anchors", "audit_chain"}
)
_MOVING = ("xid8",)  # types of columns that say when a row was written, not what is known
_HEARD = (
    "heard_version",
)  # the version of the last event heard, of an aggregate whose other events are not heard: a snapshot's is newer
_SPY = """
CREATE TABLE spied (transaction xid8 NOT NULL, told text NOT NULL, PRIMARY KEY (transaction, told));
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spied VALUES (pg_current_xact_id(), TG_TABLE_NAME) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE FUNCTION spy_consumer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spied VALUES (pg_current_xact_id(), 'by ' || NEW.consumer) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER spy_consumer AFTER INSERT ON inbox_messages FOR EACH ROW EXECUTE FUNCTION spy_consumer()"""


def services() -> list[str]:
    """Returns the names of the services that the contracts know."""
    return sorted({name.split(".")[1] for name in contract.services()})


async def declared(settings: Mapping[str, ServiceSettings]) -> dict[str, Service]:
    """Returns what every service declares of itself, not started."""
    found = {}
    for name, one in settings.items():
        kit = make_kit(one, name)
        found[name] = build_of(name)(kit)
        for part in (*found[name].closing, kit.verifier):
            await part.close()
        await kit.database.engine.dispose()
    return found


def rebuilt(service: Service) -> list[str]:
    """Returns the tables that a service can make anew from snapshots."""
    return sorted({table for subscription in service.subscriptions for table in subscription.rebuilds})


def undeclared(service: Service, written: Mapping[str, set[str]], all_services: Mapping[str, Service]) -> list[str]:
    """Returns what is wrong with a service's declarations: tables that its consumers write (`written`, by consumer) without a word, and
    words that nothing stands behind.
    """
    wrong = []
    for one in service.subscriptions:
        said = {*one.rebuilds, *one.effects}
        wrong += [f"{one.name} writes {table} and does not say why" for table in written.get(one.name, set()) - said]
        wrong += [f"{one.name}: {table} is both" for table in one.effects & set(one.rebuilds)]
        wrong += [fault for table, kind in one.rebuilds.items() for fault in _faults(one, table, kind, all_services)]
    return wrong


def _faults(one: Subscription, table: str, kind: str, all_services: Mapping[str, Service]) -> list[str]:
    event = next((event for event in contract.events() if event.name == kind), None)
    if event is None or not kind.endswith("Snapshot") or event.owner != one.source:
        return [f"{one.name}: {table} is rebuilt from {kind}, which is no snapshot of {one.source}"]
    found = [] if kind in one.types else [f"{one.name} does not hear {kind}, from which it rebuilds {table}"]
    if event.aggregate not in all_services[one.source].snapshots:
        found.append(f"{one.source} never says {kind}")
    return found


async def spy(platform: Platform, service: str) -> None:
    """Notes from now on in which transactions which table of a service is written, and for which consumer."""
    tables = await platform.sql(service, _TABLES)
    for statement in _statements(_SPY):
        await platform.sql(service, statement)
    for (table,) in tables:
        about = "INSERT OR UPDATE OR DELETE" if table != "inbox_messages" else "UPDATE OR DELETE"
        await platform.sql(
            service, f"CREATE TRIGGER spy AFTER {about} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION spy()"
        )


async def written(platform: Platform, service: str) -> dict[str, set[str]]:
    """Returns the tables that each consumer's transactions wrote since `spy`, without the platform's own."""
    query = """
        SELECT DISTINCT substr(one.told, 4) AS consumer, other.told AS "table" FROM spied one JOIN spied other USING (transaction)
        WHERE one.told LIKE 'by %' AND other.told NOT LIKE 'by %'"""
    found: dict[str, set[str]] = {}
    for consumer, table in await platform.sql(service, query):
        if table not in TRAFFIC:
            found.setdefault(consumer, set()).add(table)
    return found


_TABLES = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname NOT IN ('alembic_version', 'spied') ORDER BY 1"""
_COLUMNS = """
SELECT attname::text FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND format_type(atttypid, NULL) = ANY($2)"""


def _statements(script: str) -> list[str]:
    return [part.strip() for part in script.replace(";\nCREATE", ";;CREATE").split(";;")]


async def contents(platform: Platform, service: str) -> Contents:
    """Returns every table of a service with all its rows, but for `TRAFFIC`."""
    names = [name for (name,) in await platform.sql(service, _TABLES) if name not in TRAFFIC]
    return {name: await rows(platform, service, name) for name in names}


async def rows(platform: Platform, service: str, table: str) -> list[str]:
    """Returns the rows of a table as sorted text, every column of each that says what is known."""
    query = f"SELECT (to_jsonb(t) - $1::text[])::text AS row FROM {table} t ORDER BY 1"  # noqa: S608 - our own names
    moving = await platform.sql(service, _COLUMNS, table, list(_MOVING))
    return [row["row"] for row in await platform.sql(service, query, [*_HEARD, *(name for (name,) in moving)])]


async def kept(platform: Platform, known: Mapping[str, Service]) -> dict[str, Contents]:
    """Returns the tables that every service keeps of others."""
    return {
        name: {table: await rows(platform, name, table) for table in rebuilt(service)}
        for name, service in known.items()
    }


async def forget(platform: Platform, known: Mapping[str, Service]) -> None:
    """Empties all tables that can be made anew."""
    for name, service in known.items():
        for table in rebuilt(service):
            await platform.sql(name, f"TRUNCATE {table}")


async def republish(platform: Platform, names: Sequence[str]) -> dict[str, str]:
    """Asks services to say their whole state again; returns the republications' ids by service."""
    found = {}
    for name in names:
        answer = await operations(platform, name, "Republish", operations_pb2.RepublishRequest())
        found[name] = answer.republish_id
    return found


async def ended(platform: Platform, republishes: Mapping[str, str], seconds: float = 120) -> dict[str, int]:
    """Returns, when all is said, how many snapshots each service said."""

    async def over(name: str, republish_id: str) -> int:
        async def succeeded() -> Any:
            request = operations_pb2.GetRepublishRequest(republish_id=republish_id)
            answer = await operations(platform, name, "GetRepublish", request)
            return answer if answer.state == operations_pb2.REPUBLISH_STATE_SUCCEEDED else None

        return int((await until(succeeded, seconds, f"{name} has not said its state")).snapshots)

    return {name: await over(name, one) for name, one in republishes.items()}


async def quiet(platform: Platform, names: Sequence[str], seconds: float = 120) -> None:
    """Returns when no event is under way between the services and no work is overdue, twice in a row."""

    async def still() -> bool:
        for name in names:
            state = await operations(platform, name, "GetState", operations_pb2.GetStateRequest())
            waiting = [consumer.pending + consumer.unacknowledged for consumer in state.consumers]
            due = [one.overdue for one in state.due_work if one.kind != "housekeeping"]
            if not state.broker_reachable or state.outbox.waiting or any(waiting) or any(due):
                return False
        return True

    async def twice() -> bool:
        return await still() and not await asyncio.sleep(0.1) and await still()

    await until(twice, seconds, "something is still under way")


async def operations(platform: Platform, name: str, method: str, request: Any) -> Any:
    """Calls a service's operations; a service that is just starting again is asked again."""
    client = platform.client(name, "ops")
    try:
        for _ in range(200):
            try:
                return await client.call(
                    f"marque.{name}.v1.{name.capitalize()}OperationsService/{method}", request, timeout=20
                )
            except RpcFailure as failure:
                if failure.code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                    raise
                await asyncio.sleep(0.1)
        raise AssertionError(f"{name} does not answer")
    finally:
        await client.close()
