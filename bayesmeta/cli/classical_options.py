"""Options of the shell that choose a frequentist method; shared by all commands that pool."""

from collections.abc import Callable
from functools import reduce
from typing import Any, Final

import click

CLASSICAL_OPTIONS: Final = (
    "method", "glmm_model", "tau2_method", "ci_method", "pi_method", "variance", "back_transformation",
)  # fmt: skip
"""Names of the options of `classical_options`, as Python has them."""


def classical_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `CLASSICAL_OPTIONS` to a command, None where not given."""
    decorators = [
        click.option(
            "--method",
            metavar="NAME",
            help="Frequentist: inverse-variance (the default), glmm (mixed model), mantel-haenszel or peto (two arms).",
        ),
        click.option(
            "--glmm-model", metavar="CODE", help="Method glmm, two arms: UM.FS (the default), UM.RS, CM.EL or CM.AL."
        ),
        click.option(
            "--tau2-method",
            metavar="CODE",
            help="Frequentist: DL (the default), EE (common effect), HE, HS, HSk, SJ, ML, REML, EB, PM, PMM or DL2.",
        ),
        click.option(
            "--ci-method",
            metavar="NAME",
            help="Frequentist: wald (the default), t, hartung-knapp, hartung-knapp-adhoc, henmi-copas (with DL) or "
            "profile (with ML); a formula and method glmm take some of these.",
        ),
        click.option("--pi-method", metavar="NAME", help="Frequentist: hts (the default) or metafor."),
        click.option("--variance", metavar="NAME", help="Frequentist, measure PR: wald (the default) or exact-ci."),
        click.option(
            "--back-transformation",
            metavar="NAME",
            help="Measure PFT: harmonic (the default) or variance.",
        ),
    ]
    return reduce(lambda function, decorate: decorate(function), reversed(decorators), command)
