import pytest

from bayesmeta.report.markdown import escaped, markdown_list, markdown_table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lee 2019 (A+B)", "Lee 2019 (A+B)"),
        ("86.8 % (73.5–94.2)", "86.8 % (73.5–94.2)"),
        ("a|b", r"a\|b"),
        ("two\nlines\r\nand\ttab", "two lines and tab"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("![x](http://e)", r"!\[x\](http://e)"),
        ("*bold* _it_ `code` $x$ ~no~ # head", r"\*bold\* \_it\_ \`code\` \$x\$ \~no\~ \# head"),
        ("back\\slash", r"back\\slash"),
        ("&amp;", "&amp;amp;"),
        ("1. first", r"1\. first"),
        ("1.5 is a number", "1.5 is a number"),
        ("- item", r"\- item"),
        ("-1.5", "-1.5"),
        ("\x1b[31mred", r"\\x1b\[31mred"),
    ],
)
def test_text_is_shown_and_never_obeyed(text, expected):
    assert escaped(text) == expected


def test_a_table_holds_its_cells_whatever_is_in_them():
    table = markdown_table(["study", "n"], [["a|b\nc", 3]], right=["n"])
    assert table.splitlines() == ["| study | n |", "| --- | ---: |", r"| a\|b c | 3 |"]


def test_a_list_has_a_line_for_each_text():
    assert markdown_list(["a", "b"]) == "- a\n- b"
