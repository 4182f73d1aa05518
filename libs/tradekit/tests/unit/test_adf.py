"""ADF as it really comes, and as somebody who means harm would send it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tradekit.adf import AdfError, AdfProspect, AdfReason, parse

WHOLE = """<?xml version="1.0" encoding="UTF-8"?>
<?ADF VERSION="1.0"?>
<adf><prospect status="new"><id sequence="1" source="Portal">P-77</id><requestdate>2026-10-30T15:30:20-08:00</requestdate>
<vehicle interest="buy" status="new"><year>2026</year><make>Marque</make><model>One</model><vin>1M8GDM9AXKP042788</vin>
<colorcombination><exteriorcolor>red</exteriorcolor><preference>1</preference></colorcombination>
<finance><method>cash</method><amount type="total">20000</amount></finance><comments>Soon</comments></vehicle>
<vehicle interest="trade-in" status="used"><year>2015</year><make>Old</make><model>Two</model></vehicle>
<customer><contact><name part="first">Ann</name><name part="last">Lee</name><email>ann@example.com</email>
<phone type="voice" time="day">(206) 555-0123</phone><phone type="fax">2065550124</phone>
<address><street line="1">1 Road</street><city>Seattle</city><regioncode>WA</regioncode>
<postalcode>98101</postalcode><country>US</country></address></contact>
<timeframe><description>within a month</description><latestdate>2026-11-30T00:00:00Z</latestdate></timeframe>
<comments>Call &amp; write</comments></customer>
<vendor><id source="ours">D-1</id><vendorname>Dealer</vendorname></vendor>
<provider><name part="full">Portal</name></provider></prospect></adf>"""


def one(text: str | bytes, charset: str = "") -> AdfProspect:
    found = parse(text if isinstance(text, bytes) else text.encode(), charset).prospects
    assert len(found) == 1
    return found[0]


def refusable(data: bytes, charset: str = "") -> tuple[AdfProspect, ...]:
    """The prospects of what may be refused as a whole; any other failure is a fault."""
    try:
        return parse(data, charset).prospects
    except AdfError:
        return ()


def problems(text: str) -> set[tuple[str, str]]:
    return {(problem.field, problem.reason) for problem in one(text).problems}


class TestWhole:
    def test_everything_of_a_good_prospect_is_read(self) -> None:
        found = one(WHOLE)
        assert found.problems == ()
        assert (found.resend, found.ids, found.provider) == (False, (("Portal", "P-77"),), "Portal")
        assert found.request_time == datetime(2026, 10, 30, 23, 30, 20, tzinfo=UTC)
        first, second = found.vehicles
        assert (first.interest, first.condition, first.year, first.make, first.model) == (
            "buy",
            "new",
            2026,
            "Marque",
            "One",
        )
        assert (first.vin, first.colour, first.finance_method) == ("1M8GDM9AXKP042788", "red", "cash")
        assert (second.interest, second.year) == ("trade-in", 2015)
        contact = found.contact
        assert (contact.given_name, contact.family_name, contact.emails) == ("Ann", "Lee", ("ann@example.com",))
        assert (contact.phones, contact.faxes) == (("(206) 555-0123",), ("2065550124",))
        assert (contact.lines, contact.postal_code, contact.country) == (("1 Road",), "98101", "US")
        assert found.timeframe.latest == datetime(2026, 11, 30, tzinfo=UTC)
        assert (found.comments, found.vendor.ids, found.vendor.name) == ("Call & write", (("ours", "D-1"),), "Dealer")
        assert (found.raw[:9], found.raw[-11:]) == ("<prospect", "</prospect>")

    def test_sent_again_it_has_the_same_digest_and_says_so(self) -> None:
        again = one(WHOLE.replace('status="new"><id', "STATUS='resend'><id").replace("\n", "\r\n  "))
        assert again.resend
        assert again.digest == one(WHOLE).digest
        assert one(WHOLE.replace("Lee", "Li")).digest != again.digest


BODY = "<vehicle><make>M</make></vehicle><customer><contact><name>Ann</name><email>a@b.cn</email></contact></customer>"


class TestLeniency:
    @pytest.mark.parametrize(
        "text",
        [
            f"<adf><prospect>{BODY}</prospect></adf>",
            f"<prospect>{BODY}</prospect>",
            f"<ADF><PROSPECT STATUS=new>{BODY.upper().replace('A@B.CN', 'a@b.cn').replace('ANN', 'Ann')}</PROSPECT></ADF>",
            f"<?adf version='1.0'><adf:adf xmlns:adf='x'><adf:prospect>{BODY}</adf:prospect></adf:adf>",
            f"<adf><prospect>{BODY}",
            f"text before <adf><prospect>{BODY.replace('</make>', '')}</prospect></adf> text after",
            f"<adf><prospect>{BODY.replace('</name>', '')}</prospect></adf>",
            f"<!DOCTYPE adf><adf><prospect><!-- {BODY} -->{BODY}</prospect></adf>",
            f"<adf><prospect>{BODY.replace('Ann', '<![CDATA[Ann]]>')}</prospect></adf>",
            f"<adf><prospect>{BODY.replace('</customer>', '</custmer>')}</prospect></adf>",
            f"<adf><prospect>{BODY.replace('</vehicle>', '')}</prospect></adf>",
        ],
    )
    def test_what_is_nearly_xml_is_read(self, text: str) -> None:
        found = one(text)
        assert (found.contact.full_name, found.contact.emails, found.vehicles[0].make.lower()) == (
            "Ann",
            ("a@b.cn",),
            "m",
        )

    def test_a_broken_prospect_does_not_spoil_the_next(self) -> None:
        found = parse(f"<adf><prospect><customer><contact><name>A<prospect>{BODY}</prospect></adf>".encode()).prospects
        assert [one.contact.full_name for one in found] == ["A", "Ann"]
        assert [one.number for one in found] == [1, 2]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (f"<prospect><leadtype>sales</leadtype><mood>good</mood>{BODY}</prospect>", ("mood", "UNKNOWN_ELEMENT")),
            (
                f"<prospect>{BODY.replace('<name>', '<wish/><name>')}</prospect>",
                ("customer/contact/wish", "UNKNOWN_ELEMENT"),
            ),
            (
                f"<prospect>{BODY.replace('<make>', '<year>19x</year><make>')}</prospect>",
                ("vehicle[1]/year", "VALUE_INVALID"),
            ),
            (f"<prospect><requestdate>soon</requestdate>{BODY}</prospect>", ("requestdate", "VALUE_INVALID")),
            (
                f"<prospect>{BODY.replace('<vehicle>', '<vehicle interest=rob>')}</prospect>",
                ("vehicle[1]/interest", "VALUE_INVALID"),
            ),
            (f"<prospect>{BODY.replace('Ann', 'A' * 101)}</prospect>", ("customer/contact/name[1]", "VALUE_TOO_LONG")),
            ("<prospect><vehicle/></prospect>", ("customer/contact", "MISSING")),
            ("<prospect><customer/></prospect>", ("vehicle", "MISSING")),
        ],
    )
    def test_what_was_not_understood_is_named_by_field(self, text: str, problem: tuple[str, str]) -> None:
        assert problem in problems(text)

    def test_a_lead_type_is_no_problem_and_no_problem_repeats_a_value(self) -> None:
        found = one(f"<prospect><leadtype>Sales</leadtype><x>秘密</x>{BODY}</prospect>")
        assert found.lead_type == "sales"
        assert "秘密" not in repr(found.problems)


class TestEncodings:
    @pytest.mark.parametrize(
        ("codec", "declared", "charset"),
        [
            ("utf-8", "utf-8", ""), ("utf-8", "gb2312", ""), ("utf-8-sig", "iso-8859-1", ""), ("gb18030", "utf-8", ""),
            ("gb18030", "gb2312", ""), ("gbk", "", "gbk"), ("utf-16", "utf-8", ""), ("utf-16-le", "utf-16", ""),
            ("utf-16-be", "", ""), ("utf-8", "base64", "rot13"), ("utf-32", "", ""),
        ],
    )  # fmt: skip
    def test_a_chinese_name_is_read_whatever_is_declared(self, codec: str, declared: str, charset: str) -> None:
        head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
        text = f"{head}<adf><prospect>{BODY.replace('Ann', '王小明')}</prospect></adf>"
        assert one(text.encode(codec), charset).contact.full_name == "王小明"

    def test_latin_letters_of_windows_are_read(self) -> None:
        assert (
            one(f"<prospect>{BODY.replace('Ann', 'Müller')}</prospect>".encode("cp1252")).contact.full_name == "Müller"
        )


BOMB = '<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;">]>'


class TestHostility:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (f"{BOMB}<adf><prospect>{BODY}</prospect></adf>".encode(), AdfReason.FORBIDDEN),
            (
                b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><adf><prospect>&x;</prospect></adf>',
                AdfReason.FORBIDDEN,
            ),
            ('<!doctype adf [<!entity % p SYSTEM "http://x/">%p;]><adf/>'.encode("utf-16"), AdfReason.FORBIDDEN),
            (b"", AdfReason.UNREADABLE),
            (b"hello", AdfReason.UNREADABLE),
            (b"<adf></adf>", AdfReason.UNREADABLE),
            (b"\x00" * 100, AdfReason.UNREADABLE),
            (b"<prospect>" * 101, AdfReason.TOO_LARGE),
            (b"<a>" * 60_000, AdfReason.TOO_LARGE),
            (b" " * ((1 << 20) + 1), AdfReason.TOO_LARGE),
        ],
    )
    def test_what_is_refused_says_why(self, data: bytes, reason: AdfReason) -> None:
        with pytest.raises(AdfError) as refused:
            parse(data)
        assert refused.value.reason is reason

    def test_an_entity_that_nobody_declared_stands_as_it_is(self) -> None:
        assert one(f"<prospect>{BODY.replace('Ann', '&xxe;&amp;lt;')}</prospect>").contact.full_name == "&xxe;&lt;"

    @pytest.mark.parametrize(
        "part",
        [
            "<",
            "<!--",
            '<a "',
            "<a '\"",
            '""',
            "<?",
            "<![CDATA[",
            "<!X[ ",
            "&#x41;",
            " ",
            "<!DOCTYPE ",
            " a=",
            "</x>",
            "<name>",
        ],
    )
    def test_no_text_makes_it_slow(self, part: str) -> None:
        """Each of these took quadratic time or worse in some reader of XML; here the test would run into its time limit."""
        text = "<prospect " + part * (200_000 // len(part))
        assert all(len(prospect.problems) <= 50 for prospect in refusable(text.encode()))

    def test_deep_nesting_ends(self) -> None:
        text = "<prospect>" + "<customer><contact>" * 5_000 + "</prospect>"
        assert any(reason == "MALFORMED" for _, reason in problems(text))


PIECES = st.sampled_from(
    [
        "<adf>", "</adf>", "<prospect>", '<prospect status="resend">', "</prospect>", "<customer>", "</customer>", "<contact>",
        "</contact>", "<name part='first'>", "</name>", "<phone>", "</phone>", "<vehicle interest=sell>", "</vehicle>", "<year>",
        "2026", "<id source=x>", "</id>", "&#0;", "&#xD800;", "&#1114112;", "&amp;", "<!-- ", "-->", "<![CDATA[", "]]>", "<", ">", "\"",
        "<vendor>", "<timeframe>", "<latestdate>", "9999-99-99", "0001-01-01T00:00:00+23:59", "<address>", "<street>",
    ]
)  # fmt: skip


class TestProperties:
    @given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=60))
    @settings(max_examples=150, deadline=None)
    def test_any_text_gives_prospects_or_a_reason(self, pieces: list[str]) -> None:
        text = "".join(pieces)
        found = refusable(text.encode("utf-8", "surrogatepass"))
        assert [prospect.number for prospect in found] == list(range(1, len(found) + 1))
        for prospect in found:
            texts = [prospect.raw, prospect.comments, prospect.contact.full_name, prospect.vendor.name]
            assert all("\x00" not in text for text in texts)
            assert all(text.encode() is not None for text in texts), "no lone surrogate reaches a database"

    @given(st.binary(max_size=400), st.text(max_size=12))
    @settings(max_examples=60, deadline=None)
    def test_any_bytes_under_any_name_give_prospects_or_a_reason(self, data: bytes, charset: str) -> None:
        for whole in (data, b"<prospect>" + data):
            assert len(refusable(whole, charset)) <= 100

    @given(st.text(st.characters(blacklist_categories=["C", "Z"], blacklist_characters="<>&"), min_size=1, max_size=60))
    @settings(max_examples=60, deadline=None)
    def test_a_name_comes_back_as_it_was_sent(self, name: str) -> None:
        assert one(f"<adf><prospect>{BODY.replace('Ann', name)}</prospect></adf>").contact.full_name == name
