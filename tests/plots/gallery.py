"""Draw all figures into ./gallery, to be looked at: ``make gallery``."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

import bayesmeta as bm
from tests.plots.figures import CASES, FIGURES, OF_QUANTITIES, figure_of

FOLDER = Path("gallery")
WIDTHS_MM = (85, 170)
DRAWN = ("k = 3", "k = 15", "k = 60", "k = 100", "long labels", "all 0 %")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        for case in ("k = 15",) if name in OF_QUANTITIES else DRAWN:
            for width in WIDTHS_MM:
                try:
                    drawn = draw(CASES[case], width_mm=width)
                except bm.BayesmetaError as error:
                    print(f"{name}, {case}: {error}")
                    break
                file = FOLDER / f"{name}_{case.replace(' ', '').replace('%', '').replace('=', '')}_{width}mm.png"
                bm.save_figure(figure_of(drawn), file, dpi=150)
                plt.close("all")
    print(f"figures are in {FOLDER.resolve()}")


if __name__ == "__main__":
    main()
