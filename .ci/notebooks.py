"""Do the notebooks still run, in time, and print what is stored in them?

``python .ci/notebooks.py [--write] [NOTEBOOK...]`` executes ``notebooks/*.ipynb``, or those whose names begin with what
is given, each in a fresh kernel of this Python. It prints one line per notebook and one per fault, and exits 1 if there
is one. Without ``--write`` the files stay as they are and each text output must be the stored one; images are not
compared. In a cell tagged ``varies`` (what NUTS draws, elapsed times) only the words are, not the numbers.
"""

import argparse
import os
import re
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Final

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

CHECKOUT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = CHECKOUT / "notebooks"
LIMIT: Final = 60.0  # seconds that a notebook may take, its kernel's start included, on a machine that does little else
VARIES: Final = "varies"
NUMBER: Final = re.compile(r"[-−]?\d+(\.\d+)?(e[-+]?\d+)?")
PLACES: Final = re.compile(r"(?<![\w.:/])(?:/(?:home|Users|root|tmp|opt|usr|var|work|mnt|srv|private)/|[A-Z]:\\)\S*")


def main(words: list[str]) -> int:
    """Execute the notebooks; return the exit status."""
    parser = argparse.ArgumentParser(prog="make notebooks", description="Execute the notebooks.")
    parser.add_argument("--write", action="store_true", help="store what they print, in place of what is stored")
    parser.add_argument("notebooks", nargs="*", help="beginnings of names; all notebooks without any")
    options = parser.parse_args(words)
    paths = sorted(path for path in FOLDER.glob("*.ipynb") if path.name.startswith(tuple(options.notebooks) or ""))
    if not paths:
        print(f"no notebook in {FOLDER.name}/ begins with {', '.join(options.notebooks) or 'anything'}")
        return 1
    faults = [fault for path in paths for fault in check(path, write=options.write)]
    print(f"{len(paths)} notebooks: {len(faults)} faults")
    return 1 if faults else 0


def check(path: Path, *, write: bool) -> list[str]:
    """Execute one notebook, store it if that is wanted and it has no fault, and return its faults, one line each."""
    stored = nbformat.read(path, as_version=4)
    started, used = time.monotonic(), processor_time()
    done, faults = execute(stored)
    elapsed, used = time.monotonic() - started, processor_time() - used
    faults += unfit(done)
    if min(elapsed, used) > LIMIT:
        faults.append(f"took {elapsed:.0f} s; at most {LIMIT:.0f} s are allowed")
    if not faults and write:
        nbformat.write(tidy(done), path)
    elif not faults:
        faults += differences(stored, done)
    print(f"{path.name}: {elapsed:.0f} s, of a processor {used:.0f} s; {len(faults)} faults", flush=True)
    for fault in faults:
        print(f"    {path.name}, {fault}", flush=True)
    return faults


def processor_time() -> float:
    """Return the seconds that all kernels so far have used of a processor, which do not grow on a busy machine."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def execute(stored: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return a copy of the notebook as executed, as far as it came, and the error that ended it, if any."""
    copy = nbformat.from_dict(stored)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    client = NotebookClient(
        copy,
        timeout=int(2 * LIMIT),
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(FOLDER)}},
        extra_arguments=["--log-level=ERROR"],  # it would warn that the kernel listens on this machine
    )
    try:
        client.execute()
    except CellTimeoutError:
        return copy, [f"a cell was stopped after {2 * LIMIT:.0f} s"]
    except CellExecutionError:
        pass  # the copy has it as a cell's output
    return copy, []


def unfit(notebook: NotebookNode) -> list[str]:
    """Return a sentence for each thing that no notebook may show: errors, warnings, places of this machine."""
    faults = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                faults.append(f"cell {number} has the error {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                faults.append(f"cell {number} printed to standard error: {output.text.strip()}")
        for text in [cell.source, *texts(cell)]:
            faults += [f"cell {number} names a place of a machine: {place}" for place in places(text)]
    return faults


def places(text: str) -> list[str]:
    """Return the paths and the host name in a text that belong to a machine."""
    own = [name for name in (str(CHECKOUT), str(Path.home()), socket.gethostname()) if len(name) > len("localhost")]
    return PLACES.findall(text) + [name for name in own if name in text]


def texts(cell: NotebookNode) -> list[str]:
    """Return the text outputs of a cell, each with its kind; of an image only the kind."""
    found = []
    for output in cell.get("outputs", []):
        if "text" in output:
            found.append(f"{output.name}: {output.text}")
        for kind, content in sorted(output.get("data", {}).items()):
            found.append(kind if kind.startswith("image/") else f"{kind}: {content}")
    return found


def differences(stored: NotebookNode, done: NotebookNode) -> list[str]:
    """Return a sentence for each cell that printed something else than what is stored."""
    faults = []
    for number, (old, new) in enumerate(zip(stored.cells, done.cells, strict=True), start=1):
        before, after = comparable(old), comparable(new)
        if before != after:
            pairs = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
            was, now = pairs[0] if pairs else (f"{len(before)} outputs", f"{len(after)} outputs")
            faults.append(f"cell {number} printed\n{now}\n    and stored is\n{was}\n    (--write stores it)")
    return faults


def comparable(cell: NotebookNode) -> list[str]:
    """Return what a cell printed, without what may differ the next time."""
    if VARIES not in cell.metadata.get("tags", []):
        return texts(cell)
    return [" ".join(NUMBER.sub("#", text).split()) for text in texts(cell)]


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with metadata that are the same on every machine."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
