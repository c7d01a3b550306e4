"""Groups tied by a hierarchy, against sums by another method; and the limits of the hierarchy."""

import numpy as np
import pytest
from scipy import special
from scipy.interpolate import make_interp_spline

import bayesmeta as bm
from bayesmeta.exact.contrast import contrast
from bayesmeta.exact.groups import fit_groups
from bayesmeta.exact.hierarchy import Omega

EVENTS, N = np.array([3, 9, 4, 12, 2, 17.0]), np.array([12, 20, 9, 15, 18, 30.0])
MEMBERS = [np.array([0, 1, 2]), np.array([3, 4, 5])]
STUDIES = bm.Studies(tuple("abcdef"), events=EVENTS, n=N)


def groups(tau, omega=None, model=None):
    return fit_groups(STUDIES, model or bm.ModelSpec("binomial"), MEMBERS, ("x", "y"), tau=tau, omega=omega)


class Sums:
    """Gauss-Legendre sums over (tau0, omega) and z, with log Z_g(tau) from splines of degree 7 in log tau."""

    def __init__(self, independent, omega):
        log_tau = np.linspace(-12.0, 8.0, 181)
        self.moments = []
        for part in MEMBERS:
            values = []
            for tau in np.exp(log_tau):
                mu = np.linspace(-13.5, 13.5, 301)
                log_f = -0.5 * (mu / 1.5) ** 2 - np.log(1.5 * np.sqrt(2.0 * np.pi)) + np.log(mu[1] - mu[0])
                for i in part:
                    log_f = log_f + independent.log_m_binomial(EVENTS[i], N[i], mu, np.full(mu.size, tau))
                top = log_f.max()
                f = np.exp(log_f - top)
                values.append((top + np.log(f.sum()), (f @ mu) / f.sum(), (f @ mu**2) / f.sum()))
            self.moments.append([make_interp_spline(log_tau, column, k=7) for column in np.array(values).T])
        u, weight_u = independent.panels(np.linspace(0.0, 9.0**0.25, 6))
        tau0, log_w0 = u**4, np.log(4.0 * u**3 * weight_u) + 0.5 * np.log(2.0 / np.pi) - 0.5 * u**8
        if omega.fixed:
            omegas, log_w1 = np.array([omega.value]), np.zeros(1)
        else:
            omegas, weight = independent.panels(np.linspace(0.0, 7.0 * omega.value, 3))
            log_w1 = np.log(2.0 * weight / omega.value) - 0.5 * (omegas / omega.value) ** 2 - 0.5 * np.log(2.0 * np.pi)
        z, weight_z = independent.panels(np.linspace(-8.5, 8.5, 6))
        weight_z = weight_z * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        at = np.clip(np.log(tau0)[:, None, None] + omegas[:, None] * z, -12.0, 8.0)
        means, log_joint = [], log_w0[:, None] + log_w1
        for log_z, first, second in self.moments:
            z_values = np.exp(log_z(at)) * weight_z
            total = z_values.sum(axis=2)
            tau = np.exp(at)
            means.append([(z_values * f).sum(axis=2) / total for f in (first(at), second(at), tau, tau**2)])
            log_joint = log_joint + np.log(total)
        self.log_evidence = special.logsumexp(log_joint)
        self.weight = np.exp(log_joint - self.log_evidence)
        self.means = means

    def mean(self, group, what):
        return float((self.weight * self.means[group][what]).sum())

    def covariance_of_means(self):
        one, two = self.means[0][0], self.means[1][0]
        return float((self.weight * one * two).sum()) - self.mean(0, 0) * self.mean(1, 0)


@pytest.mark.parametrize("omega", [Omega(0.6, True), Omega(0.5, False)])
def test_hierarchy_agrees_with_other_sums(independent, omega):
    found, sums = groups("hierarchical", omega), Sums(independent, omega)
    assert found.log_evidence == pytest.approx(sums.log_evidence, abs=1e-7)
    variance = 0.0
    for g in range(2):
        rows = found.summary(g)
        mean, square, tau, tau_square = (sums.mean(g, what) for what in range(4))
        variance += square - mean**2
        assert rows.loc["mu", ["mean", "sd"]].tolist() == pytest.approx([mean, np.sqrt(square - mean**2)], abs=1e-6)
        assert rows.at["tau", "mean"] == pytest.approx(tau, abs=1e-6)
        assert rows.at["tau", "sd"] == pytest.approx(np.sqrt(tau_square - tau**2), abs=2e-6)
    mean, sd = contrast(found, 1, 0, "mu", "difference")[0].moments()
    assert mean == pytest.approx(sums.mean(1, 0) - sums.mean(0, 0), abs=1e-6)
    assert sd == pytest.approx(np.sqrt(variance - 2.0 * sums.covariance_of_means()), abs=1e-6)


def test_no_spread_between_groups_is_a_common_tau():
    one, common = groups("hierarchical", Omega(0.0, True)), groups("common")
    assert one.log_evidence == pytest.approx(common.log_evidence, abs=1e-10)
    for g in range(2):
        a, b = one.summary(g), common.summary(g)
        gap = np.abs(a.to_numpy() - b.to_numpy())[:, :-1].max(axis=1)
        assert (gap <= (a["numerical_error"] + b["numerical_error"]).to_numpy()).all()


def test_every_group_gives_the_same_evidence():
    found = groups("hierarchical", Omega(0.8, True))
    evidence = [part.posterior.log_evidence for part in found.fine]
    assert evidence[0] == pytest.approx(evidence[1], abs=1e-9)


def test_a_random_spread_gives_tau_a_tail_like_a_power():
    """tau0 exp(omega z) with half-normal omega falls like tau^-(1 + 1/scale), and each interior study adds one."""
    found = groups("hierarchical", Omega(0.5, False))
    assert found.fine[0].orders.tau == 3.0 + 3.0
    assert groups("hierarchical", Omega(0.5, True)).fine[0].orders.tau == np.inf


def test_bounded_or_improper_priors_of_tau_are_refused():
    for prior in ("Uniform(0, 3)", "Flat()"):
        with pytest.raises(bm.SpecError, match="needs a proper prior of tau without an upper bound"):
            groups("hierarchical", Omega(0.5, True), bm.ModelSpec("binomial", tau=prior))
