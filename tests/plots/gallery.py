"""Draw all figures into ./gallery, to be looked at: ``make gallery``; ``--references``: those of the tests."""

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

import bayesmeta as bm
from tests.plots.figures import CASES, FIGURES, OF_QUANTITIES, OF_REVIEW, figure_of

FOLDER = Path("gallery")
WIDTHS_MM = (85, 170)
DRAWN = ("k = 3", "k = 15", "k = 60", "k = 100", "long labels", "all 0 %")
REFERENCES = (
    "posterior", "shrinkage-trace", "funnel", "conflict", "flow-wang2026", "traffic-light", "quality-summary",
)  # fmt: skip
REFERENCE_FOLDER = Path(__file__).parent / "reference_images"
REFERENCE_DPI = 72


def draw(name: str, case: str, width_mm: int, file: Path, dpi: int) -> None:
    bm.save_figure(figure_of((FIGURES | OF_REVIEW)[name](CASES[case], width_mm=width_mm)), file, dpi=dpi)
    plt.close("all")


def draw_references() -> None:
    REFERENCE_FOLDER.mkdir(exist_ok=True)
    for name in REFERENCES:
        draw(name, "k = 15", 85, REFERENCE_FOLDER / f"{name}.png", REFERENCE_DPI)


def draw_gallery() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in FIGURES | OF_REVIEW:
        for case in ("k = 15",) if name in OF_QUANTITIES or name.startswith("flow") else DRAWN:
            for width in WIDTHS_MM:
                suffix = "".join(letter for letter in case if letter.isalnum())
                try:
                    draw(name, case, width, FOLDER / f"{name}_{suffix}_{width}mm.png", 150)
                except bm.BayesmetaError as error:
                    print(f"{name}, {case}: {error}")
                    break
    print(f"figures are in {FOLDER.resolve()}")


if __name__ == "__main__":
    mpl.use("Agg")
    draw_references() if "--references" in sys.argv else draw_gallery()
