"""What is wrong with printed figures, and where?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from bayesmeta.review.audit_match import Compared

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "differs": "differs from the value recomputed from the data by more than rounding",
        "outside-range": "outside the values that are possible: a proportion, I2 or P beyond 0 and 1, a ratio below 0",
        "order": "the estimate lies outside its limits, or the limits are in the wrong order",
        "not-centred": "the estimate is not in the middle of its limits on the scale of analysis",
        "i2-p": "I2 and the P-value of Q contradict each other for this number of studies",
        "i2-single": "I2 of a single study",
        "k": "not the number of studies in the data",
        "sum": "a sum that is not that of its parts",
        "percentage": "a per cent that is not that of the counts beside it, or that no count gives",
        "pvalue": "a P-value that no test of the two counts gives",
        "small-study": "a P-value of Egger's or Begg's test that the data do not give",
        "unreadable": "a cell that holds no number",
    }
)
"""The kinds of faults, and what each says."""
ABSOLUTE: Final = frozenset({"differs", "outside-range", "i2-single"})
"""Kinds that are faults even if the figure follows from the data by the best convention."""


@final
@dataclass(frozen=True, eq=False)
class Finding:
    """One fault.

    Attributes
    ----------
    compared : Compared
        The row.
    roles : tuple of str
        The figures concerned: one, or several of which at least one is wrong.
    kind : str
        A key of `KINDS`.
    reason : str
        What is wrong, with the numbers.
    expected : str
        What it should be, "" if that cannot be told.
    also : tuple of Compared
        Further rows of the same table, if the fault may be theirs.
    """

    compared: Compared
    roles: tuple[str, ...]
    kind: str
    reason: str
    expected: str = ""
    also: tuple[Compared, ...] = ()

    @property
    def rows(self) -> tuple[Compared, ...]:
        """The rows concerned: one, or several of which at least one is wrong."""
        return (self.compared, *self.also)


def settled(findings: Iterable[Finding], left: Mapping[int, list[str]]) -> list[Finding]:
    """Return the findings, those of several figures laid upon the figures that the data contradict.

    Parameters
    ----------
    findings : iterable of Finding
        All of them.
    left : mapping
        For each row that was recomputed, by its ``id``, the figures that are not explained. What contradicts a rule
        of thumb but follows from the data is no fault: a single study's exact limits are not centred.
    """
    kept = []
    for finding in findings:
        wrong = left.get(id(finding.compared))
        if wrong is None or not set(finding.roles) <= set(finding.compared.figures) or finding.kind in ABSOLUTE:
            kept.append(finding)
        else:
            kept += [
                Finding(finding.compared, (role,), finding.kind, finding.reason, finding.expected)
                for role in finding.roles
                if role in wrong
            ]
    return kept
