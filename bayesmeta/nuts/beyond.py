"""What do rows share besides mean and tau? Levels of random effects, a scale of tau, missing moderators, free nu."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Final, final

import numpy as np
import pandas as pd

from bayesmeta._arrays import IntArray
from bayesmeta._validate import unknown_name
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.nuts.imputed import Imputed
from bayesmeta.spec.beyond import features_beyond
from bayesmeta.spec.coefficients import priors_of
from bayesmeta.spec.levels import levels_of, variables_of
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.moderators import Design
from bayesmeta.spec.priors import Prior
from bayesmeta.spec.random_effects import Term, terms_in

TAKEN: Final = ("study", "coef", "level", "pair", "coef_scale", "chain", "draw", "sample")
"""Dimensions that the model has already, so that no grouping column may be called so."""


@final
@dataclass(frozen=True, eq=False)
class Factor:
    """The groups of one term of random effects.

    Attributes
    ----------
    name : str
        ``trial`` or ``trial:arm``; the dimension of its effects.
    levels : tuple of str
        The groups.
    index : array, shape (k,)
        That of each row.
    outcome : str
        The column of outcomes, if each group has an effect on each; else empty.
    outcomes : tuple of str
        The outcomes.
    outcome_index : array, shape (k,)
        That of each row.
    of_level : array, shape (levels of the means,)
        The outcome of each group of means that a formula makes.
    """

    name: str
    levels: tuple[str, ...]
    index: IntArray
    outcome: str = ""
    outcomes: tuple[str, ...] = ()
    outcome_index: IntArray | None = None
    of_level: IntArray | None = None

    @property
    def pairs(self) -> tuple[str, ...]:
        """Labels of the correlations: ``CR, MRD``."""
        return tuple(", ".join(pair) for pair in combinations(self.outcomes, 2))


@final
@dataclass(frozen=True, eq=False)
class Beyond:
    """What only NUTS can fit, of a model and its studies.

    Attributes
    ----------
    factors : tuple of Factor
        Grouping factors with effects of their own.
    scale : Design or None
        How log tau depends on coefficients alpha; without intercept.
    imputed : tuple of Imputed
        Moderators with missing values.
    free_nu : bool
        Whether the degrees of freedom have a prior.
    """

    factors: tuple[Factor, ...] = ()
    scale: Design | None = None
    imputed: tuple[Imputed, ...] = ()
    free_nu: bool = False

    def __bool__(self) -> bool:
        return bool(self.factors or self.scale or self.imputed or self.free_nu)

    @property
    def correlated(self) -> Factor | None:
        """The factor whose levels have an effect on each of several outcomes, if there is one."""
        return next((factor for factor in self.factors if factor.outcome), None)

    @cached_property
    def positions(self) -> Mapping[str, tuple[str, int | None]]:
        """By row of the summary, variable of the PyMC model and place in it."""
        found: dict[str, tuple[str, int | None]] = {}
        for factor in self.factors:
            if factor.outcome:
                found |= {f"tau[{name}]": ("tau", i) for i, name in enumerate(factor.outcomes)}
                found |= {f"rho[{pair}]": ("rho", i) for i, pair in enumerate(factor.pairs)}
            else:
                found[f"tau[{factor.name}]"] = (f"tau[{factor.name}]", None)
        if self.scale is not None:
            found |= {f"alpha[{name}]": ("alpha", i) for i, name in enumerate(self.scale.coef)}
        return found | ({"nu": ("nu", None)} if self.free_nu else {})

    def priors(self, model: ModelSpec) -> dict[str, Prior]:
        """Return the priors of the rows of `positions`; correlations and nu, whose prior is cut off, are left out."""
        found: dict[str, Prior] = {}
        for factor in self.factors:
            names = factor.outcomes or (factor.name,)
            found |= {f"tau[{name}]": model.tau_of.get(name, model.tau) for name in names}
        if self.scale is not None and model.alpha is not None:
            named = zip(self.scale.coef, priors_of(model.alpha, self.scale.coef), strict=True)
            found |= {f"alpha[{name}]": prior for name, prior in named}
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the summary should know, one line each."""
        lines = [imputed.note for imputed in self.imputed]
        if self.scale is not None:
            at = [f"{name} = {mean:.6g}" for name, mean in self.scale.means.items()]
            at += [f"{name} = {levels[0]}" for name, levels in self.scale.levels.items()]
            lines.append(f"tau depends on moderators; it is that at {' and '.join(at) or 'w = 0'}, see bm.predict.")
        return tuple(lines)


NOTHING: Final = Beyond()


def factors_of(model: ModelSpec, studies: Studies, design: Design | None) -> tuple[Factor, ...]:
    """Return the grouping factors of a model's random effects.

    Raises
    ------
    SpecError
        If a column is unknown, a factor has one level or as many as there are rows, or outcomes do not go with the
        means.
    DataError
        If a group has an outcome twice.
    """
    found = tuple(_factor(term, model, studies, design) for term in terms_in(model.random))
    for i, factor in enumerate(found):
        for other in found[:i]:
            if np.array_equal(factor.index, other.index):
                raise SpecError(
                    f"{factor.name!r} and {other.name!r} of random={model.random!r} group the rows alike, so that "
                    "their heterogeneity cannot be told apart; leave one out."
                )
    if found and found[0].outcome:
        for name in model.tau_of:
            if name not in found[0].outcomes:
                raise SpecError(unknown_name("outcome in tau_of", name, found[0].outcomes))
    return found


def _factor(term: Term, model: ModelSpec, studies: Studies, design: Design | None) -> Factor:
    for name in (*term.columns, *filter(None, [term.outcome])):
        _check_column(name, studies)
    levels, index = _levels(term.columns, studies)
    if len(levels) == 1:
        raise SpecError(
            f"{term.name!r} is {levels[0]} for every row, so that its effect cannot be told from the mean; leave it "
            "out of random."
        )
    if term.outcome:
        return _correlated(term, studies, levels, index, design)
    if len(levels) == studies.k and model.has_tau:
        raise SpecError(
            f"every row has a {term.name!r} of its own, whose heterogeneity is tau already; leave it out of random, or "
            "leave out tau by effects='none'."
        )
    return Factor(term.name, levels, index)


def _check_column(name: str, studies: Studies) -> None:
    variables_of(studies, name)
    if name in TAKEN:
        raise SpecError(f"the column {name!r} has the name of a dimension of the model; rename it.")


def _levels(columns: tuple[str, ...], studies: Studies) -> tuple[tuple[str, ...], IntArray]:
    texts = []
    for name in columns:
        label = np.empty(studies.k, dtype=object)
        for level, members in levels_of(studies, name):
            label[members] = level
        texts.append(label)
    joined = [":".join(parts) for parts in zip(*texts, strict=True)]
    index, levels = pd.factorize(np.array(joined, dtype=object))
    return tuple(str(level) for level in levels), np.asarray(index, dtype=np.int64)


def _correlated(
    term: Term, studies: Studies, levels: tuple[str, ...], index: IntArray, design: Design | None
) -> Factor:
    outcomes, which = _levels((term.outcome,), studies)
    if len(outcomes) == 1:
        raise SpecError(f"{term.outcome!r} is {outcomes[0]} for every row; with one outcome leave out random.")
    seen: dict[tuple[int, int], int] = {}
    for row, both in enumerate(zip(index.tolist(), which.tolist(), strict=True)):
        if both in seen:
            raise DataError(
                f"{studies.source}, study {studies.study[row]!r}: the outcome {outcomes[both[1]]!r} of "
                f"{levels[both[0]]!r} is there already, as {studies.study[seen[both]]!r}; keep one row for each."
            )
        seen[both] = row
    if len(seen) == len(levels):
        raise SpecError(
            f"no {term.name!r} has more than one {term.outcome!r}, so that nothing tells of their correlation; fit "
            "each outcome alone."
        )
    assert design is not None
    return Factor(
        term.name, levels, index, term.outcome, outcomes, which, _outcome_of_levels(design, which, outcomes, term)
    )


def _outcome_of_levels(design: Design, which: IntArray, outcomes: tuple[str, ...], term: Term) -> IntArray:
    if term.outcome not in design.variables:
        raise SpecError(
            f"each outcome needs its own mean, but the formula {design.formula!r} does not name {term.outcome!r}; "
            f"give formula='~ 0 + {term.outcome}'."
        )
    of_level = [which[column != 0.0] for column in design.matrix.T] if design.groups else []
    if any(np.unique(members).size > 1 for members in of_level):
        raise SpecError(f"each group of {design.formula!r} must have one {term.outcome!r}; name it in the formula.")
    return np.array([members[0] for members in of_level], dtype=np.int64)


def check_priors(model: ModelSpec, beyond: Beyond, priors: tuple[Prior, ...]) -> None:
    """Raise `SpecError` for improper priors: whether the posterior of such a model is proper is not decided here."""
    named = [*priors, *([model.tau] if model.has_tau else []), *beyond.priors(model).values()]
    for prior in named:
        if not prior.is_proper:
            raise SpecError(
                f"{prior} is improper, and whether {' and '.join(features_beyond(model))} has a proper posterior then "
                "is not known; give a proper prior, such as Normal(0, 10) for a mean or HalfNormal(5) for a tau."
            )
