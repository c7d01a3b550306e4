"""``bayesmeta demo``: what does a whole analysis look like?"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from bayesmeta.cli.folder import whole_folder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from bayesmeta.exact.fit import ExactFit
    from bayesmeta.frequentist.result import FrequentistFit

DATASET = "blinatumomab_cr"
TITLE = "Complete remission under blinatumomab"
PNG_DPI = 200
RULE = "-" * 40
FILES = {
    "summary.txt": "the estimates side by side, and why they differ",
    "forest.png": "the forest plot, also as forest.svg",
    "compare.csv": "the estimates of both engines",
    "summary.csv": "the posterior, with its numerical error",
    "study_effects.csv": "each study, observed and shrunken",
    "data.csv": "the data, with the column status",
}


@click.command("demo", short_help="Run the bundled analysis.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("bayesmeta-demo"),
    show_default=True,
    metavar="DIR",
    help="Folder to make; an earlier demo in it is replaced.",
)
def demo_command(*, out: Path) -> None:
    """Run the bundled analysis, complete remission under blinatumomab, in seconds.

    The folder appears whole or not at all.
    """
    with whole_folder(out) as draft:
        from bayesmeta.analyses.compare import compare
        from bayesmeta.api import fit
        from bayesmeta.data.datasets import load_dataset
        from bayesmeta.data.studies import Studies

        data = load_dataset(DATASET)
        studies = Studies.from_frame(data, study="study", events="events", n="n", source=DATASET)
        exact = fit(studies)
        classical = fit(studies, engine="frequentist", measure="PR", variance="exact-ci")
        table = compare([exact, classical])
        about = _about(data["status"], classical)
        _write_tables(draft, exact, table, data)
        _write_text(draft / "summary.txt", exact, classical, table, about)
        _write_figures(draft, exact, classical, _status_text(data["status"]))
    click.echo("\n\n".join([TITLE, _overview(table), about, _where(out)]))


def _write_tables(folder: Path, exact: "ExactFit", table: "pd.DataFrame", data: "pd.DataFrame") -> None:
    from bayesmeta.cli.output import csv_text
    from bayesmeta.result.study_table import study_effects

    texts = {
        "data.csv": csv_text(data, index=False),
        "summary.csv": csv_text(exact.summary(), index=True),
        "study_effects.csv": csv_text(study_effects(exact), index=True),
        "compare.csv": csv_text(table, index=False),
    }
    for name, text in texts.items():
        (folder / name).write_text(f"{text}\n", encoding="utf-8", newline="\n")


def _write_text(path: Path, exact: "ExactFit", classical: "FrequentistFit", table: "pd.DataFrame", about: str) -> None:
    from bayesmeta.tables.results import render_compare, render_fit

    parts = [TITLE, about, render_compare(table)]
    parts += [f"{RULE}\n{render_fit(fit)}" for fit in (exact, classical)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def _write_figures(folder: Path, exact: "ExactFit", classical: "FrequentistFit", status: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")  # no screen is needed
    from matplotlib import pyplot as plt

    from bayesmeta.plots.forest import plot_forest

    axes = plot_forest(exact, compare=classical, xlabel="Complete remission, %")
    figure = cast("Figure", axes.figure)
    # Below the plot, for the figure may be shown without the files beside it.
    figure.text(0.006, -0.01, status, fontsize=6.5, va="top")
    figure.savefig(folder / "forest.png", dpi=PNG_DPI, bbox_inches="tight")
    with mpl.rc_context({"svg.hashsalt": DATASET}):  # the same file on every run
        figure.savefig(folder / "forest.svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def _status_text(status: "pd.Series[str]") -> str:
    reported = int((status == "reported").sum())
    return (
        f"Only {reported} of the {len(status)} counts are reported by the review; "
        "the others are reconstructed from its printed pooled figures."
    )


def _about(status: "pd.Series[str]", classical: "FrequentistFit") -> str:
    """Return where the numbers come from, how to read them, and what they are not."""
    from bayesmeta.data.datasets import DATASETS
    from bayesmeta.tables.render import render_list
    from bayesmeta.tables.results import MEANINGS

    meanings = (f"{name}: {MEANINGS[name]}" for name in ("p_median", "p_mean", "p_new"))
    kinds = ", ".join(f"{count} {kind}" for kind, count in status.value_counts().items())
    return render_list(
        [
            f"{'; '.join(meanings)}.",
            "exact: binomial likelihood, posterior by quadrature. frequentist: DerSimonian-Laird by the "
            f"review's convention, I2 = {100 * classical.i2:.1f} %; the review printed {_printed()}.",
            f"Data: {DATASETS[DATASET].source}. {_status_text(status)} Column status of data.csv: {kinds}.",
            "This is a worked example of a method, not clinical advice.",
        ]
    )


def _printed() -> str:
    """Return the review's own figure."""
    from bayesmeta.data.datasets import load_dataset

    printed = load_dataset("blinatumomab_published_results")
    is_overall = (printed["outcome"] == "CR") & (printed["subgroup_variable"] == "overall")
    row = printed[is_overall].iloc[0]
    return f"{row.estimate_pct:g} % ({row.ci_low_pct:g} to {row.ci_high_pct:g}), I2 = {row.i2_pct:.1f} %"


def _overview(table: "pd.DataFrame") -> str:
    from bayesmeta.tables.render import render_table

    rows = table[table["estimand"].str.startswith("p_")]
    shown = rows[["engine", "parameter", "estimate", "lower", "upper", "interval"]]
    return render_table(shown, percent=("estimate", "lower", "upper"))


def _where(out: Path) -> str:
    lines = [f"  {name:<17}  {text}" for name, text in FILES.items()]
    return "\n".join([f"Look into {out}{os.sep} for more", *lines])
