"""A rule's SQL picks exactly those of whom the rule holds when it is evaluated one person at a time."""

from __future__ import annotations

import math
import os
import random
import uuid
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marque_campaign.models import AudienceCar, AudienceHolding, AudienceListMember, AudiencePerson
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql
from marque_campaign.rules.segments import evaluate
from marque_campaign.rules.segments.catalogue import CAR, DATE, ENTITIES, HOLDING, PERSON, Attribute
from marque_campaign.rules.segments.check import read
from servicekit.testing.platform import Platform
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tradekit.cel import BOOL, DOUBLE, INT, STRING, CelError, ListOf

TODAY = date(2026, 3, 1)
LIST, SEGMENT = uuid.uuid4(), uuid.uuid4()
NESTED = "person.visit_count > 1 || !has(person.language) || cars.exists(k, k.open_recalls > 0)"
TEXTS = ("", "en", "zh-CN", "沃尔沃", "沃尔", "尔沃", "a%_\\", "'; --", "Zürich", "\U00020000", "zz")
NUMBERS = (0, 1, 2, -1, 3, 12, 30, 365, 2**31 - 1)
REALS = (0.0, -0.0, 1.5, 9.99, -3.25, 1e300)
DAYS = (
    *tuple(TODAY + timedelta(days=n) for n in (-366, -31, -30, -1, 0, 1, 29, 59)),
    date(2024, 2, 29),
    date(2025, 12, 31),
)


def _value(chance: random.Random, of: Attribute, column: Any) -> Any:
    if chance.random() < 0.25 and column.nullable:
        return None
    if of.days or of.type == DATE:
        return chance.choice(DAYS)
    if isinstance(of.type, ListOf):
        return chance.sample(TEXTS, chance.randrange(3))
    if of.type == STRING:
        return chance.choice(of.values or TEXTS)
    if of.type == DOUBLE:
        return chance.choice((*REALS, math.nan))
    return chance.random() < 0.5 if of.type == BOOL else chance.choice(NUMBERS)


def _row(chance: random.Random, entity: Any, table: Any) -> dict[str, Any]:
    found = {one.column: _value(chance, one, table.c[one.column]) for one in entity.attributes.values()}
    return {name: value for name, value in found.items() if name != "vin"}


class World:
    """People in a real database, and the same as an evaluation reads them."""

    def __init__(
        self, engine: AsyncEngine, people: dict[uuid.UUID, evaluate.Person], listed: frozenset[uuid.UUID]
    ) -> None:
        self.engine = engine
        self.people = people
        self.listed = listed


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(platform: Platform) -> AsyncIterator[World]:
    """Four hundred people of all that there can be: unknown values, no numbers, days at borders, Han text, up to three cars each."""
    await platform.prepare("campaign")
    chance, people, rows = random.Random(9), {}, {"people": [], "cars": [], "holdings": []}
    person, car, holding = (one.__table__ for one in (AudiencePerson, AudienceCar, AudienceHolding))
    for _ in range(400):
        key, columns = uuid.UUID(int=chance.getrandbits(128)), _row(chance, PERSON, person)
        cars = [
            {"vin": uuid.UUID(int=chance.getrandbits(128)).hex[:17], **_row(chance, CAR, car)}
            for _ in range(chance.choice((0, 1, 1, 2, 3)))
        ]
        holdings = [
            {"vin": chance.choice([None, *(one["vin"] for one in cars)]), **_row(chance, HOLDING, holding)}
            for _ in range(chance.randrange(3))
        ]
        people[key] = evaluate.Person(columns, {"cars": cars, "holdings": holdings})
        rows["people"].append({"customer_id": key, **columns})
        rows["cars"] += [{"person_id": key, **one} for one in cars]
        rows["holdings"] += [{"holding_id": uuid.uuid4(), "person_id": key, **one} for one in holdings]
    listed = frozenset(chance.sample(sorted(people), 150))
    engine = create_async_engine(platform.databases["campaign"].replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as session:
        for table, name in ((person, "people"), (car, "cars"), (holding, "holdings")):
            await session.execute(sa.insert(table), rows[name])
        await session.execute(
            sa.text(
                "INSERT INTO audience_lists (audience_list_id, version, create_time, update_time, name) VALUES (:k, 1, now(), now(), 'x')"
            ),
            {"k": LIST},
        )
        members = [{"audience_list_id": LIST, "customer_id": one, "create_time": sa.func.now()} for one in listed]
        await session.execute(sa.insert(AudienceListMember.__table__).values(members))  # type: ignore[arg-type]
    yield World(engine, people, listed)
    await engine.dispose()


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _attributes(entity: Any, *kinds: Any) -> list[Attribute]:
    return [one for one in entity.attributes.values() if one.type in kinds]


@st.composite
def terms(draw: Any, kind: Any, scope: dict[str, Any], depth: int = 2) -> str:
    """The text of a value of a kind."""
    known = [f"{of}.{one.name}" for of, entity in scope.items() for one in _attributes(entity, kind)]
    if kind == INT and depth and draw(st.booleans()):
        shape = draw(st.sampled_from(["+", "-", "*", "/", "%", "neg", "size", "count"]))
        if shape == "count":
            return f"size({draw(st.sampled_from(['cars', 'holdings']))})"
        if shape == "size":
            return f"size({draw(st.one_of(terms(STRING, scope), st.just('person.consents')))})"
        one = draw(terms(INT, scope, depth - 1))
        return f"(-{one})" if shape == "neg" else f"({one} {shape} {draw(terms(INT, scope, depth - 1))})"
    literal = draw(literals(kind))
    return draw(st.sampled_from([*known, literal])) if known else literal


def literals(kind: Any) -> st.SearchStrategy[str]:
    """The text of a literal."""
    if kind == STRING:
        return st.sampled_from(TEXTS).map(quoted)
    if kind == DATE:
        return st.sampled_from(DAYS).map(lambda day: quoted(day.isoformat()))
    if kind == DOUBLE:
        return st.sampled_from([repr(one) for one in REALS if one >= 0])
    return st.sampled_from([str(one) for one in NUMBERS if one >= 0])


@st.composite
def atoms(draw: Any, scope: dict[str, Any]) -> str:
    """The text of a condition without parts."""
    shape = draw(st.sampled_from(["compare"] * 4 + ["text", "has", "in", "enum", "list", "flag", "member"]))
    if shape == "compare":
        kind = draw(st.sampled_from([INT, DOUBLE, STRING, DATE]))
        of = [f"{one}.{it.name}" for one, entity in scope.items() for it in _attributes(entity, kind) if not it.values]
        if not of:
            return "person.restricted"
        order = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
        return f"{draw(st.sampled_from(of))} {order} {draw(terms(kind, {k: _plain(v) for k, v in scope.items()}))}"
    if shape == "text":
        test = draw(st.sampled_from(["startsWith", "endsWith", "contains"]))
        return f"{draw(terms(STRING, scope))}.{test}({draw(terms(STRING, scope))})"
    if shape == "in":
        kind = draw(st.sampled_from([INT, DATE, DOUBLE]))
        values = ", ".join(draw(st.lists(literals(kind), min_size=1, max_size=3)))
        attribute = draw(st.sampled_from(_attributes(PERSON, kind)))
        return f"person.{attribute.name} in [{values}]"
    if shape == "enum":
        return draw(
            st.sampled_from(
                ['person.stage in ["LOST", "OWNER"]', 'person.kind == "PERSON"', 'person.stage != "ACTIVE"']
            )
        )
    if shape == "list":
        return f"{draw(terms(STRING, scope))} in person.{draw(st.sampled_from(['consents', 'interests']))}"
    if shape == "member":
        return draw(st.sampled_from([f'"{LIST}" in lists', f'"{SEGMENT}" in segments']))
    if shape == "flag":
        return draw(st.sampled_from(["person.restricted", "true", "false", "person.restricted == false"]))
    of = draw(st.sampled_from(sorted(scope)))
    return f"has({of}.{draw(st.sampled_from(sorted(scope[of].attributes)))})"


def _plain(entity: Any) -> Any:
    """An entity without its enums, of which only declared words are compared."""
    return type(entity)(entity.name, {k: one for k, one in entity.attributes.items() if not one.values}, entity.many)


@st.composite
def rules(draw: Any, scope: dict[str, Any] | None = None, depth: int = 3) -> str:
    """The text of a condition."""
    scope = scope or {"person": PERSON}
    if not depth or draw(st.integers(0, 3)) == 0:
        return draw(atoms(scope))
    shape = draw(st.sampled_from(["&&", "||", "!", "?:", "loop", "loop"]))
    if shape == "loop" and len(scope) < 3:
        over, macro = (
            draw(st.sampled_from(["cars", "holdings"])),
            draw(st.sampled_from(["exists", "all", "exists_one"])),
        )
        name = f"v{len(scope)}"
        return f"{over}.{macro}({name}, {draw(rules({**scope, name: ENTITIES[over]}, depth - 1))})"
    one = draw(rules(scope, depth - 1))
    if shape == "!":
        return f"!({one})"
    if shape == "?:":
        return f"({one} ? {draw(rules(scope, depth - 1))} : {draw(rules(scope, depth - 1))})"
    return f"({one} {'&&' if shape in ('&&', 'loop') else '||'} {draw(rules(scope, depth - 1))})"


class TestEqual:
    @pytest.mark.parametrize(
        "text",
        [
            "person.birth_month == person.birth_month || !(cars.exists(v1, person.birth_month in [0]))",
            "!(cars.all(v1, !(person.birth_month in [0, 1])))",
        ],
    )
    async def test_a_negation_in_a_loop_of_what_is_not_known_decides_nothing(self, world: World, text: str) -> None:
        await agree(world, text)

    @pytest.mark.parametrize("order", ["==", "!=", "<", "<=", ">", ">="])
    async def test_days_beside_a_number_are_judged_alike_from_both_sides(self, world: World, order: str) -> None:
        for number in (-1, 0, 30, 365, 200_000):
            for days in ("person.days_since_visit", "c.days_to_service"):
                for text in (f"{days} {order} {number}", f"{number} {order} {days}"):
                    await agree(world, text if days.startswith("person") else f"cars.exists(c, {text})")

    @settings(
        max_examples=int(os.environ.get("MARQUE_SEGMENT_RULES", "120")),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(text=rules())
    async def test_the_sql_of_a_rule_picks_whom_its_evaluation_picks(self, world: World, text: str) -> None:
        await agree(world, text)


async def agree(world: World, text: str) -> None:
    """Fails where the two differ for anybody. A rule that could leave 64 bits, or is too long, is refused before: nothing to compare."""
    try:
        rule = read(text)
    except CelError as error:
        if error.reason == "CEL_SIZE" or "divided by zero" in error.text:
            return
        raise
    nested = read(NESTED).condition
    where = SegmentSql(Asked(TODAY, {SEGMENT: nested})).where(rule.condition)
    async with world.engine.connect() as session:
        found = set((await session.execute(sa.select(PEOPLE.c.customer_id).where(where))).scalars())
    expected = set()
    for key, person in world.people.items():

        def member(of: str, one: uuid.UUID, key: uuid.UUID = key, person: evaluate.Person = person) -> bool:
            return (
                key in world.listed if of == "lists" else bool(evaluate.holds(nested, person, evaluate.Moment(TODAY)))
            )

        if evaluate.holds(rule.condition, person, evaluate.Moment(TODAY, member)) is True:
            expected.add(key)
    assert found == expected, text
