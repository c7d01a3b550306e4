"""What would a study without sampling error report: the precision-effect test and estimate."""

from dataclasses import dataclass
from typing import final

from bayesmeta._arrays import FloatArray
from bayesmeta.frequentist.line import Line, fit_line, tail


@final
@dataclass(frozen=True)
class PetPeese:
    """The two regressions, and which of them the conditional estimator takes.

    Attributes
    ----------
    pet, peese : Line
        Effects on standard errors, and on variances, both with weights 1 / se^2.
    pvalue : float
        One-sided P-value of PET's intercept, in the direction that was asked for.
    takes_peese : bool
        Whether that is below alpha.
    """

    pet: Line
    peese: Line
    pvalue: float
    takes_peese: bool

    @property
    def chosen(self) -> Line:
        """The regression whose intercept is the estimate."""
        return self.peese if self.takes_peese else self.pet


def pet_peese_lines(y: FloatArray, se: FloatArray, *, direction: float, null: float, alpha: float) -> PetPeese:
    """Fit both regressions and choose [1]_.

    Parameters
    ----------
    y, se : array, shape (k,)
        Effects and standard errors, k >= 3.
    direction : float
        1 if effects above ``null`` are looked for, -1 if those below.
    null : float
        Effect that stands for no effect.
    alpha : float
        Level of the one-sided test of PET's intercept.

    Notes
    -----
    If there is no effect the bias of small studies is linear in the standard error; if there is one, it is nearer to
    linear in the variance. So PET's intercept is tested, and PEESE's reported if it differs from the null.

    References
    ----------
    .. [1] T. D. Stanley, H. Doucouliagos. Meta-regression approximations to reduce publication selection bias.
       Research Synthesis Methods 5:60-78, 2014. doi:10.1002/jrsm.1095
    """
    w = se**-2.0
    pet = fit_line(y, se, w, dispersion=True)
    peese = fit_line(y, se**2, w, dispersion=True)
    pvalue = tail(direction * (pet.intercept - null) / pet.se_intercept, pet.df)
    return PetPeese(pet, peese, pvalue, pvalue < alpha)
