"""Are figures written whole, in the width wanted, and the same on every run?"""

import re
import struct
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from bayesmeta.errors import BayesmetaError, SpecError
from bayesmeta.plots.forest import plot_forest
from bayesmeta.plots.save import METADATA, save_figure

SCRIPT = """
import sys
import matplotlib
matplotlib.use("Agg")
import bayesmeta as bm
from bayesmeta.plots.save import save_figure
studies = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")
ax = bm.plot_forest(bm.fit(studies, engine="frequentist"))
for path in sys.argv[1:]:
    save_figure(ax, path)
"""


@pytest.fixture
def figure():
    figure, ax = plt.subplots(figsize=(85 / 25.4, 2.0))
    ax.plot([1, 2], label="a line")
    ax.set_title("Title")
    return figure


def test_two_runs_write_the_same_bytes_whatever_the_order_of_the_formats(tmp_path: Path):
    names = [f"forest.{kind}" for kind in METADATA]
    for seed, folder, order in (("1", "one", names), ("2", "two", names[::-1])):
        (tmp_path / folder).mkdir()
        paths = [str(tmp_path / folder / name) for name in order]
        subprocess.run([sys.executable, "-c", SCRIPT, *paths], check=True, env={"PYTHONHASHSEED": seed})
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_png_has_300_dots_per_inch_and_the_width_of_the_figure(figure, tmp_path):
    content = save_figure(figure, tmp_path / "a.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (int(300 * 85 / 25.4), 600)
    fine = save_figure(figure, tmp_path / "a.png", dpi=600).read_bytes()
    assert struct.unpack(">I", fine[20:24]) == (1200,)


def test_svg_and_pdf_have_the_width_of_the_figure_whatever_the_settings(figure, tmp_path):
    with plt.rc_context({"savefig.bbox": "tight", "pdf.fonttype": 3, "svg.fonttype": "none"}):
        svg = save_figure(figure.axes[0], tmp_path / "a.svg").read_text("utf-8")
        pdf = save_figure(figure, str(tmp_path / "a.PDF")).read_bytes()
    points = 85 / 25.4 * 72
    assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) == pytest.approx(points, abs=1e-3)
    assert float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", pdf)[1]) == pytest.approx(points, abs=1e-3)
    assert b"/Subtype /Type0" in pdf or b"/Subtype /TrueType" in pdf
    assert b"/Subtype /Type3" not in pdf
    assert "<text" not in svg
    assert b"CreationDate" not in pdf


@pytest.mark.parametrize("name", ["forest.jpg", "forest", "forest.pngg"])
def test_another_format_is_refused_in_one_line(figure, tmp_path, name):
    with pytest.raises(SpecError, match=rf"unknown format of the figure '{name}': .* Allowed: png, svg, pdf\.$"):
        save_figure(figure, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_something_else_than_a_figure_is_refused(tmp_path):
    with pytest.raises(SpecError, match="figure is an int; give the Axes of a plot"):
        save_figure(3, tmp_path / "a.png")


def test_a_file_that_cannot_be_written_is_told_in_one_line_and_leaves_nothing(figure, tmp_path):
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "no" / "such.png", tmp_path / "folder.png", tmp_path / ("x" * 300 + ".png")):
        with pytest.raises(BayesmetaError, match=r"cannot be written: .*; name another file") as caught:
            save_figure(figure, path)
        assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_an_earlier_file_stays_until_the_new_one_is_whole(figure, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"earlier")

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(BayesmetaError, match=r"cannot be written: No space left on device; name another file\.$"):
        save_figure(figure, path)
    assert path.read_bytes() == b"earlier"
    monkeypatch.undo()
    assert save_figure(figure, path) == path
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_no_name_occurs_twice_in_an_svg(tmp_path, remission, remission_dl):
    ax = plot_forest(remission, compare=remission_dl, xlim=(0.6, 0.9))
    names = re.findall(r'\bid="([^"]+)"', save_figure(ax, tmp_path / "a.svg").read_text("utf-8"))
    assert len(names) == len(set(names)) > 100
