"""Do the marks of forest plots look as they did when they were last looked at? Stored images, without texts.

After a change that is meant to be seen, look at the new images and store them:
``REWRITE_IMAGES=1 python -m pytest tests/plots/test_forest_images.py``.
"""

import os
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

import bayesmeta as bm

STORED = Path(__file__).parent / "images"
DPI = 80
TOLERANCE = 2.0
"""Root mean square of the differences, of 255. Letters, which differ between versions of FreeType, are left out, but
the width that they leave to the marks is measured with it. A single missing mark gives more, says the second test."""


def without_texts(ax) -> None:
    for text in ax.figure.findobj(Text):
        text.set_visible(False)


def draw(name: str, judged, by_regimen, remission_dl):
    options = {"groups": by_regimen, "judgements": {"bias_selection": "D1", "overall": "All"}, "reference": [0.5]}
    match name:
        case "default":
            return bm.plot_forest(judged, compare={"DL": remission_dl}, xlim=(0.4, 1.0))
        case "groups":
            return bm.plot_forest(judged, prediction="density", columns=["shrunken"], **options)
        case "classic":
            return bm.plot_forest(judged, style="classic", width_mm=85, columns=["estimate"], **options)
        case "leave-one-out":
            return bm.plot_leave_one_out(judged, order="estimate", width_mm=85, style="compact")
    raise AssertionError(name)


def saved(ax, path: Path) -> Path:
    without_texts(ax)
    ax.figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path


@pytest.mark.parametrize("name", ["default", "groups", "classic", "leave-one-out"])
def test_the_marks_are_those_of_the_stored_image(name, judged, by_regimen, remission_dl, tmp_path):
    stored = STORED / f"forest-{name}.png"
    with mpl.rc_context():
        mpl.rcdefaults()
        found = saved(draw(name, judged, by_regimen, remission_dl), tmp_path / stored.name)
    if os.environ.get("REWRITE_IMAGES"):
        stored.parent.mkdir(exist_ok=True)
        stored.write_bytes(found.read_bytes())
    assert compare_images(str(stored), str(found), tol=TOLERANCE) is None


def test_the_tolerance_sees_a_missing_diamond_and_a_missing_judgement(judged, by_regimen, remission_dl, tmp_path):
    for name, label in (("groups", "_p_median"), ("groups", "_judgement high"), ("leave-one-out", "_step")):
        with mpl.rc_context():
            mpl.rcdefaults()
            ax = draw(name, judged, by_regimen, remission_dl)
            next(child for child in ax.get_children() if child.get_label() == label).remove()
            found = saved(ax, tmp_path / f"forest-{name}.png")
        difference = compare_images(str(STORED / found.name), str(found), tol=TOLERANCE, in_decorator=True)
        assert difference is not None, label
