"""Which files and functions have grown too long to read in one sitting?

``python .ci/sizes.py FOLDER...`` prints one line per offender and a summary, and exits 1 if there is one.
A function's lines are those of its code: docstring, blank lines and whole-line comments do not count.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method, nested ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Count the lines of a function's signature and body that hold code."""
    counted = set(range(function.lineno, (function.end_lineno or function.lineno) + 1))
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        counted -= set(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return sum(1 for number in counted if lines[number - 1].strip() and lines[number - 1].strip()[0] != "#")


def too_long(path: str, source: str) -> list[str]:
    """Return one sentence for the file, and for each of its functions, that is over its limit."""
    lines = source.splitlines()
    found = []
    if len(lines) > MAX_FILE_LINES:
        found.append(f"{path} has {len(lines)} lines; split it: a file has at most {MAX_FILE_LINES}.")
    for function in functions(ast.parse(source)):
        length = code_lines(function, lines)
        if length > MAX_FUNCTION_LINES:
            found.append(
                f"{path}:{function.lineno} {function.name} has {length} lines of code;"
                f" split it: a function has at most {MAX_FUNCTION_LINES}."
            )
    return found


def main(folders: list[str]) -> int:
    """Check every Python file under the folders; return the exit status."""
    paths = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    sources = {str(path): path.read_text("utf-8") for path in paths}
    if not sources:
        print(f"no Python file in {', '.join(folders)}")
        return 1
    offenders = [sentence for path, source in sources.items() for sentence in too_long(path, source)]
    for sentence in offenders:
        print(sentence)
    lengths = [len(source.splitlines()) for source in sources.values()]
    typical = f"median {median(lengths):.0f} lines, longest {max(lengths)}"
    print(f"{len(lengths)} files: {typical}; {len(offenders)} too long")
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
