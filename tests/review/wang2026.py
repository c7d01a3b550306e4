"""The printed tables of Wang et al. 2026 and their counts, under one set of names, for the tests of the audit.

The bundled tables call an adverse event "CRS" where the bundled counts say "AE: CRS", and its total of all grades "All"
where the counts and the text say "All-grade AE".
"""

import pandas as pd

import bayesmeta as bm


def counts():
    """One row per study and outcome, with the covariates of Table I."""
    covariates = bm.load_dataset("blinatumomab_studies").drop(columns="n")
    return bm.load_dataset("blinatumomab_outcomes").merge(covariates, on="study", how="left")


def named_as_in_the_counts(table, *, grade=None):
    renamed = table.rename(columns={"adverse_event": "outcome"})
    grades = renamed["grade"] if grade is None else pd.Series([grade] * len(renamed))
    names = [
        "All-grade AE" if (name, level) == ("All", "all") else f"AE: {name}"
        for name, level in zip(renamed["outcome"], grades, strict=True)
    ]
    return renamed.assign(outcome=names, grade=grades)


def printed_tables():
    """All printed tables that hold results, by name."""
    return {
        "text": bm.load_dataset("blinatumomab_published_results"),
        "Table III": named_as_in_the_counts(bm.load_dataset("blinatumomab_adverse_events")),
        "Table V": named_as_in_the_counts(bm.load_dataset("blinatumomab_tower"), grade="all"),
        "bias": bm.load_dataset("blinatumomab_publication_bias"),
        "Table II": bm.load_dataset("blinatumomab_quality"),
    }


def audited(*names):
    """The audit of some of the tables, or of all."""
    tables = printed_tables()
    chosen = {name: tables[name] for name in names or tables}
    return bm.audit(counts(), chosen, on_bad="drop", events="events", n="n")
