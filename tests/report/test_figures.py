from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

import bayesmeta as bm
from bayesmeta.errors import SpecError
from bayesmeta.report.analysis import Analysis
from bayesmeta.report.figures import figure_names, labelled, write_forest

STUDIES = bm.Studies.from_frame(bm.load_dataset("pritz1997"), events="events", n="n")


def analysis(output: str) -> Analysis:
    text = f'schema = 1\ntitle = "T"\n[data]\ndataset = "pritz1997"\n[engines.frequentist]\n[output]\n{output}\n'
    return Analysis.from_toml_text(text)


def fits() -> dict:
    return {"exact": bm.fit(STUDIES), "frequentist": bm.fit(STUDIES, engine="frequentist")}


def test_a_file_is_written_for_each_width_and_format():
    asked = analysis('figures = ["pdf", "svg"]\nwidths_mm = [85, 120.5]')
    write_forest(asked, fits(), Path())
    names = ["forest-120.5mm.pdf", "forest-120.5mm.svg", "forest-85mm.pdf", "forest-85mm.svg"]
    assert figure_names(asked) == names
    assert sorted(path.name for path in Path().iterdir()) == sorted(names)


def test_the_figures_are_the_same_whatever_style_is_set_and_leave_it_alone():
    asked = analysis('figures = ["svg"]\nwidths_mm = [85]\nfigure_notes = ["A line below."]')
    write_forest(asked, fits(), Path())
    first = Path("forest-85mm.svg").read_bytes()
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30.0}):
        write_forest(asked, fits(), Path())
        assert mpl.rcParams["font.size"] == 30.0
    assert Path("forest-85mm.svg").read_bytes() == first
    assert plt.get_fignums() == []


def test_columns_for_a_page_do_not_spoil_the_figure_for_one_column_of_a_journal():
    asked = analysis('figures = ["svg"]\ncolumns = ["data", "estimate", "shrunken", "weight"]\nwidths_mm = [170, 85]')
    write_forest(asked, fits(), Path())
    assert len(list(Path().iterdir())) == 2


def test_an_impossible_figure_is_said_with_the_section():
    with pytest.raises(SpecError, match=r"^\[output\] unknown scale 'percnt'"):
        write_forest(analysis('scale = "percnt"'), fits(), Path())
    assert plt.get_fignums() == []


def test_fits_of_one_title_are_told_apart_by_name():
    two = {"exact": bm.fit(STUDIES)}
    two |= {
        f"frequentist-{i}": bm.fit(STUDIES, engine="frequentist", pi_method=pi)
        for i, pi in ((1, "hts"), (2, "metafor"))
    }
    assert list(labelled(two)) == [
        "DerSimonian-Laird, logit (frequentist-1)",
        "DerSimonian-Laird, logit (frequentist-2)",
    ]
