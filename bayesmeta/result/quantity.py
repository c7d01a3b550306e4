"""Which quantities does a Bayesian fit have, and which of them is meant by a name?"""

from collections.abc import Sequence

from bayesmeta._validate import did_you_mean, listed
from bayesmeta.effects.links import LINKS
from bayesmeta.errors import SpecError

PROPORTION_ROWS = ("mu", "tau", "p_median", "p_mean", "p_new")
OTHER_ROWS = ("mu", "tau", "theta_new")


def summary_rows_of(link: str, *, has_tau: bool = True) -> tuple[str, ...]:
    """Return the rows of a summary, whose effects have this link, and may all be one."""
    rows = PROPORTION_ROWS if is_proportion(link) else OTHER_ROWS
    return rows if has_tau else tuple(name for name in rows if name != "tau")


def is_proportion(link: str) -> bool:
    """Return whether effects with this link are transformed proportions."""
    return LINKS[link].natural == "proportion"


def find_quantity(name: object, link: str, studies: Sequence[str], *, has_tau: bool = True) -> tuple[str, int | None]:
    """Return which quantity is meant.

    Parameters
    ----------
    name : str
        A row of the summary or ``"theta_new"``; of a study ``"theta[label]"``, for proportions ``"p[label]"``.
    link : str
        What the effects are a function of.
    studies : sequence of str
        The studies.
    has_tau : bool
        Whether the studies differ.

    Returns
    -------
    quantity : str
        ``"mu"``, ... or, of a study, ``"theta"`` or ``"p"``.
    study : int or None
        Position of the study; None if the quantity is of the whole analysis.

    Raises
    ------
    SpecError
        If there is no such quantity.

    Examples
    --------
    >>> find_quantity("p[Lee 2019]", "logit", ["Kim 2020", "Lee 2019"])
    ('p', 1)
    """
    if not isinstance(name, str):
        raise SpecError(f"the name of a quantity is a string, such as 'tau'; got {name!r}.")
    allowed = tuple(dict.fromkeys((*summary_rows_of(link, has_tau=has_tau), "theta_new")))
    if name in allowed:
        return name, None
    of_studies = ("theta", "p") if is_proportion(link) else ("theta",)
    kind, _, label = name.removesuffix("]").partition("[")
    if kind in of_studies and label in studies:
        return kind, list(studies).index(label)
    raise SpecError(_unknown_quantity(name, allowed=allowed, of_studies=of_studies, studies=studies))


def _unknown_quantity(
    given: object, *, allowed: Sequence[str], of_studies: Sequence[str], studies: Sequence[str]
) -> str:
    """Return the message for a name: the nearest is looked for among all studies, but only one of them is shown."""
    names = [*allowed, *(f"{kind}[{label}]" for kind in of_studies for label in studies)]
    text = f"unknown quantity {given!r}.{did_you_mean(given, names)} Allowed: {listed(allowed)}"
    if not studies:
        return f"{text}."
    each = "for the study" if len(studies) == 1 else f"for each of the {len(studies)} studies"
    kinds = " and ".join(f"{kind}[...]" for kind in of_studies)
    return f"{text}; {each} {kinds}, as in {of_studies[0]}[{studies[0]}]."
