"""What does a mixed model estimate, row by row, beside other fits? The rows of `compare`."""

from bayesmeta.frequentist.glmm_intervals import likelihood_drop
from bayesmeta.frequentist.glmm_profile import profile_interval_of_tau
from bayesmeta.frequentist.glmm_result import GlmmFit

type Row = tuple[str, str, str, str, float, str, float, float, str, str]


def glmm_rows(fit: GlmmFit, ci_prob: float) -> list[Row]:
    """Return the rows of a mixed model in the columns of `compare`."""
    label = f"GLMM {fit.glmm_model}, {fit.measure}, {fit.ci_method} interval"
    tau = f"tau = {fit.tau:.2f}"
    why = {
        "mu": "mean of the study effects by maximum likelihood, link scale; zero cells are not corrected",
        "tau": "maximum likelihood, profile interval; too small on average where studies are few",
        "p_median": "the study in the middle: half of all studies have a larger true proportion",
        "p_mean": f"the mean over studies, each counting alike, at the estimates ({tau})",
        "p_new": f"the next study at the estimates: tau is taken as known ({tau})",
    }

    def row(name: str, estimate: float, limits: tuple[float, float], interval: str) -> Row:
        return (label, fit.engine, name, name, estimate, "ML", *limits, interval, why[name])

    values = {name: (estimate, (lower, upper)) for name, (estimate, _, lower, upper) in fit.rows(ci_prob).items()}
    rows = [row(name, *both, "CI") for name, both in values.items()]
    tau_limits = profile_interval_of_tau(fit.maximum, likelihood_drop(ci_prob))
    rows.insert(1, row("tau", fit.tau, tau_limits, "CI"))
    if "p_median" in values and ci_prob == fit.ci_prob:
        rows.append(row("p_new", values["p_median"][0], fit.prediction_interval_natural, "PI"))
    return rows
