"""Do a few figures look as they did? ``make gallery ARGS=--references`` draws the references anew, to be looked at."""

from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images

import bayesmeta as bm
from tests.plots.figures import CASES, FIGURES, OF_REVIEW, figure_of
from tests.plots.gallery import REFERENCE_DPI, REFERENCES

FOLDER = Path(__file__).parent / "reference_images"
TOLERANCE = 6.0
"""Root mean square, of 255. The same version of matplotlib draws the same; without the points of the funnel it is 12,
without the prior of the posteriors 10."""


@pytest.mark.parametrize("name", REFERENCES)
def test_a_figure_looks_as_its_reference(name, tmp_path):
    file = bm.save_figure(
        figure_of((FIGURES | OF_REVIEW)[name](CASES["k = 15"], width_mm=85)),
        tmp_path / f"{name}.png",
        dpi=REFERENCE_DPI,
    )
    assert compare_images(FOLDER / file.name, file, TOLERANCE) is None


def test_a_figure_without_its_points_is_seen_to_differ(tmp_path):
    drawn = FIGURES["funnel"](CASES["k = 15"], width_mm=85)
    (points,) = [line for line in drawn.lines if line.get_label() == "_study"]
    points.remove()
    file = bm.save_figure(drawn, tmp_path / "funnel.png", dpi=REFERENCE_DPI)
    assert compare_images(FOLDER / file.name, file, TOLERANCE) is not None
