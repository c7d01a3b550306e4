from bayesmeta.data.display import as_html, as_text


def test_text_shows_the_first_five_studies_and_how_many_follow():
    lines = as_text("Studies: k = 7", list("abcdefg"), ["1/2"] * 7).splitlines()
    assert lines == ["Studies: k = 7", *(f"  {label}  1/2" for label in "abcde"), "  and 2 more"]


def test_html_shows_all_studies_and_escapes_every_text():
    html = as_html("<k>", ["<b>", "c"], {"n&m": ["<1>", "2"], "m": ["3", "4"]})
    for escaped in ("&lt;k&gt;", "n&amp;m", "&lt;b&gt;", "&lt;1&gt;"):
        assert escaped in html
    assert html.count("<tr>") == 3
