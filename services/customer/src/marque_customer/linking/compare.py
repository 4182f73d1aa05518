"""How two records are compared, feature by feature: levels from the most alike to different, as SQL that DuckDB runs by the column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from marque_customer.linking.profile import Profile


@dataclass(frozen=True)
class Level:
    """One degree of likeness. `tf`: the column whose term frequencies say how much an agreement on this value is worth; `firm`: so alike
    that the feature does not speak against merging without asking.
    """

    name: str
    sql: str
    tf: str = ""
    firm: bool = False


@dataclass(frozen=True)
class Feature:
    """A comparison.

    `known`: the conditions, `{s}` standing for the side, of which one must hold on both sides for it to say anything; `naming`: a name;
    `strict`: a pair that is not firmly alike in it is never merged without asking (`strict_with`: only where another feature is known too).
    """

    name: str
    known: tuple[str, ...]
    levels: tuple[Level, ...]
    naming: bool = False
    strict: bool = False
    strict_with: str = ""

    def settings(self) -> dict[str, Any]:
        """Returns the comparison in splink's form."""
        both = (" AND ".join(one.format(s=side) for side in ("_l", "_r")) for one in self.known)
        absent = f"NOT ({' OR '.join(f'({one})' for one in both)})"
        found: list[dict[str, Any]] = [{"sql_condition": absent, "label_for_charts": "unknown", "is_null_level": True}]
        for level in self.levels:
            one: dict[str, Any] = {"sql_condition": level.sql, "label_for_charts": level.name}
            if level.tf:
                one |= {"tf_adjustment_column": level.tf, "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 1e-5}
            found.append(one)
        found.append({"sql_condition": "ELSE", "label_for_charts": "different"})
        return {"output_column_name": self.name, "comparison_levels": found}


def near(column: str, edits: int = 1) -> str:
    """SQL: at most so many slips (a letter more, less, other, or two neighbours transposed)."""
    return f"damerau_levenshtein({column}_l, {column}_r) <= {edits}"


def alike(column: str, bound: float) -> str:
    """SQL: the Jaro–Winkler similarity reaches a bound."""
    return f"jaro_winkler_similarity({column}_l, {column}_r) >= {bound}"


def shared(column: str) -> str:
    """SQL: two lists have an element in common."""
    return f"list_has_any({column}_l, {column}_r)"


def overlap(column: str, bound: float) -> str:
    """SQL: the Jaccard likeness of two lists of distinct words reaches a bound."""
    common = f"len(list_intersect({column}_l, {column}_r))"
    return f"{common} >= {bound} * (len({column}_l) + len({column}_r) - {common})"


def within(column: str, least: int = 2) -> str:
    """SQL: the shorter list of words, of at least so many, is contained in the longer."""
    smaller = f"least(len({column}_l), len({column}_r))"
    return f"{smaller} >= {least} AND len(list_intersect({column}_l, {column}_r)) = {smaller}"


# One number and name of a street may stand in two towns, and in one town as a street and as an avenue: where both sides say which, and say
# another, it need not be the same house. A postcode may have a slip of one digit, or a longer form.
_AGREED = """NOT coalesce(NOT list_has_any(street_kinds_l, street_kinds_r), FALSE) AND NOT coalesce(
    damerau_levenshtein(postcode_l, postcode_r) > 1 AND NOT starts_with(postcode_l, postcode_r)
    AND NOT starts_with(postcode_r, postcode_l), FALSE)"""
WHERE = {"address_key", "postcode", "place"}


def features(profile: Profile) -> list[Feature]:
    """Returns the comparisons of the features that this table has."""
    ways = {
        "given": _given, "family": _family, "further": _further, "org_key": _organisation, "birth": _birth, "phone": _phone,
        "email": _email,
        "identity": _identity,
    }  # fmt: skip
    found = [make() for name, make in ways.items() if name in profile.filled]
    if WHERE & profile.filled.keys():
        found.append(_where(profile))
    if "org_key" in profile.filled:
        # Branches of one organisation share its name: only place and line tell them apart.
        found = [replace(one, strict_with="org_key") if one.name in ("address", "phone") else one for one in found]
    return [*found, *(_other(name, few) for name, few in profile.others.items())]


# Written in Han on both sides, a name is what its characters sound like: one letter more or less in pinyin is another name.
_ROMAN = "(written_l IS NULL OR written_r IS NULL)"


def _turned(mine: str, other: str) -> str:
    """SQL: one side's part stands where the other side has its other part, and the rest does not contradict: a single word that two people
    share must not count for both their names.
    """

    def crossed(left: str, right: str) -> str:
        rest = f"jaro_winkler_similarity({other}_{left}, {mine}_{right}) >= 0.85"
        return f"({mine}_{left} = {other}_{right} AND ({other}_{left} IS NULL OR {mine}_{right} IS NULL OR {rest}))"

    def further(left: str, right: str) -> str:
        return f"coalesce(list_contains(further_{right}, {mine}_{left}), FALSE)"

    return " OR ".join((crossed("l", "r"), crossed("r", "l"), further("l", "r"), further("r", "l")))


def _given() -> Feature:
    prefix = (
        "least(len(given_l), len(given_r)) >= 3 AND (starts_with(given_l, given_r) OR starts_with(given_r, given_l))"
    )
    return Feature("given", ("given{s} IS NOT NULL",), (
        Level("same", "given_l = given_r", "given", firm=True),
        Level("short_form", f"{_ROMAN} AND {shared('forms')}", firm=True),
        Level("slip", f"{_ROMAN} AND {near('given')} AND least(len(given_l), len(given_r)) >= 4", firm=True),
        Level("initial", "least(len(given_l), len(given_r)) = 1 AND given_l[1] = given_r[1]"),
        Level("elsewhere", _turned("given", "family"), firm=True),
        Level("alike", f"{_ROMAN} AND ({alike('given', 0.87)} OR ({prefix}))"),
    ), naming=True, strict=True)  # fmt: skip


def _family() -> Feature:
    return Feature("family", ("family{s} IS NOT NULL",), (
        Level("same", "family_l = family_r", "family", firm=True),
        Level("slip", f"{_ROMAN} AND {near('family')} AND least(len(family_l), len(family_r)) >= 4", firm=True),
        Level("elsewhere", _turned("family", "given"), firm=True),
        Level("alike", f"{_ROMAN} AND {alike('family', 0.87)}"),
    ), naming=True, strict=True)  # fmt: skip


def _further() -> Feature:
    return Feature("further", ("further{s} IS NOT NULL",), (
        Level("same", shared("further"), firm=True),
        Level("alike", "list_has_any(further_heads_l, further_heads_r)", firm=True),
    ))  # fmt: skip


def _birth() -> Feature:
    swapped = "birth_l[:4] = birth_r[:4] AND birth_l[6:7] = birth_r[9:10] AND birth_l[9:10] = birth_r[6:7]"
    parts = " + ".join(f"(birth_l[{span}] = birth_r[{span}])::INT" for span in (":4", "6:7", "9:10"))
    return Feature("birth", ("birth{s} IS NOT NULL",), (
        Level("same", "birth_l = birth_r", "birth", firm=True),
        Level("slip", f"{near('birth')} OR ({swapped})", firm=True),
        Level("part", f"{parts} >= 2"),
        Level("alike", near("birth", 2)),
        Level("year", "birth_l[:4] = birth_r[:4]"),
    ))  # fmt: skip


def _phone() -> Feature:
    return Feature("phone", ("phone{s} IS NOT NULL",), (
        Level("same", "phone_l = phone_r", "phone", firm=True),
        Level("shared", shared("phones"), firm=True),
        Level("tail", "least(len(phone_l), len(phone_r)) >= 7 AND phone_l[-7:] = phone_r[-7:]", firm=True),
        Level("slip", near("phone"), firm=True),
    ))  # fmt: skip


def _email() -> Feature:
    local, host = "split_part(email{s}, '@', 1)", "split_part(email{s}, '@', 2)"
    box = [local.format(s=side) for side in ("_l", "_r")]
    hosts = [host.format(s=side) for side in ("_l", "_r")]
    return Feature("email", ("email{s} IS NOT NULL",), (
        Level("same", "email_l = email_r", "email", firm=True),
        Level("shared", shared("emails"), firm=True),
        Level("mailbox", f"{box[0]} = {box[1]} AND len({box[0]}) >= 4", firm=True),
        Level("slip", f"{near('email', 2)} AND len(email_l) >= 8", firm=True),
        Level("alike", f"jaro_winkler_similarity({box[0]}, {box[1]}) >= 0.9 AND jaro_winkler_similarity({hosts[0]}, {hosts[1]}) >= 0.9"),
    ))  # fmt: skip


def _identity() -> Feature:
    return Feature("identity", ("identity{s} IS NOT NULL",), (
        Level("same", "identity_l = identity_r", "identity", firm=True),
        Level("shared", shared("identities"), firm=True),
        Level("slip", near("identity"), firm=True),
        Level("alike", near("identity", 2)),
    ))  # fmt: skip


def _where(profile: Profile) -> Feature:
    """Address, postcode and place in one: who has the first in common has the others too, and must not be credited for each."""
    number = "address_numbers_l[1] = address_numbers_r[1]"
    worded = (overlap("address_words", 0.6), within("address_words", 1))
    house = f"{number} AND ({alike('address_key', 0.92)} OR {' OR '.join(f'coalesce({one}, FALSE)' for one in worded)})"
    longer = "least(len(place_l), len(place_r)) >= 2 AND (contains(place_l, place_r) OR contains(place_r, place_l))"
    same = "address_key_l = address_key_r"
    by_column = {
        "address_key": (
            Level("otherwise", f"({same} OR ({house})) AND NOT ({_AGREED})"),
            Level("same", same, "address_key", firm=True), Level("house", house, firm=True),
        ),
        "postcode": (Level("postcode", "postcode_l = postcode_r", "postcode"), Level("postcode_slip", near("postcode"))),
        "place": (Level("place", "place_l = place_r", "place"),),
    }  # fmt: skip
    loose = {
        "address_key": (Level("street", f"coalesce({overlap('address_words', 0.6)}, FALSE)"),),
        "postcode": (Level("area", "postcode_l[:3] = postcode_r[:3]"),),
        "place": (Level("place_alike", f"{alike('place', 0.9)} OR ({longer})"),),
    }  # fmt: skip
    present = [name for name in by_column if name in profile.filled]
    levels = [level for group in (by_column, loose) for name in present for level in group[name]]
    return Feature("address", tuple(f"{name}{{s}} IS NOT NULL" for name in present), tuple(levels))


def _organisation() -> Feature:
    short = "len(org_short_{a}) >= 3 AND list_contains(org_words_{b}, org_short_{a})"
    return Feature("org_key", ("org_key{s} IS NOT NULL",), (
        Level("same", "org_key_l = org_key_r", "org_key", firm=True),
        Level("alike", f"{overlap('org_words', 0.65)} OR {alike('org_key', 0.94)}", firm=True),
        Level("within", within("org_words"), firm=True),
        Level("abbreviation", f"({short.format(a='l', b='r')}) OR ({short.format(a='r', b='l')})"),
        Level("telling", f"coalesce({shared('org_rare')}, FALSE) AND {overlap('org_words', 0.3)}"),
        Level("words", f"coalesce({shared('org_rare')}, FALSE)"),
        Level("some", shared("org_words")),
    ), naming=True, strict=True)  # fmt: skip


def _other(name: str, few: bool) -> Feature:
    same = Level("same", f"{name}_l = {name}_r", name, firm=True)
    alike_levels = (
        Level("alike", f"{alike(name, 0.9)} OR coalesce({overlap(f'{name}_words', 0.6)}, FALSE)", firm=True),
        Level("words", f"coalesce({shared(f'{name}_words')}, FALSE)", firm=True),
    )
    return Feature(name, (f"{name}{{s}} IS NOT NULL",), (same,) if few else (same, *alike_levels))
