"""Does `.ci/sizes.py` find what is too long, and only that?"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def sizes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sizes", CHECKOUT / ".ci" / "sizes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def function_of(lines: int, docstring: str = "") -> str:
    return f'def long():\n    """{docstring}"""\n' + "    x = 1\n" * (lines - 1)


def test_no_file_or_function_of_the_package_is_too_long(sizes):
    sources = {path: path.read_text("utf-8") for path in (CHECKOUT / "bayesmeta").rglob("*.py")}
    assert sources
    found = [sentence for path, text in sources.items() for sentence in sizes.too_long(path.name, text)]
    assert not found, "\n".join(found)


def test_a_function_over_the_limit_is_named_with_its_line(sizes):
    assert sizes.too_long("a.py", function_of(60)) == []
    (sentence,) = sizes.too_long("a.py", "\n\n" + function_of(61))
    assert sentence.startswith("a.py:3 long has 61 lines of code;")


def test_docstrings_comments_and_blank_lines_do_not_count(sizes):
    padding = "\n    # why\n" * 40
    assert sizes.too_long("a.py", function_of(50, docstring="long\n" * 40) + padding + "    return x\n") == []


def test_a_method_counts_like_a_function(sizes):
    method = "class A:\n" + "".join(f"    {line}\n" for line in function_of(61).splitlines())
    assert "a.py:2 long" in sizes.too_long("a.py", method)[0]


def test_a_file_over_the_limit_is_named_with_its_length(sizes):
    assert sizes.too_long("a.py", "x = 1\n" * 400) == []
    (sentence,) = sizes.too_long("a.py", "x = 1\n" * 401)
    assert sentence.startswith("a.py has 401 lines;")


def test_folders_without_python_files_are_an_error(sizes, tmp_path, capsys):
    assert sizes.main([str(tmp_path)]) == 1
    assert "no Python file" in capsys.readouterr().out


def test_the_exit_status_says_whether_anything_is_too_long(sizes, tmp_path, capsys):
    (tmp_path / "a.py").write_text(function_of(10))
    assert sizes.main([str(tmp_path)]) == 0
    (tmp_path / "b.py").write_text(function_of(100))
    assert sizes.main([str(tmp_path)]) == 1
    assert "2 files: median 56 lines, longest 101; 1 too long" in capsys.readouterr().out
