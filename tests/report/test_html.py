"""The report in a browser: figures for wide and narrow screens, and tables that tell each cell's head."""

import base64
import re
from pathlib import Path

import pytest

from bayesmeta.report import html
from bayesmeta.report.figures import shown_files


@pytest.fixture
def files():
    """Write files of one figure, whose contents are their names."""

    def call(*names: str) -> Path:
        for name in names:
            Path(name).write_text(name, "utf-8")
        return Path()

    return call


def sources(text: str) -> list[tuple[str, str]]:
    """Return element and decoded content of each embedded figure."""
    found = re.findall(
        r'<(source|img) (?:media="\(max-width: 40rem\)" srcset|src)="data:[a-z/+]*;base64,([^"]*)"', text
    )
    return [(element, base64.b64decode(data).decode()) for element, data in found]


def test_narrow_screens_have_the_narrowest_figure_and_svg_is_taken_before_png(files):
    folder = files(
        "a-170mm.png", "a-170mm.svg", "a-120.5mm.svg", "a-85mm.svg", "a-85mm.png", "b-170mm.png", "ab-85mm.svg"
    )
    assert [path.name for path in shown_files(folder, "a-170mm.png")] == ["a-170mm.svg", "a-120.5mm.svg", "a-85mm.svg"]
    text = html.page("T", '# T\n\n![An "x"](a-170mm.png) ![B\\_c](b-170mm.png)\n', folder)
    assert sources(text) == [("source", "a-85mm.svg"), ("img", "a-170mm.svg"), ("img", "b-170mm.png")]
    assert 'alt="An &quot;x&quot;"' in text
    assert 'alt="B_c"' in text


def test_narrow_figures_are_left_out_where_the_file_would_be_too_large(files, monkeypatch):
    folder = files("a-170mm.svg", "a-85mm.svg", "b-170mm.svg", "b-85mm.svg")
    monkeypatch.setattr(html, "MOST", 35)
    text = html.page("T", "# T\n\n![A](a-170mm.svg)\n\n![B](b-170mm.svg)\n", folder)
    assert sources(text) == [("source", "a-85mm.svg"), ("img", "a-170mm.svg"), ("img", "b-170mm.svg")]


def test_each_cell_tells_the_head_of_its_column(files):
    text = html.page("T", '# T\n\n| a | b *x* "y" |\n| --- | ---: |\n| 1 | 2 |\n\n| c |\n| --- |\n| 3 |\n', files())
    assert re.findall(r'<td[^>]*data-head="([^"]*)"[^>]*>(\d)</td>', text) == [
        ("a", "1"), ("b x &quot;y&quot;", "2"), ("c", "3"),
    ]  # fmt: skip


def test_the_style_has_the_width_of_narrow_screens():
    assert f"@media {html.NARROW} {{" in html.file_text("style.css")
