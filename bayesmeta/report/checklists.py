"""What do the reporting guidelines ask, and which section of the report answers it? PRISMA 2020 and BARG."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from bayesmeta.report.markdown import anchor, escaped, markdown_table
from bayesmeta.report.references import cite

_REVIEW: Final = "the review's own account; this report knows the data and the analysis alone"
_JUDGED: Final = "a judgement by reviewers; it can be shown in the forest plot (`judgements` of `plot_forest`)"
_ALONE: Final = "no decision is made here; an interval or a probability is reported in its place"


@final
@dataclass(frozen=True)
class Item:
    """One item of a guideline.

    Attributes
    ----------
    number : str
        As the guideline has it.
    asks : str
        What is to be reported, in our words.
    sections : tuple of str
        Headings under which a report answers it, if they are there.
    otherwise : str
        Why it is not answered.
    """

    number: str
    asks: str
    sections: tuple[str, ...] = ()
    otherwise: str = _REVIEW


PRISMA: Final = (
    Item("1", "title that says it is a systematic review"),
    Item("2", "abstract"),
    Item("3", "rationale"),
    Item("4", "objectives or questions", ("Question",), "the analysis file has no `question`"),
    Item("5", "eligibility criteria"),
    Item("6", "sources searched"),
    Item("7", "search strategies"),
    Item("8", "how studies were selected"),
    Item("9", "how data were collected"),
    Item("10a", "outcomes sought", ("Question",), "the analysis file has no `question`"),
    Item("10b", "other variables sought", ("Subgroups",), "no further columns are analysed"),
    Item("11", "how risk of bias was assessed", otherwise=_JUDGED),
    Item("12", "effect measures", ("Methods",)),
    Item("13a", "which studies enter each synthesis", ("Data",)),
    Item("13b", "how data were prepared: conversions, missing numbers", ("Data", "Notes")),
    Item("13c", "how results are tabulated and displayed", ("Result", "Figures")),
    Item("13d", "methods of synthesis, model, software", ("Methods",)),
    Item("13e", "how causes of heterogeneity were explored", ("Subgroups",), "no subgroups were asked for"),
    Item("13f", "sensitivity analyses", ("Other priors", "Leaving studies out"), "none was asked for"),
    Item("14", "how bias due to missing results was assessed", ("Small studies",), "no test was asked for"),
    Item("15", "how certainty was assessed", otherwise=_JUDGED),
    Item("16a", "results of search and selection, with a flow diagram"),
    Item("16b", "studies that might seem eligible and were excluded"),
    Item("17", "characteristics of each study", ("Data",)),
    Item("18", "risk of bias in each study", otherwise=_JUDGED),
    Item("19", "results of each study, with their precision", ("Data",)),
    Item("20a", "characteristics and risk of bias of the studies of each synthesis", otherwise=_JUDGED),
    Item("20b", "results of all syntheses, with precision and heterogeneity", ("Result", "Estimates side by side")),
    Item("20c", "results on causes of heterogeneity", ("Subgroups",), "no subgroups were asked for"),
    Item("20d", "results of sensitivity analyses", ("Other priors", "Leaving studies out"), "none was asked for"),
    Item("21", "risk of bias due to missing results", ("Small studies",), "no test was asked for"),
    Item("22", "certainty of the evidence", otherwise=_JUDGED),
    Item("23a", "interpretation beside other evidence"),
    Item("23b", "limitations of the evidence"),
    Item("23c", "limitations of the review's process"),
    Item("23d", "implications"),
    Item("24a", "registration"),
    Item("24b", "protocol"),
    Item("24c", "amendments to them"),
    Item("25", "support"),
    Item("26", "competing interests"),
    Item("27", "availability of data and code", ("Files", "Versions and inputs")),
)
"""The items of PRISMA 2020."""

BARG: Final = (
    Item("Preamble A", "why Bayesian", otherwise="the author's own reasons"),
    Item("Preamble B", "goals of the analysis", ("Question",), "the analysis file has no `question`"),
    Item("1A", "data variables", ("Data",)),
    Item("1B", "likelihood and parameters", ("Methods",)),
    Item("1C", "priors and why", ("Methods",)),
    Item("1D", "formal specification", ("Files",), "the model is in the folder's files"),
    Item("1E", "prior predictive check", otherwise='`bm.predictive_checks(fit, replicates="prior")`'),
    Item("2A", "software", ("Versions and inputs",)),
    Item("2B", "convergence of the chains", ("Sampling",), "there are no chains: the posterior is by quadrature"),
    Item("2C", "resolution of the chains", ("Sampling",), "there are no chains: the posterior is by quadrature"),
    Item("2D", "if not by chains: error of the approximation", ("Notes",), "the posterior was sampled"),
    Item("3A", "posterior predictive check", otherwise="`bm.predictive_checks(fit)`"),
    Item("3B", "posterior of the parameters: centre and credible limits", ("Result",)),
    Item(
        "3C", "Bayes factors, probabilities of models", otherwise="no models are compared; `bm.bayes_factor(fit, ...)`"
    ),
    Item("4A", "why decisions", otherwise=_ALONE),
    Item("4B", "loss function", otherwise=_ALONE),
    Item("4C", "limits of practical equivalence", otherwise=_ALONE),
    Item("4D", "thresholds of Bayes factors", otherwise=_ALONE),
    Item("4E", "estimates beside decisions", ("Result",)),
    Item("5A", "sensitivity to broad priors", ("Other priors", "Move the priors"), "no other priors were tried"),
    Item("5B", "sensitivity to informed priors", ("Other priors", "Move the priors"), "no other priors were tried"),
    Item("5C", "sensitivity to default priors", ("Other priors", "Move the priors"), "no other priors were tried"),
    Item("5D", "sensitivity of Bayes factors", otherwise="there are none"),
    Item("5E", "sensitivity of decisions", otherwise=_ALONE),
    Item("6A", "software and its installation", ("Versions and inputs",)),
    Item("6B", "script and data", ("Files",)),
    Item("6C", "a readable script", ("Files",)),
    Item("6D", "further files", ("Files",)),
    Item("6E", "that it runs as given", ("Versions and inputs",)),
    Item("6F", "that chains can be repeated", ("Sampling",), "there are no chains; the same numbers come every time"),
)
"""The points of the Bayesian analysis reporting guidelines, by the steps of their table."""


def checklist_section(headings: Iterable[str], *, is_bayesian: bool) -> str:
    """Return both checklists as Markdown, each item with links to the sections that answer it.

    Parameters
    ----------
    headings : iterable of str
        The headings of the report, without its own.
    is_bayesian : bool
        Whether there is a Bayesian fit, without which BARG has nothing to ask.
    """
    there = set(headings)
    parts = [
        "Which section answers what the guidelines ask; what is not answered must be told elsewhere.",
        f"### PRISMA 2020\n\nItems in short {cite('page2021')}.",
        _table(PRISMA, there),
    ]
    if is_bayesian:
        parts += [f"### Bayesian analysis reporting guidelines (BARG)\n\nPoints in short {cite('kruschke2021')}."]
        parts.append(_table(BARG, there))
    return "\n\n".join(parts)


def _table(items: Iterable[Item], there: set[str]) -> str:
    rows = [[item.number, item.asks, _answer(item, there)] for item in items]
    return markdown_table(["item", "asks for", "answered in"], rows, trusted=["answered in"])


def _answer(item: Item, there: set[str]) -> str:
    found = [f"[{escaped(name)}](#{anchor(name)})" for name in item.sections if name in there]
    return ", ".join(found) if found else f"Not answered here: {item.otherwise}."
