"""Are the notebooks whole as they are stored, and does `.ci/notebooks.py` find what is wrong with one?

They are executed by `make notebooks`, not here.
"""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

CHECKOUT = Path(__file__).parents[1]
PATHS = sorted((CHECKOUT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 400_000


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks", CHECKOUT / ".ci" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def stored() -> dict[str, NotebookNode]:
    return {path.name: nbformat.read(path, as_version=nbformat.NO_CONVERT) for path in PATHS}


def question(notebook: NotebookNode) -> str:
    """The title without its number."""
    number, words = notebook.cells[0].source.splitlines()[0].removeprefix("# ").split(" · ")
    assert number.isdigit()
    return words


def printing(text: str, *, tags: tuple[str, ...] = ()) -> NotebookNode:
    """A notebook whose one cell printed this."""
    cell = new_code_cell("print(...)", outputs=[new_output("stream", name="stdout", text=text)])
    cell.metadata["tags"] = list(tags)
    return new_notebook(cells=[cell])


def test_there_are_seven_notebooks_numbered_in_order():
    assert [path.name[:3] for path in PATHS] == [f"0{i}-" for i in range(1, 8)]


def test_each_is_a_valid_notebook_of_modest_size(stored):
    for path in PATHS:
        nbformat.validate(stored[path.name])
        assert (stored[path.name].nbformat, stored[path.name].nbformat_minor) == (4, 5)
        assert path.stat().st_size < MAX_BYTES, path.name


def test_each_asks_a_question_and_ends_with_its_answer_and_what_to_read_next(stored):
    for name, notebook in stored.items():
        answer, _, after = notebook.cells[-1].source.partition("**Next:**" if name[:2] != "07" else "**Back to")
        assert question(notebook).endswith("?"), name
        assert "## The answer\n" in answer, name
        assert re.search(r"\]\(0\d-[^)]+\.ipynb\)", after), name


def test_each_link_to_another_notebook_leads_somewhere(stored):
    for notebook in stored.values():
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert set(re.findall(r"\]\(([^)]+\.ipynb)\)", prose)) <= stored.keys()


def test_each_names_the_three_estimands(stored):
    for name, notebook in stored.items():
        prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        assert {"`p_median`", "`p_mean`", "`p_new`"} <= set(re.findall(r"`p_\w+`", prose)), name


def test_each_was_executed_from_the_top_and_has_a_figure(stored):
    for name, notebook in stored.items():
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), name
        outputs = [output for cell in code for output in cell.outputs]
        assert any("image/png" in output.get("data", {}) for output in outputs), name


def test_none_shows_an_error_a_warning_or_a_place_of_a_machine(runner, stored):
    assert {name: runner.unfit(notebook) for name, notebook in stored.items()} == {name: [] for name in stored}


def test_the_readme_links_each_notebook_with_its_question(stored):
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    for name, notebook in stored.items():
        assert f"[{question(notebook)}](notebooks/{name})" in readme


def test_errors_warnings_and_places_are_found(runner):
    outputs = [
        new_output("error", ename="ValueError", evalue="no", traceback=[]),
        new_output("stream", name="stderr", text="UserWarning: look\n"),
        new_output("stream", name="stdout", text=f"wrote {Path('/home') / 'me' / 'table.csv'}\n"),
    ]
    found = runner.unfit(new_notebook(cells=[new_markdown_cell("text"), new_code_cell("f()", outputs=outputs)]))
    assert found == [
        "cell 2 has the error ValueError: no",
        "cell 2 printed to standard error: UserWarning: look",
        f"cell 2 names a place of a machine: {Path('/home') / 'me' / 'table.csv'}",
    ]
    assert runner.places(f"in {CHECKOUT}") != []
    assert runner.places("events/n, 17/40 is 42.5; https://example.org/home/x; ../benchmarks/results") == []


def test_another_text_is_a_difference_another_image_is_none(runner):
    (fault,) = runner.differences(printing("0.868\n"), printing("0.869\n"))
    assert fault.startswith("cell 1 printed\nstdout: 0.869\n")
    assert runner.differences(printing("0.868\n"), printing("0.868\n")) == []
    pictures = [
        new_notebook(cells=[new_code_cell("", outputs=[new_output("display_data", {"image/png": data})])])
        for data in ("aa", "bb")
    ]
    assert runner.differences(*pictures) == []
    assert len(runner.differences(pictures[0], new_notebook(cells=[new_code_cell("")]))) == 1


def test_where_numbers_may_vary_words_may_not(runner):
    before, after = (printing(f"{text}\n", tags=("varies",)) for text in ("r_hat  1.00 True", "r_hat 1.002 True"))
    assert runner.differences(before, after) == []
    assert len(runner.differences(before, printing("r_hat 1.00 False\n", tags=("varies",)))) == 1


def test_a_notebook_that_raises_is_a_fault_and_stays_as_it_was(runner, tmp_path, capsys):
    path = tmp_path / "raises.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0")]), path)
    before = path.read_bytes()
    assert runner.check(path, write=True) == ["cell 1 has the error ZeroDivisionError: division by zero"]
    assert path.read_bytes() == before
    assert "raises.ipynb, cell 1 has the error" in capsys.readouterr().out


def test_a_name_that_no_notebook_has_ends_with_status_1(runner, capsys):
    assert runner.main(["no-such"]) == 1
    assert capsys.readouterr().out == "no notebook in notebooks/ begins with no-such\n"
