"""How many faults in printed tables does the audit find, and how often does it cry wolf?

    make audit-faults                    50 faults of each kind, stored in benchmarks/results
    make audit-faults ARGS="--faults 5"  fewer, shown only
    make audit-faults ARGS=--show        what is stored

Clean tables (`audit_tables.py`: four data sets, six conventions, two roundings) get one fault each, at a place and of a
size chosen by chance. `found` counts the faults whose row and column the audit names; `named` those it gives one reason
for that is fit for this kind; `false_alarms` the figures it names beside them; `figures` what it could have named. Once
with the data, and once without them, where only what contradicts itself can be found.

What cannot be found in principle: a change within the rounding of the print; a P-value that stays below "<0.001"; an
error that data and print share; a table pooled throughout in another way, which is another convention; without data,
whatever leaves the figures of a row in accord with one another (a change that moves estimate and limits together, or
less than their rounding allows).
"""

import argparse
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from bayesmeta.review.audit import Audit, judge
from bayesmeta.review.audit_conventions import conventions_for
from bayesmeta.review.audit_data import audit_data
from bayesmeta.review.audit_match import Compared, Recomputer
from bayesmeta.review.audit_schema import read_printed
from benchmarks.audit_tables import Setting, Tables, clean_tables, counts, settings, studies_of

RESULTS = Path(__file__).parent / "results"
SEED = 8
COLUMNS = ["kind", "from", "faults", "found", "named", "false_alarms", "figures"]
LIMITS = ("estimate_pct", "lower_pct", "upper_pct")

type Place = tuple[str, int, str]
"""Table, row and column of a fault."""
type Inject = Callable[[Tables, np.random.Generator], Place | None]


@dataclass(frozen=True)
class Kind:
    """A kind of fault: how it is put in, which of the audit's kinds are fit for it, and where it can happen."""

    inject: Inject
    fit: tuple[str, ...]
    without_data: bool = True


def number(text: str) -> float:
    """Return the number of a cell."""
    return float(text.lstrip("<"))


def shifted(text: str, steps: int) -> str:
    """Return a figure with units of its last digit added."""
    decimals = len(text.partition(".")[2])
    return f"{number(text) + steps * 10.0**-decimals:.{decimals}f}"


def somewhere(
    tables: Tables, rng: np.random.Generator, table: str, columns: tuple[str, ...], change: Callable[[str], str | None]
) -> Place | None:
    """Change one cell chosen by chance, if there is one that the change can take."""
    if table not in tables:
        return None
    frame = tables[table]
    places = [(i, name) for i in frame.index for name in columns if name in frame and frame.at[i, name]]
    for position in rng.permutation(len(places)):
        i, column = places[position]
        text = change(frame.at[i, column])
        if text is not None and number(text) != number(frame.at[i, column]):
            frame.at[i, column] = text
            return table, i, column
    return None


def steps_of(rng: np.random.Generator, least: int, most: int) -> int:
    """Return a number of steps, up or down."""
    return int(rng.integers(least, most + 1)) * int(rng.choice([-1, 1]))


def changed(columns: tuple[str, ...], table: str = "results", *, least: int = 2, most: int = 15) -> Inject:
    """Return a fault that moves a figure by some units of its last digit, keeping it a possible value."""

    def inject(tables: Tables, rng: np.random.Generator) -> Place | None:
        def change(text: str) -> str | None:
            new = shifted(text, steps_of(rng, least, most))
            top = 100.0 if columns[0].endswith("_pct") else np.inf
            return new if 0.0 <= number(new) <= top and not text.startswith("<") else None

        return somewhere(tables, rng, table, columns, change)

    return inject


def exchanged_digits(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Exchange two neighbouring digits of an estimate or a limit."""

    def change(text: str) -> str | None:
        digits = [i for i, letter in enumerate(text) if letter.isdigit()]
        pairs = [(i, j) for i, j in pairwise(digits) if text[i] != text[j]]
        if not pairs:
            return None
        i, j = pairs[rng.integers(len(pairs))]
        letters = list(text)
        letters[i], letters[j] = letters[j], letters[i]
        new = "".join(letters)
        return new if abs(number(new) - number(text)) > 1.5 * 10.0 ** -len(text.partition(".")[2]) else None

    return somewhere(tables, rng, "results", LIMITS, change)


def lost_sign(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Print the lower limit, not cut at 0, without its sign: of raw proportions twice the estimate minus the upper."""
    frame = tables["results"]
    cut = [i for i in frame.index if number(frame.at[i, "lower_pct"]) == 0.0 and int(frame.at[i, "k"]) > 1]
    for position in rng.permutation(len(cut)):
        i = cut[position]
        decimals = len(frame.at[i, "estimate_pct"].partition(".")[2])
        lower = number(frame.at[i, "upper_pct"]) - 2.0 * number(frame.at[i, "estimate_pct"])
        if lower >= 2.0 * 10.0**-decimals and number(frame.at[i, "upper_pct"]) < 100.0:
            frame.at[i, "lower_pct"] = f"{lower:.{decimals}f}"
            return "results", i, "lower_pct"
    return None


def as_proportion(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Print one estimate or limit as a proportion in a column of per cents."""

    def change(text: str) -> str | None:
        decimals = len(text.partition(".")[2]) + 2
        return f"{number(text) / 100.0:.{decimals}f}" if number(text) > 5.0 * 10.0 ** (2 - decimals) else None

    return somewhere(tables, rng, "results", LIMITS, change)


def outside(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Print a limit below 0 or above 100 %."""
    column = str(rng.choice(["lower_pct", "upper_pct"]))
    size = float(rng.uniform(2.0, 25.0))

    def change(text: str) -> str:
        decimals = len(text.partition(".")[2])
        return f"{-size if column == 'lower_pct' else 100.0 + size:.{decimals}f}"

    return somewhere(tables, rng, "results", (column,), change)


def swapped_limits(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Exchange the limits of a row."""
    frame = tables["results"]
    i = int(rng.choice(frame.index))
    if frame.at[i, "lower_pct"] == frame.at[i, "upper_pct"]:
        return None
    frame.loc[i, ["lower_pct", "upper_pct"]] = frame.loc[i, ["upper_pct", "lower_pct"]].to_numpy()
    return "results", i, "lower_pct"


def of_another_row(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Copy the estimate of another row."""
    frame = tables["results"]
    donor = frame.at[int(rng.choice(frame.index)), "estimate_pct"]

    def change(text: str) -> str | None:
        return donor if abs(number(donor) - number(text)) > 1.5 * 10.0 ** -len(text.partition(".")[2]) else None

    return somewhere(tables, rng, "results", ("estimate_pct",), change)


def another_p(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Print another P-value of Q, which then contradicts I2."""
    new = f"{rng.uniform(0.001, 0.999):.3f}"

    def change(text: str) -> str | None:
        return new if abs(number(new) - number(text)) > 0.05 else None

    return somewhere(tables, rng, "results", ("q_pvalue",), change)


def another_pvalue(table: str, columns: tuple[str, ...]) -> Inject:
    """Return a fault that prints another P-value of two decimals."""

    def inject(tables: Tables, rng: np.random.Generator) -> Place | None:
        new = f"{rng.uniform(0.01, 0.99):.2f}"
        return somewhere(
            tables, rng, table, columns, lambda text: new if abs(number(new) - number(text)) > 0.015 else None
        )

    return inject


def i2_of_one(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Print an I2 for a single study."""
    frame = tables["results"]
    single = frame.index[frame["k"] == "1"]
    if not len(single):
        return None
    i = int(rng.choice(single))
    frame.at[i, "i2_pct"] = f"{rng.uniform(5.0, 95.0):.1f}"
    return "results", i, "i2_pct"


def hazard_ratios(tables: Tables, rng: np.random.Generator) -> Place | None:
    """Move a limit of a hazard ratio, far enough that its geometric mean with the other is not the estimate."""
    frame = tables["ratios"]
    i, column = int(rng.choice(frame.index)), str(rng.choice(["lower", "upper"]))
    frame.at[i, column] = f"{number(frame.at[i, column]) * rng.choice([0.85, 1.2]):.2f}"
    return "ratios", i, column


KINDS: Mapping[str, Kind] = {
    "estimate changed": Kind(changed(("estimate_pct",)), ("differs", "not-centred", "order", "percentage")),
    "limit changed": Kind(changed(("lower_pct", "upper_pct")), ("differs", "not-centred", "order")),
    "last digit off by one": Kind(changed(LIMITS, least=1, most=1), ("differs", "not-centred", "order", "percentage")),
    "digits exchanged": Kind(exchanged_digits, ("differs", "not-centred", "order", "percentage")),
    "sign lost": Kind(lost_sign, ("differs", "not-centred")),
    "limit outside 0 to 100": Kind(outside, ("differs", "outside-range")),
    "proportion among per cents": Kind(as_proportion, ("differs", "not-centred", "order", "percentage")),
    "limits exchanged": Kind(swapped_limits, ("differs", "order")),
    "estimate of another row": Kind(of_another_row, ("differs", "not-centred", "order", "percentage")),
    "P contradicts I2": Kind(another_p, ("differs", "i2-p")),
    "I2 changed": Kind(changed(("i2_pct",), most=300), ("differs", "i2-p", "i2-single")),
    "I2 of one study": Kind(i2_of_one, ("differs", "i2-single")),
    "number of studies": Kind(
        changed(("k",), least=1, most=1),
        ("k", "i2-p", "i2-single", "sum", "not-centred", "outside-range", "percentage"),
    ),
    "sum of events or patients": Kind(changed(("events", "n"), least=1, most=9), ("sum",), without_data=False),
    "per cent of two counts": Kind(changed(("a_pct", "b_pct"), "arms"), ("percentage",)),
    "P of two counts": Kind(another_pvalue("arms", ("p_value",)), ("pvalue",)),
    "Egger or Begg P": Kind(another_pvalue("bias", ("egger_p", "begg_p")), ("small-study",), without_data=False),
    "total of a score": Kind(changed(("total",), "scores", least=1, most=4), ("sum",)),
    "limit of a hazard ratio": Kind(hazard_ratios, ("not-centred", "order")),
}
"""The kinds of faults."""


@cache
def recomputer(data: str) -> Recomputer:
    """Return what recomputes the rows of a data set; all prints share it."""
    frame = counts(data)
    first = studies_of(frame[frame["outcome"] == frame["outcome"].iloc[0]])
    held = audit_data(frame, on_bad="raise", source=data, roles={"events": "events", "n": "n"})
    return Recomputer(held, conventions_for(first))


def audited(tables: Tables, setting: Setting | None) -> Audit:
    """Return the audit of tables, with the data of a setting or without any."""
    read = [read_printed(frame, name) for name, frame in tables.items()]
    if setting is None:
        measure = "HR" if "ratios" in tables else None
        rows = [Compared(row, (), None, "no data", {}) for table in read for row in table.rows]
        return judge(read, rows, (), measure=measure)
    held = recomputer(setting.data)
    return judge(read, [row for table in read for row in held.compare(table)], held.conventions)


def ratios(rng: np.random.Generator) -> Tables:
    """Return a clean table of ten hazard ratios with limits."""
    log, se = rng.normal(-0.4, 0.4, 10), rng.uniform(0.1, 0.35, 10)
    columns = {"estimate": log, "lower": log - 1.959964 * se, "upper": log + 1.959964 * se}
    return {"ratios": pd.DataFrame({name: [f"{np.exp(x):.2f}" for x in values] for name, values in columns.items()})}


def one_fault(kind: str, rng: np.random.Generator, among: Sequence[Setting]) -> tuple[Setting | None, Tables, Place]:
    """Return tables with one fault, and its place."""
    while True:
        setting = None if kind == "limit of a hazard ratio" else among[rng.integers(len(among))]
        tables = ratios(rng) if setting is None else clean_tables(setting)
        place = KINDS[kind].inject(tables, rng)
        if place is not None:
            return setting, tables, place


def score(found: Audit, place: Place, fit: tuple[str, ...]) -> tuple[bool, bool, int]:
    """Return whether the place is named, whether with a fit reason, and how many other figures are."""
    table, row, column = place
    partner = {"lower_pct": "upper_pct"}.get(column)  # limits that were exchanged are two figures
    hit = named = False
    others = 0
    for fault in found.faults.itertuples():
        columns, here = fault.column.split(", "), fault.table == table and f"row {row}" in fault.row.split(", ")
        if here and column in columns:
            hit, named = True, named or fault.kind in fit
        elif not here or partner not in columns or "order" not in fit:
            others += 1
    return hit, named, others


def run(
    faults: int, among: Sequence[Setting] | None = None, seed: int = SEED, kinds: Sequence[str] = tuple(KINDS)
) -> pd.DataFrame:
    """Return detection and false alarms of each kind, with and without data, in all prints or among some."""
    rows, prints = [], settings() if among is None else among
    for kind in kinds:
        record = KINDS[kind]
        rng = np.random.default_rng([seed, list(KINDS).index(kind)])
        made = [one_fault(kind, rng, prints) for _ in range(faults)]
        for with_data in (True, False):
            if (with_data and made[0][0] is None) or (not with_data and not record.without_data):
                continue
            scores = [score(audited(t, s if with_data else None), place, record.fit) for s, t, place in made]
            figures = sum(int((frame != "").sum().sum()) for _, t, _ in made for frame in t.values())
            found, named, alarms = (sum(column) for column in zip(*scores, strict=True))
            rows.append((kind, "data" if with_data else "print alone", faults, found, named, alarms, figures))
    return pd.DataFrame(rows, columns=COLUMNS)


def run_many(prints: int, seed: int = SEED) -> pd.DataFrame:
    """Return detection and false alarms in prints with one estimate, limit or I2 in ten changed."""
    rng, inject = np.random.default_rng([seed, len(KINDS)]), changed((*LIMITS, "i2_pct"))
    faults = hits = alarms = figures = 0
    for _ in range(prints):
        setting = settings()[rng.integers(len(settings()))]
        tables = clean_tables(setting)
        size = int((tables["results"][[*LIMITS, "i2_pct"]] != "").sum().sum())
        places = {place for _ in range(max(size // 10, 1)) if (place := inject(tables, rng)) is not None}
        named = {(fault.table, fault.row, fault.column) for fault in audited(tables, setting).faults.itertuples()}
        wrong = {(table, f"row {row}", column) for table, row, column in places}
        faults, hits, alarms = faults + len(wrong), hits + len(wrong & named), alarms + len(named - wrong)
        figures += sum(int((frame != "").sum().sum()) for frame in tables.values())
    rows = [("one figure in ten", "data", faults, hits, hits, alarms, figures)]
    return pd.DataFrame(rows, columns=COLUMNS)


def run_clean() -> pd.DataFrame:
    """Return the false alarms in the clean tables."""
    rows = []
    for with_data in (True, False):
        alarms = figures = 0
        for setting in settings():
            tables = clean_tables(setting)
            found = audited(tables, setting if with_data else None)
            alarms += len(found.faults)
            figures += sum(int((frame != "").sum().sum()) for frame in tables.values())
        rows.append(("none", "data" if with_data else "print alone", 0, 0, 0, alarms, figures))
    return pd.DataFrame(rows, columns=COLUMNS)


def save(table: pd.DataFrame, faults: int) -> None:
    """Write the table and how it was made."""
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "audit_faults.csv", index=False)
    names = ("bayesmeta", "numpy", "scipy", "pandas")
    record = {
        "date": datetime.now(UTC).date().isoformat(), "seed": SEED, "faults": faults, "prints": len(settings()),
        "python": platform.python_version(), "versions": {name: version(name) for name in names},
    }  # fmt: skip
    (RESULTS / "audit_faults.json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    """Run what the options name, or show what is stored."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=50, help="faults of each kind; 50 are stored")
    parser.add_argument("--show", action="store_true", help="show the stored table")
    options = parser.parse_args()
    if options.show:
        print(pd.read_csv(RESULTS / "audit_faults.csv").to_string(index=False))
        return
    table = pd.concat([run_clean(), run(options.faults), run_many(options.faults)], ignore_index=True)
    print(table.to_string(index=False))
    if options.faults == parser.get_default("faults"):
        save(table, options.faults)


if __name__ == "__main__":
    main()
