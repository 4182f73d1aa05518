"""Rules of segments: what is refused and where, and what an evaluation says of what is not known."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from marque_campaign.rules.segments.check import read
from marque_campaign.rules.segments.evaluate import Moment, Person, holds
from tradekit.cel import CelError

MOMENT = Moment(date(2026, 3, 1))


class TestRefused:
    @pytest.mark.parametrize(
        ("rule", "reason", "place", "words"),
        [
            ('person.languag == "en"', "CEL_NAME", (1, 1), "did you mean language?"),
            ('true &&\n  person.stage == "LOSTT"', "CEL_NAME", (2, 19), "did you mean LOST?"),
            ("person.visit_count / 0 > 1", "CEL_TYPE", (1, 22), "divided by zero"),
            ("person.spend * person.spend * person.spend > 1", "CEL_SIZE", (1, 1), "64 bits"),
            ('cars.model == "x"', "CEL_NAME", (1, 1), "cars.exists(one"),
            ("carz.exists(c, true)", "CEL_TYPE", (1, 1), "did you mean cars?"),
            ('person.last_visit_date < "2026-1-1"', "CEL_TYPE", (1, 26), '"2026-12-31"'),
            ('person.last_visit_date < "2026-02-30"', "CEL_TYPE", (1, 26), '"2026-12-31"'),
            ("person.language", "CEL_TYPE", (1, 1), "a condition is expected"),
            ('person.visit_count > "3"', "CEL_TYPE", (1, 22), "int is expected here, this is string"),
            ('"x" in segments', "CEL_TYPE", (1, 1), "id of a segment"),
            ('person.stage < "LOST"', "CEL_TYPE", (1, 1), "have an order"),
            ('person.language == "a\\u0000"', "CEL_TYPE", (1, 20), "zero character"),
            ("cars.exists(cars, true)", "CEL_NAME", (1, 1), "something else already"),
            ("person.visit_count >", "CEL_SYNTAX", (1, 20), "no CEL expression"),
            ("cars.map(c, c.vin) == []", "CEL_OUTSIDE", (1, 1), "no method"),
            ("!" * 60 + "true", "CEL_SIZE", (1, 1), "nests deeper"),
        ],
    )
    def test_a_rule_is_refused_where_it_is_wrong(
        self, rule: str, reason: str, place: tuple[int, int], words: str
    ) -> None:
        with pytest.raises(CelError) as fault:
            read(rule)
        assert (fault.value.reason, (fault.value.place.line, fault.value.place.column)) == (reason, place)
        assert words in fault.value.text


class TestUnknown:
    CARS: tuple[dict[str, Any], ...] = ({"open_recalls": 1}, {"open_recalls": None})

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            ('person.language == "en"', None),
            ('!(person.language == "en")', None),
            ('person.language == "en" || true', True),
            ('person.language == "en" && false', False),
            ("has(person.language)", False),
            ("person.visit_count / (person.visit_count - 2) > 0", None),
            ("cars.exists(c, c.open_recalls == 1)", True),
            ("cars.exists(c, c.open_recalls == 2)", None),
            ("cars.all(c, c.open_recalls == 2)", False),
            ("cars.all(c, c.open_recalls == 1)", None),
            ("cars.exists_one(c, c.open_recalls == 1)", None),
            ("holdings.all(h, false)", True),
            ("size(cars) == 2 && person.days_since_visit == 1", True),
            ("-7 / person.visit_count == -3 && -7 % person.visit_count == -1", True),
        ],
    )
    def test_what_is_not_known_has_no_value_until_another_side_decides(self, rule: str, expected: bool | None) -> None:
        columns = {"language": None, "visit_count": 2, "last_visit_date": date(2026, 2, 28)}
        assert holds(read(rule).condition, Person(columns, {"cars": self.CARS}), MOMENT) is expected


class TestOrders:
    """What comparisons mean, written out: the SQL of rules is held against their evaluation, and both take the operators from one table."""

    BELOW_SAME_ABOVE: tuple[dict[str, Any], ...] = (
        {"visit_count": 1, "last_score": 1.4, "language": "de", "last_visit_date": date(2026, 1, 31)},
        {"visit_count": 2, "last_score": 1.5, "language": "en", "last_visit_date": date(2026, 2, 1)},
        {"visit_count": 3, "last_score": 1.6, "language": "zh-CN", "last_visit_date": date(2026, 2, 2)},
    )

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            ("<", [True, False, False]),
            ("<=", [True, True, False]),
            ("==", [False, True, False]),
            ("!=", [True, False, True]),
            (">=", [False, True, True]),
            (">", [False, False, True]),
        ],
    )
    @pytest.mark.parametrize(
        "sides",
        [
            "person.visit_count {} 2",
            "person.last_score {} 1.5",
            'person.language {} "en"',
            'person.last_visit_date {} "2026-02-01"',
        ],
    )
    def test_each_order_holds_of_what_it_says(self, sides: str, order: str, expected: list[bool]) -> None:
        rule = read(sides.format(order)).condition

        assert [holds(rule, Person(one), MOMENT) for one in self.BELOW_SAME_ABOVE] == expected
