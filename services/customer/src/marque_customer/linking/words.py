"""Words of names, organisations and addresses, folded so that spelling habits no longer part them."""

from __future__ import annotations

import re
from functools import lru_cache

from tradekit import han
from tradekit.names import drop_apostrophes, fold

_TOKENS = re.compile(r"[a-z]+|[0-9]+|[^\W\d_a-z]+")
# What stands before or after a name and is none: titles, degrees, forms of address.
TITLES = frozenset((
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "lord", "lady", "dame", "rev", "reverend", "hon",
    "herr", "frau",
    "mme", "mlle", "monsieur", "madame", "sr", "sra", "don", "dona", "jr", "junior", "phd", "md", "esq", "capt", "captain",
    "col", "baron",
    "baronet", "viscount", "earl", "duke", "count", "xiansheng", "nushi", "xiaojie",
))  # fmt: skip
HAN_TITLES = ("先生", "女士", "小姐", "太太", "同志", "师傅", "老师", "经理", "总经理", "董事长", "医生", "教授")
# Words that say in which form of law somebody trades; two spellings of a firm differ in them first.
LEGAL_FORMS = frozenset((
    "inc", "incorporated", "llc", "llp", "lp", "ltd", "limited", "plc", "co", "company", "corp", "corporation", "gmbh",
    "mbh", "ag", "kg",
    "ohg", "ug", "sa", "sas", "sarl", "srl", "spa", "bv", "nv", "ab", "oy", "as", "aps", "pty", "pte", "kk", "sdn", "bhd", "holding",
    "holdings", "group", "the", "and", "of", "und", "et", "dba",
))  # fmt: skip
HAN_LEGAL = re.compile(r"(?:股份|控股|集团|科技)?(?:有限责任公司|有限公司|公司)|(?:集团|分公司|办事处|股份)")
# Abbreviation → the whole word, of addresses and of organisations alike.
_WHOLE = {
    "st": "street", "str": "street", "rd": "road", "ave": "avenue", "av": "avenue", "blvd": "boulevard", "dr": "drive", "ln": "lane",
    "ct": "court", "crt": "court", "pl": "place", "sq": "square", "hwy": "highway", "pkwy": "parkway", "pky": "parkway",
    "ter": "terrace",
    "tce": "terrace", "cres": "crescent", "cr": "crescent", "cct": "circuit", "cir": "circle", "apt": "apartment", "ste": "suite",
    "fl": "floor", "bldg": "building", "n": "north", "s": "south", "e": "east", "w": "west", "mt": "mount", "ft": "fort",
    "intl": "international", "int": "international", "natl": "national", "assn": "association", "assoc": "association",
    "dept": "department",
    "univ": "university", "uni": "university", "inst": "institute", "ctr": "center", "cntr": "center", "centre": "center",
    "mfg": "manufacturing",
    "svc": "services", "svcs": "services", "service": "services", "tech": "technology", "technologies": "technology",
    "auto": "automotive",
    "automobile": "automotive", "sch": "school", "hosp": "hospital", "govt": "government", "mgmt": "management", "bros": "brothers",
    "dev": "development", "developmental": "development", "ed": "education", "educational": "education", "comm": "community",
    "strasse": "street", "straße": "street",
}  # fmt: skip
# Street words say little: an address is told apart by its number and its own words.
_STREET_WORDS = frozenset((
    "street", "road", "avenue", "boulevard", "drive", "lane", "court", "place", "square", "highway", "parkway", "terrace", "crescent",
    "circuit", "circle", "way", "close", "apartment", "suite", "floor", "unit", "building", "no", "nr", "number", "room", "rm",
))  # fmt: skip
# Those of them that say which kind of street it is: 53rd Street and 53rd Avenue are two.
_STREET_KINDS = _STREET_WORDS - frozenset((
    "court", "place", "square", "apartment", "suite", "floor", "unit", "building", "no", "nr", "number", "room", "rm",
))  # fmt: skip
_HAN_STREET = re.compile(r"大道|胡同|路|街|巷|弄")
_HAN_PARTS = re.compile(
    r"省|自治区|特别行政区|市辖区|市|区|县|镇|乡|街道|大道|路|街|巷|弄|胡同|里|村|小区|号楼|号|幢|栋|座|单元|楼|层|室|房"
)
_JOINED_STREET = re.compile(r"(?<=[a-z]{3})(?:strasse|straße|str)\b")
_ORDINAL = re.compile(r"\b([0-9]+)(?:st|nd|rd|th)\b")
MAX_WORDS = 24  # of one value: a hostile cell of a thousand words must not make a thousand tokens
_PLAIN_GARBAGE = frozenset(
    ("", "na", "n a", "none", "null", "nan", "unknown", "nil", "test", "-", "无", "未知", "不详", "暂无")
)


def clean(value: object) -> str:
    """Returns a cell as folded text, empty for what only says that nothing is known; NULs and control characters dropped."""
    if value is None:
        return ""
    text = fold("".join(char if char >= " " else " " for char in str(value))[:400])
    return "" if text in _PLAIN_GARBAGE else text


def tokens(text: str) -> list[str]:
    """Returns the words, numbers and Han runs of a folded text in order."""
    return _TOKENS.findall(drop_apostrophes(text))[:MAX_WORDS]


@lru_cache(maxsize=65_536)
def organisation(text: str) -> tuple[str, ...]:
    """Returns the telling words of an organisation's folded name: legal forms gone, abbreviations whole, one Han character each."""
    bare = HAN_LEGAL.sub(" ", text.replace("&", " and "))
    found: list[str] = []
    for word in tokens(re.sub(r"(?<=\b[a-z])\.(?=[a-z]\b)", "", bare)):
        if han.HAN.match(word):
            found += list(word)
        elif word not in LEGAL_FORMS:
            found.append(_WHOLE.get(word, word))
    return tuple(dict.fromkeys(found)) or tuple(dict.fromkeys(tokens(text)))


@lru_cache(maxsize=65_536)
def address(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns (words, numbers) of a folded address: street words gone, abbreviations whole, numbers in order."""
    bare = _HAN_PARTS.sub(" ", _ORDINAL.sub(r" th\1 ", _JOINED_STREET.sub(" ", text)))
    bare = re.sub(r"\bth([0-9]+)\b", lambda hit: "th" + _letters(hit.group(1)), bare)
    found, numbers = [], []
    for word in tokens(bare):
        if word.isdigit():
            numbers.append(word.lstrip("0") or "0")
        else:
            whole = _WHOLE.get(word, word)
            if whole not in _STREET_WORDS:
                found.append(whole)
    return tuple(dict.fromkeys(found)), tuple(numbers)


@lru_cache(maxsize=65_536)
def street_kinds(text: str) -> tuple[str, ...]:
    """Returns the kinds of street that a folded address names, sorted; none for a German compound (…strasse), whose kind is its word."""
    bare = _ORDINAL.sub(r"\1", text)  # what follows the number of a street is no road
    said = {_WHOLE.get(word, word) for word in tokens(bare)} & _STREET_KINDS
    return tuple(sorted(said | set(_HAN_STREET.findall(text))))


def _letters(digits: str) -> str:
    """Writes the number of a numbered street in letters, so that it counts as its name and not as a house number."""
    return digits.translate(str.maketrans("0123456789", "abcdefghij"))


@lru_cache(maxsize=65_536)
def plain(text: str) -> tuple[str, ...]:
    """Returns the distinct words of any other folded text, Han runs character by character."""
    return tuple(dict.fromkeys(part for word in tokens(text) for part in (word if han.HAN.match(word) else (word,))))
