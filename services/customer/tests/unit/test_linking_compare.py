"""Levels of likeness at their boundaries, as DuckDB computes them."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marque_customer.linking import compare, prepare, reasons
from marque_customer.linking.columns import Columns, Role
from marque_customer.linking.profile import Profile
from marque_customer.rules import likeness

COLUMNS = Columns("k", {role.value: role for role in Role})
_FILLED = (
    "given",
    "family",
    "further",
    "org_key",
    "birth",
    "phone",
    "email",
    "identity",
    "address_key",
    "postcode",
    "place",
)
PROFILE = Profile(2, dict.fromkeys(_FILLED, 1.0), {}, {"other_0": False})
FEATURES = {feature.name: feature for feature in compare.features(PROFILE)}


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as made:
        yield made


def features_of(row):
    """A row's features as `people` holds them; every word counts as telling."""
    made = prepare.record({"k": "1", **row}, COLUMNS, 0)
    return made | {"org_rare": made["org_words"], "address_rare": made["address_words"]}


def levels(database, left, right):
    """The level's name that each feature gives two rows."""
    shape = pa.schema(
        [*prepare.schema(COLUMNS), ("org_rare", pa.list_(pa.string())), ("address_rare", pa.list_(pa.string()))]
    )
    for name, row in (("one", left), ("other", right)):
        database.register(name, pa.Table.from_pylist([features_of(row)], schema=shape))
    sides = ", ".join(f"one.{name} AS {name}_l, other.{name} AS {name}_r" for name in shape.names)
    cases = ", ".join(f"CASE {whens(feature)} ELSE 'different' END" for feature in FEATURES.values())
    query = f"SELECT {cases} FROM (SELECT {sides} FROM one, other)"
    return dict(zip(FEATURES, database.execute(query).fetchall()[0], strict=True))


def whens(feature):
    conditions = feature.settings()["comparison_levels"][:-1]
    return " ".join(f"WHEN {one['sql_condition']} THEN '{one['label_for_charts']}'" for one in conditions)


CASES = [
    ("given", {"given": "Robert", "family": "Hill"}, {"given": "Robert", "family": "Hall"}, "same"),
    ("given", {"given": "Robert", "family": "Hill"}, {"given": "Bob", "family": "Hill"}, "short_form"),
    ("given", {"given": "Robert", "family": "Hill"}, {"given": "Robret", "family": "Hill"}, "slip"),
    ("given", {"given": "Robert", "family": "Hill"}, {"given": "R", "family": "Hill"}, "initial"),
    ("given", {"given": "Robert", "family": "Hill"}, {"given": "Hill", "family": "Robert"}, "elsewhere"),
    ("given", {"given": "Williams", "family": "Richard"}, {"given": "Jonas", "family": "Williams"}, "different"),
    ("given", {"full": "韩新"}, {"full": "韩敏"}, "different"),
    ("given", {"full": "韩志强"}, {"full": "韩志刚"}, "different"),
    ("given", {"full": "王伟"}, {"full": "Wei Wang"}, "same"),
    ("given", {"full": "王伟"}, {"full": "Wang"}, "elsewhere"),
    ("given", {"given": ""}, {"given": "Robert"}, "unknown"),
    ("family", {"given": "A", "family": "Henderson"}, {"given": "A", "family": "Hendersen"}, "slip"),
    ("family", {"given": "Reuben", "family": "Hill"}, {"given": "Hill", "family": "Reuben"}, "elsewhere"),
    ("birth", {"birth": "1980-02-03"}, {"birth": "1980-02-03"}, "same"),
    ("birth", {"birth": "1980-02-03"}, {"birth": "1980-03-02"}, "slip"),
    ("birth", {"birth": "1980-02-03"}, {"birth": "1908-02-03"}, "slip"),
    ("birth", {"birth": "1980-02-03"}, {"birth": "1980-02-28"}, "part"),
    ("birth", {"birth": "1980-02-03"}, {"birth": "1980-11-28"}, "year"),
    ("birth", {"birth": "1980-02-03"}, {"birth": "1975-11-28"}, "different"),
    ("phone", {"phone": "13812345678"}, {"phone": "+8613812345678"}, "same"),
    ("phone", {"phone": "13812345678"}, {"phone": "13812354678"}, "slip"),
    ("phone", {"phone": "13812345678"}, {"phone": "13912345678"}, "tail"),
    ("phone", {"phone": "13812345678"}, {"phone": "13998765432"}, "different"),
    ("email", {"email": "bob.hill@a.org"}, {"email": "bob.hill@b.org"}, "mailbox"),
    ("email", {"email": "bob.hill@example.org"}, {"email": "bbo.hill@example.org"}, "slip"),
    ("identity", {"identity": "330102198002031234"}, {"identity": "330102198002031243"}, "slip"),
    ("address", {"address": "221 E 51st St"}, {"address": "221 East 51st Street"}, "same"),
    ("address", {"address": "221 Oak Street flat 3"}, {"address": "221 Oak St"}, "house"),
    ("address", {"address": "221 Oak Street"}, {"address": "229 Oak Street"}, "street"),
    ("address", {"address": "1701 W 53rd Avenue"}, {"address": "1701 West 53rd St"}, "otherwise"),
    ("address", {"address": "1701 W 53rd"}, {"address": "1701 West 53rd St"}, "same"),
    ("address", {"address": "中山路12号"}, {"address": "中山大道12号"}, "otherwise"),
    ("address", {"address": "9 Oak St", "postcode": "60622"}, {"address": "9 Oak Street", "postcode": "60647"}, "otherwise"),
    ("address", {"address": "9 Oak St", "postcode": "60622"}, {"address": "9 Oak Street", "postcode": "60623"}, "same"),
    ("address", {"address": "9 Oak St", "postcode": "60622"}, {"address": "9 Oak St", "postcode": "60622-1234"}, "same"),
    ("address", {"address": "9 Oak St", "postcode": "60622"}, {"address": "9 Oak Street"}, "same"),
    ("address", {"postcode": "310012"}, {"postcode": "310021"}, "postcode_slip"),
    ("address", {"postcode": "310012", "place": "杭州"}, {"postcode": "200031", "place": "杭州"}, "place"),
    ("address", {"postcode": "310012"}, {"place": "杭州"}, "unknown"),
    ("org_key", {"organisation": "Acme Motors Inc"}, {"organisation": "ACME Motors LLC"}, "same"),
    ("org_key", {"organisation": "Acme Motors"}, {"organisation": "Acme Motors of Greater Chicago"}, "within"),
    ("org_key", {"organisation": "Young Mens Christian Assn"}, {"organisation": "YMCA"}, "abbreviation"),
    ("org_key", {"organisation": "Acme Motors"}, {"organisation": "Blue Foods"}, "different"),
    ("other_0", {"other": "rugby player"}, {"other": "rugby player"}, "same"),
    ("other_0", {"other": "rugby player"}, {"other": "football player"}, "words"),
]  # fmt: skip

ROWS = st.fixed_dictionaries(
    {},
    optional={
        "given": st.sampled_from(["Robert", "Bob", "R", "小明", "Xiaoming", "\x00", ""]),
        "family": st.sampled_from(["Hill", "Robert", "王", "Wang", "", "  "]),
        "birth": st.sampled_from(["1980-02-03", "1980-03-02", "0000-00-00", "x"]),
        "phone": st.text(alphabet="0123456789+ ", max_size=14),
        "email": st.sampled_from(["a@b.org", "@", "a@", "bob@x.org"]),
        "address": st.text(max_size=12),
        "place": st.sampled_from(["杭州", "Hangzhou", ""]),
        "organisation": st.sampled_from(["Acme", "Acme Motors Inc", "上海大众汽车有限公司", ""]),
    },
)


class TestLevels:
    @pytest.mark.parametrize(("feature", "left", "right", "expected"), CASES)
    def test_level_at_its_boundary_is_the_same_from_both_sides(self, database, feature, left, right, expected):
        assert levels(database, left, right)[feature] == expected
        assert levels(database, right, left)[feature] == expected

    @settings(max_examples=15, deadline=None)
    @given(ROWS, ROWS)
    def test_every_feature_is_symmetric_for_whatever_rows_hold(self, database, left, right):
        assert levels(database, left, right) == levels(database, right, left)

    @settings(max_examples=10, deadline=None)
    @given(ROWS)
    def test_a_row_is_like_itself_or_unknown(self, database, row):
        assert set(levels(database, row, row).values()) <= {"same", "unknown", "postcode", "place", "house"}


class TestReasons:
    def test_heaviest_comes_first_and_what_is_unknown_is_not_said(self):
        row = {f"{kind}_{name}": -1 if kind == "g" else 0.0 for name in FEATURES for kind in "gwt"}
        row |= {
            "g_family": 4,
            "w_family": 9.5,
            "t_family": 3.0,
            "g_phone": 0,
            "w_phone": -3.25,
            "g_other_0": 3,
            "w_other_0": 1.0,
        }
        found = reasons.reasons(row, list(FEATURES.values()), ["trade"])

        assert [(one["code"], one["weight"]) for one in found] == [
            ("SAME_FAMILY_RARE", 9.5), ("DIFFERENT_PHONE", -3.25), ("SAME_OTHER:trade", 1.0)
        ]  # fmt: skip

    @pytest.mark.parametrize("language", ["zh-CN", "en"])
    def test_every_level_of_every_feature_has_words_in_both_languages(self, language):
        for feature in FEATURES.values():
            subject = {"org_key": "ORGANISATION", "birth": "BIRTH_DATE", "other_0": "OTHER"}.get(
                feature.name, feature.name
            )
            for name in (*(one.name for one in feature.levels), "different"):
                said = likeness.text(likeness.code(name, subject, 0, "trade" if subject == "OTHER" else ""), language)

                assert said.isascii() == (language == "en") or subject == "OTHER"
                assert "_" not in said

    def test_sentences_read_well(self):
        assert likeness.text("SAME_FAMILY_RARE", "en") == "The same family name, and it is rare"
        assert likeness.text("SLIP_PHONE", "zh-CN") == "电话号码仅差一处笔误或相邻颠倒"
        assert likeness.text("WHAT_IS_THIS", "zh-CN") == "What is this"

    @given(st.floats(allow_nan=False))
    def test_probability_lies_between_nought_and_one_and_grows(self, weight):
        assert 0 <= reasons.probability(weight) <= reasons.probability(weight + 1) <= 1
