"""A person's name as comparable parts in one script: family, given, further names, other forms of the given name."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from nicknames import NickNamer
from tradekit import han
from tradekit.names import Script, of_full, script_of

from marque_customer.linking.words import HAN_TITLES, TITLES, tokens

_MAX_FORMS = 12


class Name(NamedTuple):
    """Parts in Latin letters, lower case. `key`: all words in alphabetical order; `forms`: of the given name, with those it is short for;
    `written`: the Han characters, where it was written in Han.
    """

    family: str = ""
    given: str = ""
    further: tuple[str, ...] = ()
    key: str = ""
    words: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    written: str = ""


NOBODY = Name()


@lru_cache(maxsize=131_072)
def name(family: str, given: str, full: str) -> Name:
    """Builds the comparable name from folded parts; any of them may be empty. Titles count as nothing."""
    if any(script_of(part) in (Script.HAN, Script.MIXED) for part in (family, given, full)):
        found = _han(family, given, full)
    else:
        found = _latin(_words(family), _words(given), _words(full))
    return found


def _han(family: str, given: str, full: str) -> Name:
    if not family and not given:
        bare = full
        for title in HAN_TITLES:
            bare = bare.removesuffix(title)
        if len(bare) < len(full) and not bare:
            return NOBODY
        parsed = of_full(bare)
        family, given = parsed.family, parsed.given
        if "·" in bare:
            return _latin([_sounds(family)], [_sounds(part) for part in given.split("·")], [])._replace(written=bare)
    written = han.simplify("".join(char for char in family + given if han.HAN.match(char)))
    # 小王, 老李, 阿强: how friends say it; the first character is no part of the name.
    if len(family) == 1 and family in "小老阿" and len(given) == 1:
        family, given = (given, "") if family != "阿" else ("", given)
    sounds = han.surname_readings(family) if han.is_han(family) else ()
    first = _joined(sounds[0]) if sounds else "".join(_words(family))
    return _made(first, _sounds(given), (), written)


def _sounds(text: str) -> str:
    return _joined(han.syllables(text)) if any(han.HAN.match(char) for char in text) else "".join(_words(text))


def _joined(syllables: tuple[str, ...]) -> str:
    return "".join(syllables).replace("v", "u")


def _latin(family: list[str], given: list[str], full: list[str]) -> Name:
    if not family and not given:
        family, given = _split(full)
        full = []
    known = {*family, *given}
    romanised = _pinyin(family, given)
    if romanised:
        return romanised
    further = [word for word in (*given[1:], *full) if word not in known or word in given[1:]]
    last = "".join(family)
    return _made(last, given[0] if given else "", tuple(dict.fromkeys(further)), "")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if len(words) < 2:
        return [], words
    head, tail = words[0] in _surname_sounds(), words[-1] in _surname_sounds()
    if head and not tail and all(_is_pinyin(word) for word in words):
        return words[:1], words[1:]
    parsed = of_full(" ".join(words))
    return _words(parsed.family), _words(parsed.given)


def _pinyin(family: list[str], given: list[str]) -> Name | None:
    """A Chinese name in Latin letters: the syllables of the given name belong together, however they were spaced."""
    if not family or not given or not all(_is_pinyin(word) for word in (*family, *given)):
        return None
    last, first = "".join(family), "".join(given)
    if last not in _surname_sounds():
        if first not in _surname_sounds():
            return None
        last, first = first, last  # the parts stand in each other's place
    return _made(_passport(last), _passport(first), (), "")


def _passport(word: str) -> str:
    return word.replace("lyu", "lu").replace("nyu", "nu").replace("v", "u")


def _made(family: str, given: str, further: tuple[str, ...], written: str) -> Name:
    words = tuple(sorted({word for word in (family, given, *further) if word}))
    return Name(family, given, further, " ".join(sorted(filter(None, (family, given)))), words, _forms(given), written)


def _words(text: str) -> list[str]:
    found = [word for word in tokens(text) if not word.isdigit()]
    return [word for word in found if word not in TITLES]


@cache
def _nicknames() -> NickNamer:
    return NickNamer()


@lru_cache(maxsize=32_768)
def _forms(given: str) -> tuple[str, ...]:
    """The given name, and the names it is a short form of, the same way for both of two forms."""
    if len(given) < 2:
        return (given,) if given else ()
    return tuple(sorted({given, *_nicknames().canonicals_of(given)})[:_MAX_FORMS])


@cache
def _syllables() -> frozenset[str]:
    found = {_passport(sound) for code in range(0x4E00, 0x9FA6) for sound in han.syllables(chr(code))}
    return frozenset(sound for sound in found if sound.isascii() and sound.isalpha())


@cache
def _surname_sounds() -> frozenset[str]:
    common = (
        "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱"
        "江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
    )
    single = {_joined(reading) for char in common for reading in han.surname_readings(char)}
    return frozenset(single | {"ouyang", "sima", "shangguan", "zhuge", "huangfu", "dongfang", "lyu"})


@lru_cache(maxsize=32_768)
def _is_pinyin(word: str) -> bool:
    """Says whether a word can be read as one to three syllables."""
    word, known = _passport(word), _syllables()

    def reads(rest: str, left: int) -> bool:
        return not rest or (
            left > 0
            and any(rest[:cut] in known and reads(rest[cut:], left - 1) for cut in range(1, min(6, len(rest)) + 1))
        )

    return reads(word, 3)
