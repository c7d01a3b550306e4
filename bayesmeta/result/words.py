"""What is a study's effect called on its natural scale?"""

from bayesmeta.data.studies import Studies
from bayesmeta.effects.links import LINKS
from bayesmeta.effects.measures import DEFAULT_MEASURES, get_measure

UNNAMED = "effect"
"""What estimates are called that come without a measure."""


def with_article(noun: str) -> str:
    """Return a noun with "a" or "an" before it."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def effect_noun(studies: Studies, link: str, measure: str | None) -> str:
    """Return what is estimated, without article.

    Parameters
    ----------
    studies : Studies
        The data.
    link : str
        What the study effects are a function of.
    measure : str or None
        The effect measure of the fit; None for the default one of the data.

    Returns
    -------
    str
        ``"proportion"``, ``"incidence rate"``, ``"odds ratio"``, ``"hazard ratio"``, ``"risk difference"`` and so
        on; ``"effect"`` for estimates without a measure.

    Examples
    --------
    >>> effect_noun(Studies(("a",), events=[3.0], time=[12.5]), "log", None)
    'incidence rate'
    """
    if studies.has_counts or LINKS[link].natural == "proportion":
        return "proportion"
    code = measure or studies.measure or DEFAULT_MEASURES[studies.kind]
    return UNNAMED if code == "GEN" else get_measure(code).title.removeprefix("log ")
