"""What the batch linker says of a pair, feature by feature: codes for programs, sentences for the clerk. Data."""

from __future__ import annotations

# Feature → (English, Chinese) as the subject of a sentence.
_FEATURES = {
    "GIVEN": ("given name", "名字"),
    "FAMILY": ("family name", "姓氏"),
    "FURTHER": ("further names", "其他名字"),
    "ORGANISATION": ("name of the organisation", "单位名称"),
    "BIRTH_DATE": ("date of birth", "出生日期"),
    "PHONE": ("phone number", "电话号码"),
    "EMAIL": ("e-mail address", "电子邮箱"),
    "IDENTITY": ("identity number", "证件号码"),
    "ADDRESS": ("address", "地址"),
}
# How alike → (English, Chinese) sentence with the feature in it.
_LEVELS = {
    "SAME": ("The same {}", "{}相同"),
    "SHARED": ("One {} in common", "有一个相同的{}"),
    "SHORT_FORM": ("One {} is a short form of the other", "{}互为昵称或简称"),
    "SLIP": ("The {} differs in one stroke of a key or in two that changed places", "{}仅差一处笔误或相邻颠倒"),
    "INITIAL": ("One {} is the initial of the other", "一方{}只有首字母"),
    "ELSEWHERE": ("The {} stands in another part of the other's name", "{}出现在对方姓名的其他部分"),
    "ALIKE": ("The {} is alike", "{}相近"),
    "PART": ("Two parts of the {} are the same", "{}有两部分相同"),
    "YEAR": ("The same year in the {}", "{}的年份相同"),
    "TAIL": ("The same last digits of the {}", "{}的末位相同"),
    "MAILBOX": ("The same mailbox at another host of the {}", "{}的邮箱名相同而域名不同"),
    "AREA": ("The same area by postcode in the {}", "{}的邮编所属区域相同"),
    "POSTCODE": ("The same postcode in the {}", "{}的邮政编码相同"),
    "POSTCODE_SLIP": ("Postcodes in the {} that differ in one digit", "{}的邮政编码仅差一位"),
    "PLACE": ("The same place in the {}", "{}的城市相同"),
    "PLACE_ALIKE": ("Places in the {} that are alike", "{}的地名相近"),
    "HOUSE": ("The same house, the {} is written otherwise", "{}写法不同但门牌相同"),
    "OTHERWISE": (
        "The same house number and name of a street, but another postcode or kind of street in the {}",
        "{}门牌与路名相同而邮编或道路类型不同",
    ),
    "STREET": ("The same street, another house number in the {}", "{}街道相同而门牌不同"),
    "WITHIN": ("One {} is contained in the other", "一方{}包含在另一方之中"),
    "ABBREVIATION": ("One {} is the abbreviation of the other", "一方{}是另一方的缩写"),
    "TELLING": ("The {} shares rare words", "{}有共同的少见词"),
    "WORDS": ("The {} has words in common", "{}有共同的词"),
    "SOME": ("The {} has common words in common", "{}有共同的常见词"),
    "DIFFERENT": ("The {} differs", "{}不同"),
}
_RARE, _COMMON = (", and it is rare", "，且较少见"), (", but many have it", "，但很常见")


def text(code: str, language: str) -> str:
    """Returns a reason such as `SAME_FAMILY`, `SAME_FAMILY_RARE` or `DIFFERENT_OTHER:occupation` in the reader's language.

    What is not known is said in words of its code, never refused: a queue outlives the version that filled it.
    """
    chinese = language.lower().startswith("zh")
    bare, _, column = code.partition(":")
    known, suffix = bare, ("", "")
    for ending, added in (("_RARE", _RARE), ("_COMMON", _COMMON)):
        if known.endswith(ending):
            known, suffix = known.removesuffix(ending), added
    for level in sorted(_LEVELS, key=len, reverse=True):
        feature = known.removeprefix(f"{level}_")
        if feature != known and (feature in _FEATURES or feature == "OTHER"):
            subject = _FEATURES.get(feature, (column or "other data", column or "其他资料"))
            return _LEVELS[level][chinese].format(subject[chinese]) + suffix[chinese]
    return bare.replace("_", " ").capitalize()


def code(level: str, feature: str, frequency_weight: float, column: str = "") -> str:
    """Returns the code of a feature's agreement; `frequency_weight` is what the value's frequency added to it, in bits."""
    rarity = "_RARE" if frequency_weight >= 2 else "_COMMON" if frequency_weight <= -2 else ""
    return f"{level.upper()}_{feature.upper()}{rarity if level in ('same', 'postcode', 'place') else ''}{':' + column if column else ''}"
