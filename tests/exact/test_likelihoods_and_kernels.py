"""Whole posteriors of every likelihood and distribution of effects, against the brute force of `general.py`."""

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from bayesmeta.data.studies import Studies
from bayesmeta.exact.fit import fit_exact
from bayesmeta.spec.model import ModelSpec
from bayesmeta.surface.beta_kernel import BetaKernel


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
general, panels = _load(HERE / "general.py"), _load(HERE.parent / "surface" / "panels.py")
Q = (0.025, 0.5, 0.975)
INVERSE = {
    "logit": special.expit,
    "probit": special.ndtr,
    "cloglog": lambda x: -np.expm1(-np.exp(x)),
}
LINK = {"logit": special.logit, "probit": special.ndtri, "cloglog": lambda p: np.log(-np.log1p(-p))}


def read(name):
    return pd.read_csv(HERE.parent / "reference" / "metafor" / f"{name}.csv")


def from_frame(frame):
    return {name: frame[name].to_numpy(float) for name in frame.columns if "_" in name}


def arms(x1, n1, x0, n0, size="n"):
    names = ("events_treatment", f"{size}_treatment", "events_control", f"{size}_control")
    return dict(zip(names, (np.array(a, float) for a in (x1, n1, x0, n0)), strict=True))


COUNTS = {
    "ordinary": {"events": np.array([3.0, 10.0, 4.0, 9.0]), "n": np.array([5.0, 12.0, 8.0, 33.0])},
    "no or only events": {"events": np.array([0.0, 6.0, 2.0]), "n": np.array([10.0, 6.0, 4.0])},
    "two single patients": {"events": np.array([1.0, 0.0]), "n": np.array([1.0, 1.0])},
}
TRIALS = {
    "crins": from_frame(read("crins2014")),
    "sparse": arms([0, 0, 1, 3], [12, 8, 20, 9], [2, 0, 1, 0], [11, 9, 25, 7]),
    "one trial of single patients": arms([0], [1], [1], [1]),
}
RATES = {
    "nielweise, one arm": {"events": read("nielweise2008")["events_control"].to_numpy(float),
                           "time": read("nielweise2008")["time_control"].to_numpy(float) / 1000.0},
    "no events": {"events": np.zeros(2), "time": np.array([0.5, 40.0])},
    "two rates": {"events": np.array([7.0, 1.0]), "time": np.array([12.0, 0.4])},
}  # fmt: skip
RATE_RATIOS = {
    "nielweise": from_frame(read("nielweise2008")),
    "no events under treatment": arms([0, 0], [10, 20], [3, 1], [12, 18], "time"),
    "one trial": arms([4], [100], [9], [60], "time"),
}
ESTIMATES = {
    "an outlier": {"y": np.array([0.1, 0.2, 0.15, 2.5]), "se": np.array([0.15, 0.2, 0.1, 0.2])},
    "eight schools": {"y": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]) / 10,
                      "se": np.array([15.0, 10, 16, 11, 9, 11, 10, 18]) / 10},
    "one precise, one vague": {"y": np.array([0.4, -1.0]), "se": np.array([0.1, 1.0])},
}  # fmt: skip
MODELS = {
    "probit": ({"likelihood": "binomial", "link": "probit"}, COUNTS),
    "cloglog": ({"likelihood": "binomial", "link": "cloglog"}, COUNTS),
    "conditional": ({"likelihood": "binomial-conditional"}, TRIALS),
    "two arms": ({"likelihood": "binomial-two-arm"}, TRIALS),
    "poisson": ({"likelihood": "poisson"}, RATES),
    "poisson conditional": ({"likelihood": "poisson-conditional"}, RATE_RATIOS),
    "t, binomial": ({"likelihood": "binomial", "effects": "student-t", "nu": 4.0}, COUNTS),
    "t, normal": ({"likelihood": "normal", "effects": "student-t", "nu": 3.0}, ESTIMATES),
    "beta": ({"likelihood": "binomial", "effects": "beta"}, COUNTS),
    "none": ({"likelihood": "binomial", "effects": "none"}, COUNTS),
}  # fmt: skip
CASES = {f"{model}: {data}": (options, sets[data]) for model, (options, sets) in MODELS.items() for data in sets}


def tabulated(log_l, centre, sd):
    """A cheap copy of a costly log likelihood: a spline through dense points."""
    reach = 110.0
    x = centre + np.r_[-np.geomspace(reach, 4.0, 400), np.linspace(-3.99, 3.99, 1001), np.geomspace(4.0, reach, 400)]
    spline = general.make_interp_spline(x, log_l(x), k=7)
    ends = float(x[0]), float(x[-1])
    slope = float(spline(ends[0], 1)), float(spline(ends[1], 1))

    def copy(theta):
        inner = np.clip(theta, *ends)
        return spline(inner) + slope[0] * np.minimum(theta - ends[0], 0.0) + slope[1] * np.maximum(theta - ends[1], 0.0)

    return copy


def studies_of(options, data):
    """The likelihoods, by `panels.py`."""
    rows = list(zip(*data.values(), strict=True))
    link = options.get("link", "logit")
    out = []
    for row in rows:
        match options["likelihood"]:
            case "binomial":
                r, n = row
                p = (r + 0.5) / (n + 1.0)
                centre, sd = LINK[link](p), np.sqrt(1.0 / ((n + 1.0) * p * (1.0 - p)))
                sd = min(sd, 1.0) * (0.5 if link != "logit" else 1.0)
                out.append(general.Study(panels.binomial(r, n, link), centre, sd, r == 0, r == n))
            case "normal":
                out.append(general.Study(panels.normal(*row), *row))
            case "poisson":
                r, time = row
                sd = 1.0 / np.sqrt(r + 0.5)
                out.append(general.Study(panels.poisson(r, time), np.log((r + 0.5) / time), sd, r == 0))
            case "poisson-conditional":
                x1, t1, x0, t0 = row
                offset, total = np.log(t1 / t0), x1 + x0
                p = (x1 + 0.5) / (total + 1.0)
                sd = 1.0 / np.sqrt((total + 1.0) * p * (1.0 - p))
                log_l = panels.binomial(x1, total, "logit", offset)
                out.append(general.Study(log_l, special.logit(p) - offset, min(sd, 1.0), x1 == 0, x1 == total))
            case _:
                x1, n1, x0, n0 = row
                cells = np.array([x1, n1 - x1, x0, n0 - x0]) + 0.5
                centre, sd = np.log(cells[0] * cells[3] / cells[1] / cells[2]), min(np.sqrt((1.0 / cells).sum()), 1.0)
                if options["likelihood"] == "binomial-conditional":
                    log_l, total = panels.hypergeometric(*row), x1 + x0
                    sides = x1 == max(0.0, total - n0), x1 == min(n1, total)
                else:
                    log_l, sides = panels.two_arms(*row, 0.0, 1.5), (x1 == 0, x1 == n1)
                out.append(general.Study(tabulated(log_l, centre, sd), centre, sd, *sides))
    return out


class Reference:
    """A posterior by brute force, with what the summary of a fit holds."""

    def __init__(self, independent, options, data, model, top):
        self.link = options.get("link", "logit")
        self.proportion = options["likelihood"] == "binomial"
        self.effects = options.get("effects", "normal")
        self.studies = studies_of(options, data)
        self.kernel = {
            "normal": general.Normal, "student-t": lambda: general.Student(options["nu"]),
            "beta": lambda: general.Beta(BetaKernel().shapes), "none": lambda: None,
        }[self.effects]()  # fmt: skip
        self.counts = list(zip(*data.values(), strict=True))
        self.brute = independent.BruteForce(
            self.log_m, model.mu, model.tau, tau_range=(0.0, top), panels_u=7, nodes_mu=91
        )

    def log_m(self, mu, tau):
        return self.each(self.studies, self.counts, mu, tau).sum(axis=0)

    def each(self, studies, counts, mu, tau):
        if self.effects == "none":
            return np.stack([study.log_l(mu) for study in studies])
        if self.effects == "beta":
            shapes = self.kernel.shapes(mu, tau)
            return np.stack([general.log_m_beta(r, n, *shapes) for r, n in counts])
        return np.stack([general.log_m(study, self.kernel, mu, tau) for study in studies])

    @cache  # noqa: B019 - a reference lives as long as its module
    def powers(self):
        at = self.brute.mu.ravel(), np.repeat(self.brute.tau, self.brute.mu.shape[1])
        counts = [(1.0, 1.0), (2.0, 2.0), (0.0, 1.0)]
        data = dict(zip(("events", "n"), np.array(counts).T, strict=True))
        studies = studies_of({"likelihood": "binomial", "link": self.link}, data)
        return self.each(studies, counts, *at).reshape(3, *self.brute.mu.shape)

    @cache  # noqa: B019 - a reference lives as long as its module
    def median_at_nodes(self):
        """Link scale; as `scipy.stats.beta` has it for beta effects."""
        if self.effects != "beta":
            return self.brute.mu
        mu, tau = self.brute.mu.ravel(), np.repeat(self.brute.tau, self.brute.mu.shape[1])
        a, b = self.kernel.shapes(mu, tau)
        p = special.betaincinv(a, b, 0.5)
        # next to 0 and 1 the median itself, not its complement, is known
        return np.where(tau < 1e-3, mu, special.logit(p)).reshape(self.brute.mu.shape)

    def moments(self, name):
        brute, tau = self.brute, self.brute.tau[:, None]
        match name:
            case "mu":
                return brute.mean_sd(brute.mu)
            case "tau":
                return brute.mean_sd(tau)
            case "theta_new":
                mean, sd = brute.mean_sd(brute.mu)
                factor = 1.0 if self.effects == "normal" else self.kernel.nu / (self.kernel.nu - 2.0)
                return mean, np.sqrt(sd**2 + factor * float((brute.weight * tau**2).sum()))
            case "p_median":
                return brute.mean_sd(INVERSE[self.link](self.median_at_nodes()))
            case "p_mean":
                return brute.mean_sd(np.exp(self.powers()[0]))
            case "p_new":
                mean, square = (float((brute.weight * np.exp(a)).sum()) for a in self.powers()[:2])
                return mean, np.sqrt(square - mean**2)
        raise KeyError(name)

    def cdf(self, name, x):
        """Distribution function at ``x`` on the scale of the summary."""
        if name in ("mu", "tau"):
            return getattr(self.brute, f"cdf_{name}")(x)
        if self.effects == "none":
            return self.brute.cdf_mu(LINK[self.link](x))
        if name == "p_mean":
            return general.cdf_increasing(self.brute, self.powers()[0] - self.powers()[2], special.logit(x))
        if name == "p_median":
            if self.effects != "beta":
                return self.brute.cdf_mu(LINK[self.link](x))
            return general.cdf_increasing(self.brute, self.median_at_nodes(), special.logit(x))
        at = x if name == "theta_new" else LINK[self.link](x)
        if self.effects == "normal":
            return self.brute.cdf_theta_new(at)
        return general.cdf_next(self.brute, self.kernel, at)


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def both(request, independent):
    options, data = request.param
    k = len(next(iter(data.values())))
    priors = {"mu": "Normal(0, 1.5)", "tau": "HalfNormal(0.7)"}
    if options.get("effects") == "none":
        del priors["tau"]
    model = ModelSpec(**options, **priors)
    fit = fit_exact(Studies(tuple(f"s{i}" for i in range(k)), **data), model)
    return fit, Reference(independent, options, data, model, 6.0)


def test_log_evidence_equals_brute_force(both):
    fit, reference = both
    assert abs(fit.log_evidence - reference.brute.log_evidence) <= min(1e-6, fit.log_evidence_error + 2e-9)


def test_means_sds_and_quantiles_equal_brute_force(both):
    fit, reference = both
    summary = fit.summary()
    for name in fit.parameters:
        row, stated = summary.loc[name], summary.loc[name, "numerical_error"]
        off = np.abs(np.subtract(reference.moments(name), row[["mean", "sd"]].to_numpy(float)))
        values = row[["lower", "median", "upper"]].to_numpy(float)
        density = fit.marginal(name).pdf(values)
        wrong = [(reference.cdf(name, x) - p) / f for x, p, f in zip(values, Q, density, strict=True)]
        errors = np.r_[off, np.abs(wrong)]
        assert errors.max() <= 1e-6, (name, errors)
        assert errors.max() <= stated + 1e-8, (name, errors, stated)
