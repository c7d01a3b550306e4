// How likely are the data at (mu, tau), whatever the priors? log m_i = log of the integral of likelihood_i(theta)
// Normal(theta | eta, tau^2): the rules of `bayesmeta/surface/bands.py`, one row of eta at a time.
//
// Where tau is wide against the step of a lattice in theta, the trapezoid rule; where it is narrow, Gauss-Hermite
// nodes around eta. Studies are sorted into bands by the step that their likelihood needs.

// A resolution, as `bayesmeta/surface/quadrature.py`; the pilot only finds out where the posterior lives.
function resolution(index) {
  const finer = 0.8 ** Math.max(index - 0.4, 0);
  return {
    index,
    stepMu: 0.14 * finer,
    stepTau: 0.27 * finer,
    stepsPerSd: 1.45 / finer,
    stepTheta: 0.25 * finer,
    thetaStepsPerSd: 2.2 / finer,
    hermiteNodes: 14 + 4 * index,
    cut: 36 * 1.25 ** index,
    drop: 30 + 2 * index,
  };
}
const PILOT = {
  index: -1, stepMu: 0.3, stepTau: 0.4, stepsPerSd: 1.2, stepTheta: 0.5, thetaStepsPerSd: 1.3, hermiteNodes: 8,
  cut: 32, drop: 30,
};
const RESOLUTIONS = [0, 1, 2, 3, 4].map(resolution);

const TRAPEZOID_FROM = 1.5; // tau in steps of the lattice
const KERNEL_REACH = 9.5; // SDs
const NEAR_REACH = 13; // SDs; the kernel there is 1e-37, and a likelihood varies by 1e-16 to 1e-20 at most
const CORE_SD = 6;
const SMALLEST = 1e-300;
const SMALL_TAU = [0.4, 0.55], TINY_TAU = [0.02, 4]; // below so many finest steps: share of the nodes; nodes

// Normal likelihoods have m_i in closed form.
class NormalTerms {
  constructor(y, se) {
    Object.assign(this, { k: y.length, y, variance: se.map((s) => s * s) });
    this.rough = { centre: y, variance: this.variance };
    this.limits = { left: y.map(() => false), right: y.map(() => false) };
  }

  logLikelihood(i, theta) {
    const z2 = (theta - this.y[i]) ** 2 / this.variance[i];
    return -0.5 * (z2 + Math.log(this.variance[i])) - LOG_SQRT_2PI;
  }

  varianceAt(i) {
    return this.variance[i];
  }

  // log m of each included study at eta of one tau: rows[n] is that of studies[n].
  row(studies, tau, eta) {
    return studies.map((i) => {
      const variance = this.variance[i] + tau * tau, constant = -0.5 * Math.log(variance) - LOG_SQRT_2PI;
      return Float64Array.from(eta, (e) => constant - (0.5 * (e - this.y[i]) ** 2) / variance);
    });
  }

  // Their sum: a parabola.
  sum(studies, tau, eta) {
    let a = 0, b = 0, c = 0;
    const middle = eta[eta.length >> 1];
    for (const i of studies) {
      const precision = 1 / (this.variance[i] + tau * tau), d = this.y[i] - middle;
      a += precision;
      b += precision * d;
      c += precision * d * d - Math.log(precision) + LOG_2PI;
    }
    return Float64Array.from(eta, (e) => {
      const d = e - middle;
      return -0.5 * (a * d * d - 2 * b * d + c);
    });
  }
}

class BinomialTerms {
  constructor(events, n, link) {
    const k = n.length, g = LINKS[link];
    Object.assign(this, { k, events, n, link, g });
    this.limits = { left: events.map((r) => r === 0), right: events.map((r, i) => r === n[i]) };
    const p = events.map((r, i) => (r + 0.5) / (n[i] + 1)), centre = p.map(g.link);
    const variance = p.map((q, i) => {
      if (link === "logit") return 1 / ((n[i] + 1) * q * (1 - q));
      const v = (q * (1 - q)) / ((n[i] + 1) * Math.exp(2 * g.logSlope(centre[i])));
      return link === "probit" && (this.limits.left[i] || this.limits.right[i]) ? 0.4 * v : v;
    });
    this.rough = { centre, variance };
    this.p = p;
    this.coefficient = n.map((m, i) => -Math.log1p(m) - logBeta(events[i] + 1, m - events[i] + 1));
    this.atCentre = p.map((q, i) => times(events[i], Math.log(q)) + times(n[i] - events[i], Math.log1p(-q)));
    this.ofLevel = new Map();
  }

  logLikelihood(i, theta) {
    const r = this.events[i], n = this.n[i];
    if (this.link !== "logit") return times(r, this.g.logP(theta)) + times(n - r, this.g.logQ(theta)) + this.coefficient[i];
    const shift = theta - this.rough.centre[i], far = Math.min(shift, 600);
    const ratio = r * far - n * Math.log1p(this.p[i] * Math.expm1(far)) - (n - r) * Math.max(shift - 600, 0);
    return ratio + this.atCentre[i] + this.coefficient[i];
  }

  varianceAt(i, theta) {
    const information = 2 * this.g.logSlope(theta) - this.g.logP(theta) - this.g.logQ(theta);
    return Math.exp(-information) / this.n[i];
  }

  row(studies, tau, eta, level) {
    const wanted = new Map(studies.map((i) => [i, new Float64Array(eta.length)]));
    const { bands, finest } = this.lattices(level), narrow = [];
    for (const band of bands) {
      const own = band.studies.map((i, b) => [i, b]).filter(([i]) => wanted.has(i));
      if (!own.length) continue;
      if (tau >= TRAPEZOID_FROM * band.step) trapezoid(this, band, own, tau, eta, wanted);
      else narrow.push(...own.map(([i]) => i));
    }
    if (narrow.length) this.hermite(narrow, tau, eta, level, finest, wanted);
    return studies.map((i) => wanted.get(i));
  }

  sum(studies, tau, eta, level) {
    const total = new Float64Array(eta.length);
    for (const row of this.row(studies, tau, eta, level)) for (let p = 0; p < total.length; p++) total[p] += row[p];
    return total;
  }

  hermite(studies, tau, eta, level, finest, wanted) {
    let count = level.hermiteNodes;
    if (tau < TINY_TAU[0] * finest) count = TINY_TAU[1];
    else if (tau < SMALL_TAU[0] * finest && count > 10) count = Math.ceil(SMALL_TAU[1] * count);
    const [z, w] = hermiteRule(count), logitLink = this.link === "logit", softplus = new Float64Array(count);
    for (let p = 0; p < eta.length; p++) {
      if (logitLink) {
        const q = expit(eta[p]);
        for (let t = 0; t < count; t++) softplus[t] = Math.log1p(q * Math.expm1(tau * z[t]));
      }
      for (const i of studies) {
        const here = this.logLikelihood(i, eta[p]), r = this.events[i] * tau, n = this.n[i];
        let mean = 0;
        for (let t = 0; t < count; t++) {
          const change = logitLink ? r * z[t] - n * softplus[t] : this.logLikelihood(i, eta[p] + tau * z[t]) - here;
          mean += w[t] * Math.exp(Math.min(change, 600));
        }
        wanted.get(i)[p] = Math.log(Math.max(mean, SMALLEST)) + here;
      }
    }
  }

  // The studies by the power of two of the step that each needs, with their likelihoods on a lattice.
  lattices(level) {
    if (!this.ofLevel.has(level.index)) {
      const byHalvings = new Map();
      this.rough.variance.forEach((v, i) => {
        const needed = (level.thetaStepsPerSd * level.stepTheta) / Math.sqrt(v);
        const halvings = Math.max(Math.ceil(Math.log2(needed)), 0);
        byHalvings.set(halvings, [...(byHalvings.get(halvings) || []), i]);
      });
      const bands = [...byHalvings].map(([h, studies]) => makeBand(this, studies, level.stepTheta * 0.5 ** h, level.cut));
      this.ofLevel.set(level.index, { bands, finest: Math.min(...bands.map((band) => band.step)) });
    }
    return this.ofLevel.get(level.index);
  }

  // From where to where a likelihood is integrated; where it tends to 1, until it differs by exp(-33) from 1.
  support(i, cut) {
    const centre = this.rough.centre[i], lowest = this.logLikelihood(i, centre) - cut, flat = Math.min(cut, 33);
    const end = (sign) => {
      let near = 0, far = 1;
      while (this.logLikelihood(i, centre + sign * far) > lowest && far < 1e6) [near, far] = [far, 2 * far];
      for (let step = 0; step < 12; step++) {
        const middle = 0.5 * (near + far);
        if (this.logLikelihood(i, centre + sign * middle) > lowest) near = middle;
        else far = middle;
      }
      return centre + sign * far;
    };
    const [flatLeft, flatRight] = flatFrom(this.link, flat, this.n[i]);
    return [this.limits.left[i] ? flatLeft : end(-1), this.limits.right[i] ? flatRight : end(1)];
  }
}

function flatFrom(link, cut, n) {
  const c = cut + Math.log1p(n);
  if (link === "logit") return [-c, c];
  if (link === "probit") return [-(Math.sqrt(2 * c) + 2), Math.sqrt(2 * c) + 2];
  return [-c, Math.log(c) + 2];
}

function makeBand(terms, studies, step, cut) {
  const ends = studies.map((i) => terms.support(i, cut));
  const low = Math.min(...ends.map((e) => e[0])), high = Math.max(...ends.map((e) => e[1]));
  const first = ends.map(([a], b) => Math.floor((terms.limits.left[studies[b]] ? low : a) / step));
  const last = ends.map(([, a], b) => Math.ceil((terms.limits.right[studies[b]] ? high : a) / step));
  const start = Math.min(...first), count = Math.max(...last) - start + 1;
  const theta = Float64Array.from({ length: count }, (_, t) => (start + t) * step);
  const likelihood = [], logScale = [];
  studies.forEach((i, b) => {
    const values = new Float64Array(count);
    let largest = -Infinity;
    for (let t = 0; t < count; t++) {
      const inside = start + t >= first[b] && start + t <= last[b];
      values[t] = inside ? terms.logLikelihood(i, theta[t]) : -Infinity;
      largest = Math.max(largest, values[t]);
    }
    likelihood.push(values.map((v) => Math.exp(v - largest)));
    logScale.push(largest);
  });
  const { centre, variance } = terms.rough;
  const reach = studies.map((i) => CORE_SD * Math.sqrt(variance[i]));
  const turning = (side) => studies.filter((i) => terms.limits[side][i]).map((i) => centre[i]);
  return {
    studies, step, theta, likelihood, logScale,
    from: first.map((f) => f - start),
    to: last.map((f) => f - start),
    closes: studies.some((i) => terms.limits.left[i] || terms.limits.right[i]),
    core: [
      Math.min(...studies.map((i, b) => centre[i] - reach[b])),
      Math.max(...studies.map((i, b) => centre[i] + reach[b])),
    ],
    turn: [Math.min(...turning("left")), Math.max(...turning("right"))],
  };
}

// log m of the studies of one band; `own` pairs a study with its place in the band.
function trapezoid(terms, band, own, tau, eta, wanted) {
  const { theta, step } = band, half = 0.5 * step, reach = KERNEL_REACH * tau;
  const low = Math.min(band.core[0], minimum(eta) - reach), high = Math.max(band.core[1], maximum(eta) + reach);
  let from = Math.max(Math.ceil((low - theta[0]) / step), 0);
  let to = Math.min(Math.floor((high - theta[0]) / step) + 1, theta.length - 1);
  if (to - from < 1) [from, to] = [0, theta.length - 1];
  const ends = [theta[from], theta[to]], kernel = new Float64Array(theta.length), h = step / tau;
  const outs = own.map((pair) => wanted.get(pair[0]));
  const constant = Math.log(h) - LOG_SQRT_2PI, curve = Math.exp(-h * h);
  for (let p = 0; p < eta.length; p++) {
    const outside = Math.max(ends[0] - eta[p], eta[p] - ends[1]);
    const peak = Math.min(Math.max(Math.round((eta[p] - theta[0]) / step), from), to), u = (theta[peak] - eta[p]) / tau;
    const halfOutside = outside > step ? 0.5 * Math.min(outside / tau, 1e100) ** 2 : 0;
    kernel[peak] = halfOutside ? 1 : Math.exp(-0.5 * u * u);
    let b = peak, a = peak;
    for (let r = Math.exp(-h * u - 0.5 * h * h); b < to && kernel[b] > SMALLEST; r *= curve) kernel[b + 1] = kernel[b++] * r;
    for (let r = Math.exp(h * u - 0.5 * h * h); a > from && kernel[a] > SMALLEST; r *= curve) kernel[a - 1] = kernel[a--] * r;
    const left = band.closes ? tailSum((ends[0] - half - eta[p]) / tau, h) : 0;
    const right = band.closes ? tailSum((eta[p] - ends[1] - half) / tau, h) : 0;
    const near = Math.ceil(NEAR_REACH / h);
    for (let n = 0; n < own.length; n++) {
      const i = own[n][0], s = own[n][1], out = outs[n];
      const isLeft = terms.limits.left[i], isRight = terms.limits.right[i], values = band.likelihood[s];
      const scale = band.logScale[s];
      if (isLeft && eta[p] < 0.5 * (ends[0] + band.turn[0])) {
        out[p] = fromAbove(values, scale, kernel, a, b, halfOutside, h, right);
        continue;
      }
      if (isRight && eta[p] > 0.5 * (ends[1] + band.turn[1])) {
        out[p] = fromAbove(values, scale, kernel, a, b, halfOutside, h, left);
        continue;
      }
      // Beyond `near` the kernel is negligible beside itself on the study's support, unless it lies off that
      let start = Math.max(a, band.from[s]), stop = Math.min(b, band.to[s]), total = 0;
      if (peak >= start && peak <= stop) [start, stop] = [Math.max(start, peak - near), Math.min(stop, peak + near)];
      for (let t = start; t <= stop; t++) total += values[t] * kernel[t];
      let logM = Math.log(Math.max(total, SMALLEST)) - halfOutside + constant;
      if (total < SMALLEST) { // a stand-in that only falls with distance
        const { centre, variance } = terms.rough;
        logM = Math.log(SMALLEST) - (0.5 * (centre[i] - eta[p]) ** 2) / (variance[i] + tau * tau) + constant;
      }
      const beyond = (isLeft ? left : 0) + (isRight ? right : 0);
      if (beyond > 0) logM = logAddExp(logM, Math.log(Math.max(beyond, SMALLEST)) - scale);
      out[p] = logM + scale;
    }
  }
}

// log(1 - short): where eta lies far on the side on which a likelihood tends to 1, what it lacks to 1 is summed.
function fromAbove(values, logScale, kernel, a, b, halfOutside, h, beyond) {
  const scale = Math.exp(logScale);
  let short = 0;
  for (let t = a; t <= b; t++) short += (1 - values[t] * scale) * kernel[t];
  short *= (Math.exp(-halfOutside) * h) / Math.sqrt(2 * Math.PI);
  return Math.log1p(-Math.min(short + beyond, 0.9));
}

// The sum of h phi over the lattice points below z, in SDs: Phi(z) and two Euler-Maclaurin terms.
function tailSum(z, h) {
  if (z < -KERNEL_REACH) return 0;
  const at = Math.min(z, 40), density = Math.exp(-0.5 * at * at - LOG_SQRT_2PI);
  const second = (h * h) / 24, fourth = (7 * h ** 4) / 5760;
  return Math.max(normalCdf(at) + density * (second * at + fourth * (3 * at - at ** 3)), 0);
}

function minimum(x) {
  let least = Infinity;
  for (let i = 0; i < x.length; i++) if (x[i] < least) least = x[i];
  return least;
}

function maximum(x) {
  let most = -Infinity;
  for (let i = 0; i < x.length; i++) if (x[i] > most) most = x[i];
  return most;
}

// Mean proportion at (mu, tau): one event in one patient, its square two in two, and none in one for its complement.
const powersOf = new Map();
function logPowers(link, tau, eta, level) {
  if (!powersOf.has(link)) powersOf.set(link, new BinomialTerms([1, 2, 0], [1, 2, 1], link));
  return powersOf.get(link).row([0, 1, 2], tau, eta, level).map((row) => row.map((x) => Math.min(x, 0)));
}
