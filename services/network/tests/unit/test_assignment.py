"""Who gets the work: allowed, reasoned, fair within the stated bound, stable under ties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque_network.rules import assignment
from marque_network.rules.assignment import Candidate, Need, judge, standing

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
ROLES, SKILLS, TONGUES = ("dealer.sales", "dealer.service"), ("ev", "fleet"), ("zh-CN", "en", "de")

moments = st.none() | st.integers(1, 5000).map(lambda minutes: AT + timedelta(minutes=minutes))
needs = st.builds(
    Need,
    roles=st.frozensets(st.sampled_from(ROLES), max_size=1),
    skills=st.lists(st.sampled_from(SKILLS), unique=True, max_size=2).flatmap(
        lambda codes: st.tuples(*(st.tuples(st.just(code), st.integers(0, 3)) for code in codes))
    ),
    languages=st.lists(st.sampled_from(TONGUES), unique=True, max_size=2).map(tuple),
    language_required=st.booleans(),
    related=st.lists(st.sampled_from("abcd"), unique=True, max_size=2).map(tuple),
    excluded=st.frozensets(st.sampled_from("abcdefgh"), max_size=2),
)


@st.composite
def teams(draw: st.DrawFn, need: Need) -> list[Candidate]:
    """People with all that can be true of them."""
    return [
        Candidate(
            staff_id=key,
            employed=draw(st.integers(0, 9)) > 0,
            roles=draw(st.frozensets(st.sampled_from(ROLES), min_size=1)),
            levels=tuple((code, draw(st.integers(0, 5))) for code, _ in need.skills),
            languages=draw(st.lists(st.sampled_from(TONGUES), unique=True).map(tuple)),
            presence=draw(st.integers(0, 4)),
            working=draw(st.booleans()),
            opens=draw(moments),
            open_items=draw(st.integers(0, 12)),
            capacity=draw(st.sampled_from((0, 5, 10))),
            given=draw(st.integers(0, 5)),
            last_given=draw(st.none() | st.just(AT - timedelta(hours=1))),
        )
        for key in draw(st.lists(st.sampled_from("abcdefgh"), unique=True))
    ]


questions = needs.flatmap(lambda need: st.tuples(st.just(need), teams(need)))


def allowed(need: Need, person: Candidate) -> bool:
    """The same rule, told as a layman would."""
    tongues = {tag.split("-")[0] for tag in person.languages}
    return (
        person.staff_id not in need.excluded
        and person.employed
        and (not need.roles or bool(need.roles & person.roles))
        and all(dict(person.levels)[code] >= max(1, level) for code, level in need.skills)
        and not (
            need.language_required and need.languages and not tongues & {tag.split("-")[0] for tag in need.languages}
        )
        and not (person.capacity and person.open_items >= person.capacity)
    )


class TestJudge:
    @given(questions)
    def test_only_who_is_allowed_gets_it_and_everybody_is_told_why(
        self, question: tuple[Need, list[Candidate]]
    ) -> None:
        need, people = question
        can, cannot = judge(need, people, AT)

        assert {one.staff_id for one in can} == {one.staff_id for one in people if allowed(need, one)}
        assert {one.staff_id for one in cannot} == {one.staff_id for one in people if not allowed(need, one)}
        assert all(one.reasons for one in (*can, *cannot))

    @given(questions, st.randoms())
    def test_the_order_of_the_people_changes_nothing(
        self, question: tuple[Need, list[Candidate]], dice: object
    ) -> None:
        need, people = question
        mixed = list(people)
        dice.shuffle(mixed)  # type: ignore[attr-defined]

        assert judge(need, mixed, AT) == judge(need, people, AT)

    @given(questions)
    def test_nobody_who_stands_better_is_passed_over(self, question: tuple[Need, list[Candidate]]) -> None:
        need, people = question
        can, _ = judge(need, people, AT)
        by_id = {one.staff_id: one for one in people}
        stands = [standing(need, by_id[one.staff_id], AT) for one in can]

        assert stands == sorted(stands)

    @given(questions)
    def test_relations_come_first(self, question: tuple[Need, list[Candidate]]) -> None:
        need, people = question
        can = [one.staff_id for one in judge(need, people, AT)[0]]
        related = [key for key in need.related if key in can]

        assert can[: len(related)] == related

    @given(st.integers(1, 7), st.integers(0, 60), st.lists(st.integers(0, 6), max_size=60), st.integers(0, 4))
    def test_among_equals_the_counts_differ_by_at_most_one(
        self, size: int, rounds: int, ends: list[int], seed: int
    ) -> None:
        """Work comes and ends in any order; nobody's load leaves its band, so all stay equals."""
        people = {key: Candidate(key, capacity=1000, given=seed) for key in "abcdefgh"[:size]}
        for turn in range(rounds):
            best = people[judge(Need(), people.values(), AT)[0][0].staff_id]
            moment = AT + timedelta(minutes=turn)
            people[best.staff_id] = replace(
                best, given=best.given + 1, open_items=best.open_items + 1, last_given=moment
            )
            if turn < len(ends) and (done := "abcdefgh"[ends[turn]]) in people and people[done].open_items:
                people[done] = replace(people[done], open_items=people[done].open_items - 1)
            counts = [one.given for one in people.values()]
            assert max(counts) - min(counts) <= 1

    @given(questions)
    def test_of_equals_the_one_who_was_given_least_is_first(self, question: tuple[Need, list[Candidate]]) -> None:
        need, people = question
        can, _ = judge(need, people, AT)
        if can:
            by_id = {one.staff_id: one for one in people}
            best = by_id[can[0].staff_id]
            equals = [
                by_id[one.staff_id]
                for one in can
                if standing(need, by_id[one.staff_id], AT) == standing(need, best, AT)
            ]
            assert best.given == min(one.given for one in equals)

    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            ({"presence": assignment.AVAILABLE}, {"presence": assignment.BUSY}),
            ({"presence": assignment.UNKNOWN}, {"presence": assignment.BUSY}),
            ({"presence": assignment.AWAY}, {"presence": assignment.OFF}),
            ({"working": True}, {"working": False, "opens": AT + timedelta(minutes=1)}),
            ({"working": False, "opens": AT + timedelta(minutes=15)}, {"working": False, "opens": AT + timedelta(minutes=16)}),
            ({"working": False, "opens": AT + timedelta(days=9)}, {"working": False, "opens": None}),
            ({"open_items": 2, "capacity": 10}, {"open_items": 3, "capacity": 10}),
            ({"open_items": 4}, {"open_items": 5}),
            ({"given": 1}, {"given": 2}),
            ({"last_given": None}, {"last_given": AT}),
            ({"languages": ("zh-TW",)}, {"languages": ("en",)}),
            ({"languages": ("en",)}, {"languages": ("de",)}),
        ],
    )  # fmt: skip
    def test_boundaries_of_each_step(self, better: dict[str, object], worse: dict[str, object]) -> None:
        need = Need(languages=("zh-CN", "en"))
        people = [Candidate("z", **better), Candidate("a", **worse)]  # type: ignore[arg-type]

        assert [one.staff_id for one in judge(need, people, AT)[0]] == ["z", "a"]

    @pytest.mark.parametrize(
        ("need", "person", "code"),
        [
            (Need(excluded=frozenset("a")), {}, "EXCLUDED"),
            (Need(), {"employed": False}, "NOT_EMPLOYED"),
            (Need(roles=frozenset({"dealer.sales"})), {"roles": frozenset({"dealer.care"})}, "ROLE_MISSING"),
            (Need(skills=(("ev", 3),)), {"levels": (("ev", 2),)}, "SKILL_MISSING"),
            (Need(skills=(("ev", 0),)), {"levels": (("ev", 0),)}, "SKILL_MISSING"),
            (Need(languages=("de",), language_required=True), {"languages": ("en",)}, "LANGUAGE_MISSING"),
            (Need(), {"open_items": 5, "capacity": 5}, "CAPACITY_FULL"),
        ],
    )  # fmt: skip
    def test_who_cannot_is_told_what_is_missing(self, need: Need, person: dict[str, object], code: str) -> None:
        _, cannot = judge(need, [Candidate("a", **person)], AT)  # type: ignore[arg-type]

        assert [reason.code for reason in cannot[0].reasons] == [code]
