"""May these models be compared by how well they predict the data, and how are they told apart?"""

from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np

from bayesmeta._validate import a_type
from bayesmeta.data.studies import Studies
from bayesmeta.errors import DataError, SpecError
from bayesmeta.exact.fit import ExactFit
from bayesmeta.exact.regression import refuse_regression

NOT_DATA = ("moderators", "dropped", "source", "measure")  # fields of Studies that are no part of the likelihood


def comparable_fits(fits: object, *, verb: str) -> tuple[ExactFit, ...]:
    """Return the fits if their evidences and predictive densities may be compared.

    That is so for models of the same data on the same base measure: densities of the same counts under the same
    likelihood, or of the same estimates. Probabilities of counts and densities of estimates made from them have
    different units, and so have estimates of different measures.

    Parameters
    ----------
    fits : ExactFit or sequence of ExactFit
        What the user gave.
    verb : str
        The function's name, for messages.

    Raises
    ------
    SpecError
        If there is none, or one is no exact fit, or their base measures differ.
    DataError
        If they are of different data.
    """
    given = tuple(fits) if isinstance(fits, Iterable) else (fits,)
    if not given:
        raise SpecError(f"{verb} needs at least one fit; got none.")
    exact = tuple(fit for fit in given if isinstance(fit, ExactFit))
    for fit in given:
        if not isinstance(fit, ExactFit):
            refuse_regression(fit, verb)
            engine = getattr(fit, "engine", None)
            what = f"a fit by engine={engine!r}" if engine else a_type(fit)
            raise SpecError(f"{verb} takes fits made by engine='exact'; got {what}.")
    for fit in exact[1:]:
        _check_same_base(exact[0], fit, verb)
        _check_same_data(exact[0], fit, verb)
    return exact


def _check_same_base(first: ExactFit, other: ExactFit, verb: str) -> None:
    bases = [(fit.model.likelihood, fit.measure) for fit in (first, other)]
    if bases[0] == bases[1]:
        return
    one, two = (f"likelihood={name!r}" + (f" of {measure}" if measure else "") for name, measure in bases)
    raise SpecError(
        f"{verb} compares only models on the same base measure; {one} and {two} give densities in different units: use "
        "one likelihood and one measure for all fits."
    )


def _check_same_data(first: ExactFit, other: ExactFit, verb: str) -> None:
    same_labels = first.studies.study == other.studies.study
    same_powers = _powers_of(first) == _powers_of(other)
    if same_labels and same_powers and _data_of(first.studies) == _data_of(other.studies):
        return
    different = sorted(set(first.studies.study) ^ set(other.studies.study))
    if different:
        shown = f"study {different[0]!r} is in only one of them"
    elif not same_labels:
        shown = "their studies are in another order"
    else:
        shown = "the values of the studies differ" if same_powers else "their power_weights differ"
    raise DataError(f"{verb} needs fits of the same data; {shown}.")


def _powers_of(fit: ExactFit) -> list[float] | None:
    """Return the powers to which the likelihoods were raised, if they were."""
    powers = getattr(fit, "power_weights", None)
    return None if powers is None else [float(power) for power in powers]


def _data_of(studies: Studies) -> dict[str, list[float]]:
    """Return all arrays of data, whatever they are called."""
    arrays = {field.name: getattr(studies, field.name) for field in fields(studies) if field.name not in NOT_DATA}
    return {name: values.tolist() for name, values in arrays.items() if isinstance(values, np.ndarray)}


def model_labels(fits: Sequence[ExactFit]) -> list[str]:
    """Return a label for each fit: the statements of its model that are not those of all, numbered where equal."""
    statements = [[" ".join(line.split()) for line in repr(fit.model).splitlines()[1:]] for fit in fits]
    shared = set(statements[0]).intersection(*statements[1:]) if len(fits) > 1 else set()
    named = [fit.model.name for fit in fits]
    if all(named) and len(set(named)) == len(named):
        return named
    labels = ["; ".join(line for line in lines if line not in shared) or "same model" for lines in statements]
    copies = {label: iter(range(1, len(labels) + 1)) for label in labels}
    return [f"{label} ({next(copies[label])})" if labels.count(label) > 1 else label for label in labels]
