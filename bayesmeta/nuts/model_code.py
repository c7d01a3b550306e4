"""How would one write the study effects and the likelihood by hand, in a PyMC program? Blocks of its text."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

from bayesmeta.nuts.mean_rule import DEEP, V_STEP
from bayesmeta.spec.beyond import fixed_nu
from bayesmeta.spec.model import ModelSpec


@final
@dataclass(frozen=True)
class Centre:
    """What the effects are centred at, as the program names it.

    Attributes
    ----------
    study : str
        Of each study: ``"mu"`` or ``"eta"``.
    new : str
        Of the next study: ``"mu"``, ``"beta"`` for one in each group, or empty where moderators decide it.
    """

    study: str
    new: str

    @property
    def dims(self) -> str:
        """The argument for the dimension of what there is of the next study."""
        return ', dims="level"' if self.new == "beta" else ""


_NON_CENTRED: Final = """\
    # Study effects theta ~ {law}, from standardised effects z (non-centred), which
    # spares NUTS the funnel that it meets where tau is small. theta_new: effect of the next study.
    z = pm.{standard}
"""
_BETA: Final = """\
    # The studies' proportions are beta-distributed, with logits of mean {study} and standard deviation
    # tau. They are integrated out; p_new, that of the next study, is the quantile at a uniform u_new.
    {a}, {b} = beta_shapes({centre}, tau)
    a = pm.Deterministic("a", {of_a}{own})
    b = pm.Deterministic("b", {of_b}{own})
"""
_BETA_NEW: Final = """\
    u_new = pm.Uniform("u_new", lower=0, upper=1{dims})
    theta_new = pm.Deterministic("theta_new", logit_quantile({shapes}, u_new){dims})
    pm.Deterministic("p_median", pm.math.invlogit(logit_quantile({shapes}, 0.5)){dims})
    pm.Deterministic("p_mean", {a} / ({a} + {b}){dims})
    pm.Deterministic("p_new", pm.math.invlogit(theta_new){dims})
"""
_RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "normal": """\
    # Proportions of each study, of the median study, mean over studies, of the next study. The mean
    # is the integral of {name}(mu + tau x) over a standard normal x, by the trapezoid rule.
    x = np.linspace(-8, 8, 801)
    weight = np.exp(-(x**2) / 2)
    weight = weight / weight.sum()
""",
        "student-t": """\
    # Proportions of each study, of the median study, mean over studies, of the next study. The mean
    # is the integral of {name}(mu + tau x) over Student's t, by the trapezoid rule in arsinh x.
    x = np.sinh(np.linspace(-{reach!r}, {reach!r}, {nodes}))
    weight = stats.t.pdf(x, {nu!r}) * np.sqrt(1 + x**2)
    weight = weight / weight.sum()
""",
        "none": "    # Proportions, all the same: of each study, of the median study, mean, of the next study.\n",
    }
)
INVERSE_CODE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "logit": "pm.math.invlogit({})",
        "probit": "pm.math.invprobit({})",
        "cloglog": "-pm.math.expm1(-pm.math.exp({}))",
    }
)
_LOGIT_P: Final[Mapping[str, str]] = MappingProxyType(
    {
        "logit": "",
        "probit": """\
    # logit p = log p - log (1 - p), each accurate in its tail, of p = Phi(theta)
    normal = pm.Normal.dist(mu=0, sigma=1)
    logit_p = pm.logcdf(normal, theta) - pm.logcdf(normal, -theta)
""",
        "cloglog": """\
    # logit p = log p - log (1 - p), each accurate in its tail, of p = 1 - exp(-exp(theta))
    logit_p = pm.math.log(-pm.math.expm1(-pm.math.exp(theta))) + pm.math.exp(theta)
""",
    }
)
_LIKELIHOODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "binomial": """\
    n = pm.Data("n", df["n"], dims="study")
{before}    pm.Binomial("events", n=n, logit_p={logit_p}, observed=df["events"], dims="study")
""",
        "beta": """\
    n = pm.Data("n", df["n"], dims="study")
    pm.BetaBinomial("events", alpha=a, beta=b, n=n, observed=df["events"], dims="study")
""",
        "normal": """\
    se = pm.Data("se", df["se"], dims="study")
    pm.Normal("y", mu=theta, sigma=se, observed=df["y"], dims="study")
""",
        "poisson": """\
    time = pm.Data("time", df["time"], dims="study")
    pm.Poisson("events", mu=time * pm.math.exp(theta), observed=df["events"], dims="study")
""",
        "binomial-two-arm": """\
    n_treatment = pm.Data("n_treatment", df["n_treatment"], dims="study")
    n_control = pm.Data("n_control", df["n_control"], dims="study")
    pm.Binomial(
        "events_treatment",
        n=n_treatment,
        logit_p=baseline + theta,
        observed=df["events_treatment"],
        dims="study",
    )
    pm.Binomial(
        "events_control", n=n_control, logit_p=baseline, observed=df["events_control"], dims="study"
    )
""",
        "binomial-conditional": """\
    n_treatment = pm.Data("n_treatment", df["n_treatment"], dims="study")
    n_control = pm.Data("n_control", df["n_control"], dims="study")
    total = pm.Data("events_total", df["events_treatment"] + df["events_control"], dims="study")
    pm.CustomDist(
        "events_treatment",
        theta,
        n_treatment,
        n_control,
        total,
        logp=log_hypergeometric,
        random=draw_hypergeometric,
        dtype="int64",
        observed=df["events_treatment"],
        dims="study",
    )
""",
        "poisson-conditional": """\
    time_treatment = pm.Data("time_treatment", df["time_treatment"], dims="study")
    time_control = pm.Data("time_control", df["time_control"], dims="study")
    total = pm.Data("events_total", df["events_treatment"] + df["events_control"], dims="study")
    pm.Binomial(
        "events_treatment",
        n=total,
        logit_p=theta + pm.math.log(time_treatment / time_control),
        observed=df["events_treatment"],
        dims="study",
    )
""",
    }
)


def effects_code(model: ModelSpec, centre: Centre) -> str:
    """Return the lines that define ``theta`` and ``theta_new``, or the shapes of beta-distributed proportions."""
    study, new, dims = centre.study, centre.new, centre.dims
    if model.effects == "beta":
        return _beta_code(centre)
    if not model.has_tau:
        lines = '    # All studies have one effect.\n    theta = pm.Deterministic("theta", '
        lines += f'{study} + np.zeros(len(df)), dims="study")\n'
        return lines + (f'    theta_new = pm.Deterministic("theta_new", {new}{dims})\n' if new else "")
    name, law = 'Normal("{}", mu=0, sigma=1{})', f"Normal({study}, tau)"
    if model.effects == "student-t":
        name, law = f'StudentT("{{}}", nu={model.nu!r}, mu=0, sigma=1{{}})', f"StudentT({model.nu:g}, {study}, tau)"
    text = _NON_CENTRED.format(law=law, standard=name.format("z", ', dims="study"'))
    text += f"    z_new = pm.{name.format('z_new', dims)}\n" if new else ""
    text += f'    theta = pm.Deterministic("theta", {study} + tau * z, dims="study")\n'
    return text + (f'    theta_new = pm.Deterministic("theta_new", {new} + tau * z_new{dims})\n' if new else "")


def _beta_code(centre: Centre) -> str:
    in_groups = centre.new == "beta"
    a, b = ("a_new", "b_new") if in_groups else ("a", "b")
    text = _BETA.format(
        a=a, b=b, study=centre.study, centre=centre.new or centre.study,
        of_a=f"pm.math.dot(X, {a})" if in_groups else a, of_b=f"pm.math.dot(X, {b})" if in_groups else b,
        own="" if centre.study == "mu" else ', dims="study"',
    )  # fmt: skip
    return text + (_BETA_NEW.format(a=a, b=b, shapes=f"{a}, {b}", dims=centre.dims) if centre.new else "")


def proportions_code(model: ModelSpec, centre: Centre, *, total: str = "") -> str:
    """Return the lines that define the proportions; of a beta-distributed one there are those of `effects_code`.

    ``total`` names the SD of the next study's effect, where it is not tau.
    """
    if model.effects == "beta":
        return ""
    inverse, new, dims = INVERSE_CODE[model.link], centre.new, centre.dims
    own = f'    pm.Deterministic("p", {inverse.format("theta")}, dims="study")\n'
    if not new:
        return own
    nu = fixed_nu(model.nu) or 1.0
    reach = DEEP / nu + 3.5
    nodes = 2 * int(-(-reach // V_STEP)) + 1
    name = {"logit": "invlogit", "probit": "invprobit"}.get(model.link, "1 - exp(-exp")
    name = name if model.link != "cloglog" else "inverse cloglog "
    rule = "normal" if total and model.effects == "none" else model.effects
    text = _RULES[rule].format(name=name, reach=reach, nodes=nodes, nu=nu) + own
    if model.formula is not None or model.mu.family.needs != "link":
        text += f'    pm.Deterministic("p_median", {inverse.format(new)}{dims})\n'
    spread = f"{new}[:, None] + {total or 'tau'} * x" if dims else f"{new} + {total or 'tau'} * x"
    mean = f"pm.math.dot({inverse.format(spread)}, weight)" if total or model.has_tau else inverse.format(new)
    text += f'    pm.Deterministic("p_mean", {mean}{dims})\n'
    return text + f'    pm.Deterministic("p_new", {inverse.format("theta_new")}{dims})\n'


def likelihood_code(model: ModelSpec) -> str:
    """Return the lines that define what is observed."""
    kind = "beta" if model.effects == "beta" else model.likelihood
    before = _LOGIT_P.get(model.link, "")
    return _LIKELIHOODS[kind].format(before=before, logit_p="logit_p" if before else "theta")
