"""Which estimand do sections and figures of one quantity show, and in which words?"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from bayesmeta.errors import SpecError

HEADLINES: Final = ("p_median", "p_mean", "mu")
"""The first that there is stands in every table, sentence and figure of one quantity: `compare` puts it first too."""
MEANINGS: Final = MappingProxyType(
    {
        "p_median": "the proportion of the median study",
        "p_mean": "the mean of the distribution of study proportions",
        "mu": "the mean effect",
        "p_new": "the proportion of a next study",
        "theta_new": "the true effect of a next study",
    }
)


def headline(parameters: Iterable[str]) -> str:
    """Return the estimand that is shown where one stands for all.

    Parameters
    ----------
    parameters : iterable of str
        Those that there are.

    Raises
    ------
    SpecError
        If none of `HEADLINES` is among them.

    Examples
    --------
    >>> headline(["mu", "tau", "p_mean", "p_median"])
    'p_median'
    """
    there = set(parameters)
    for name in HEADLINES:
        if name in there:
            return name
    raise SpecError(f"there is no estimate of {', '.join(HEADLINES)}.")


def meanings_of(parameters: Iterable[str]) -> str:
    r"""Return what estimands are, as the middle of a sentence of Markdown; nothing of `mu`, which has one meaning.

    Examples
    --------
    >>> meanings_of(["p_median", "p_mean"])
    'p\\_median is the proportion of the median study, p\\_mean the mean of the distribution of study proportions'
    """
    names = [name for name in dict.fromkeys(parameters) if name.startswith("p_")]
    words = [f"{name} {MEANINGS[name]}" for name in names]
    return ", ".join([words[0].replace(" ", " is ", 1), *words[1:]]).replace("_", "\\_") if words else ""
