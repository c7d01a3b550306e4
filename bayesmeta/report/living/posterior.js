// What is the posterior of (mu, tau), and of all that follows from it? `bayesmeta/exact/posterior.py`, `quantities.py`,
// `average.py` and `predict.py`, on one grid.

const NEGLIGIBLE = 1e-14; // rows of tau with less weight are left out of distribution functions
const NEGLIGIBLE_NODE = 1e-11;
const WIDE = 1.3; // a kernel so many node steps wide is summed over the nodes
const LITTLE = 1e-4, NEAR_ZERO = -1;
const SMALLEST_SLOPE = 1e-10;
const LARGEST_LOGIT = 500;
const LOGIT_REACH = 45;
const TAU_SCALE = 0.1;

// What is to be integrated: studies (indices), priors, and the coordinates that suit them.
class Problem {
  constructor(terms, link, studies, priorMu, priorTau) {
    Object.assign(this, { terms, link, studies, priorMu, priorTau });
    this.orders = tailOrders(priorMu, priorTau, terms.limits, studies);
    const { left, right } = terms.limits, { centre, variance } = terms.rough;
    const sds = studies.filter((i) => !(left[i] && right[i])).map((i) => Math.sqrt(variance[i]));
    const typical = sds.length ? median(sds) : 1;
    this.tauCoordinate = Number.isFinite(priorTau.support[1]) ? steepInterval(...priorTau.support) : halfLine(TAU_SCALE * typical);
    if (bracketed(priorMu)) this.muCoordinate = interval(...priorMu.support);
    else if (Number.isFinite(priorMu.tailOrder) && priorMu.isProper && Math.min(this.orders.left, this.orders.right) <= priorMu.tailOrder) {
      // no study contradicts the tail of the prior
      this.muCoordinate = sinhLine(studies.reduce((sum, i) => sum + centre[i], 0) / studies.length, typical);
    } else this.muCoordinate = realLine;
    this.heavy = [this.orders.tau, this.orders.left, this.orders.right].some(Number.isFinite);
  }

  // Log posterior densities up to what depends on tau only; with a heavy tail also those of the moments.
  ofMu(mu, tau, level) {
    const f = this.terms.sum(this.studies, tau, mu, level);
    for (let p = 0; p < f.length; p++) f[p] += this.priorMu.log(mu[p]);
    if (!this.heavy) return [f];
    const power = highestMoment(this.orders, "mu");
    return [f, f.slice(), f.map((value, p) => value + power * Math.log1p(Math.abs(mu[p])))];
  }

  ofTau(tau) {
    const f = this.priorTau.log(tau);
    if (!this.heavy) return [f];
    return [f, f + highestMoment(this.orders, "tau") * Math.log(tau), f];
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half]);
}

class Posterior {
  constructor(problem, grid, level) {
    Object.assign(this, { problem, grid, level });
    let largest = -Infinity;
    for (const row of grid.rows) {
      const sum = problem.terms.sum(problem.studies, row.tau, row.mu, level);
      const ofTau = problem.priorTau.log(row.tau) + row.logWeight;
      row.log = sum;
      for (let u = 0; u < grid.size; u++) {
        row.log[u] += problem.priorMu.log(row.mu[u]) + row.logWeightMu[u] + ofTau;
        if (row.log[u] > largest) largest = row.log[u];
      }
    }
    let total = 0;
    for (const row of grid.rows) {
      row.w = row.log.map((f) => Math.exp(f - largest));
      row.weight = row.w.reduce((a, b) => a + b, 0);
      total += row.weight;
    }
    if (!(total > 0) || !Number.isFinite(total)) throw new NotCertified("the posterior cannot be normalised");
    this.logEvidence = largest + Math.log(total);
    for (const row of grid.rows) {
      for (let u = 0; u < grid.size; u++) {
        row.w[u] /= total;
        row.log[u] -= this.logEvidence;
      }
      row.weight /= total;
    }
    const live = grid.rows.map((row, j) => j).filter((j) => grid.rows[j].weight > NEGLIGIBLE);
    this.firstRow = live[0];
    this.lastRow = live[live.length - 1];
    this.rows = live.map((j) => grid.rows[j]);
    for (const row of this.rows) row.spread = new Spread(row.w);
  }

  // Mean and SD of value(row, u).
  moments(value) {
    const mean = this.mean(value);
    return [mean, Math.sqrt(this.mean((row, u) => (value(row, u) - mean) ** 2))];
  }

  mean(value) {
    let sum = 0;
    for (const row of this.grid.rows) {
      if (row.weight > 1e-25) for (let u = 0; u < row.w.length; u++) sum += row.w[u] * value(row, u);
    }
    return sum;
  }

  // Position of mu in steps from a row's first node, and the slope of that.
  position(row, mu) {
    const z = (this.grid.muCoordinate.coordinate(mu) - row.centre) / row.width;
    return (Math.asinh(z) - row.first) / row.step;
  }

  slope(row, mu) {
    const x = this.grid.muCoordinate.coordinate(mu), z = (x - row.centre) / row.width;
    return Math.exp(-this.grid.muCoordinate.logJacobian(x)) / (row.width * Math.sqrt(1 + z * z) * row.step);
  }

  // A function of mu on a row, from its `Spread`, per unit of mu.
  densityOf(spread, row, mu) {
    const pdf = spread.pdf(this.position(row, mu));
    return pdf > 0 ? pdf * this.slope(row, mu) : 0;
  }

  densityOfMu(row, mu) {
    return this.densityOf(row.spread, row, mu);
  }

  muCdfPdf(x) {
    let cdf = 0, pdf = 0;
    for (const row of this.rows) {
      cdf += row.spread.cdf(this.position(row, x));
      pdf += this.densityOfMu(row, x);
    }
    return [cdf, pdf];
  }

  // tau: the logs of the rows' weights are interpolated, which bend far less than the weights.
  get tauSpread() {
    if (!this._tauSpread) {
      const all = this.grid.rows.slice(this.firstRow, this.lastRow + 1);
      const logs = all.map((row) => Math.log(Math.max(row.weight, SMALLEST))), weights = [];
      for (let f = 0; f <= REFINEMENT * (all.length - 1); f++) {
        weights.push(Math.exp(smoothAt(logs, f / REFINEMENT)) / REFINEMENT);
      }
      while (weights.length < 2 * POINTS) weights.push(0);
      this._tauSpread = new Spread(weights);
    }
    return this._tauSpread;
  }

  tauCdfPdf(x) {
    const { tauCoordinate, firstQ, stepQ } = this.grid, q = tauCoordinate.coordinate(x);
    const at = (REFINEMENT * (q - firstQ)) / stepQ - REFINEMENT * this.firstRow;
    const density = Math.max(this.tauSpread.pdf(at), 0) * (REFINEMENT / stepQ);
    let pdf = density > 0 ? density * Math.exp(-tauCoordinate.logJacobian(q)) : 0;
    if (tauCoordinate.kind === "half") { // next to 0 the posterior has the prior's shape
      const near = this.nearZero;
      if (x < near) {
        const ratio = this.problem.priorTau.log(x) - this.problem.priorTau.log(near);
        pdf = this.tauCdfPdf(near)[1] * Math.exp(Math.min(ratio, 600));
      }
    }
    return [this.tauSpread.cdf(at), pdf];
  }

  get nearZero() {
    if (this._nearZero === undefined) {
      const { rows, tauCoordinate } = this.grid;
      let sum = 0, small = 0;
      while (small < rows.length - 1 && (sum += rows[small].weight) < LITTLE) small++;
      this._nearZero = tauCoordinate.value(Math.min(NEAR_ZERO, rows[small].q));
    }
    return this._nearZero;
  }

  // theta_new: kernels summed over refined nodes where tau is wide; elsewhere the distribution of mu averaged over z.
  get next() {
    if (!this._next) {
      const wide = [], narrow = [];
      for (const row of this.rows) {
        const step = this.longestStep(row);
        const stride = row.tau >= 2.275 * step ? 4 : row.tau >= 1.52 * step ? 2 : row.tau >= WIDE * step ? 1 : 0;
        if (!stride) narrow.push(row);
        else wide.push({ tau: row.tau, ...this.refined(row, stride) });
      }
      this._next = { wide, narrow };
    }
    return this._next;
  }

  // The longest distance between two refined nodes of mu that matter, in the sense of the stride it is used with.
  longestStep(row) {
    if (row.longest === undefined) {
      const floor = NEGLIGIBLE_NODE * row.weight;
      row.longest = 0;
      for (let u = 0; u + 1 < row.w.length; u++) {
        if (row.w[u] > floor || row.w[u + 1] > floor) row.longest = Math.max(row.longest, row.mu[u + 1] - row.mu[u]);
      }
    }
    return row.longest / REFINEMENT;
  }

  refined(row, stride) {
    const mu = [], mass = [], count = REFINEMENT * (row.w.length - 1) + 1;
    for (let f = 0; f < count; f += stride) {
      const weight = (row.spread.pdfTable[f] * stride) / REFINEMENT;
      if (Math.abs(weight) < 1e-18) continue;
      const v = row.first + (row.step * f) / REFINEMENT;
      mu.push(this.grid.muCoordinate.value(row.centre + row.width * Math.sinh(v)));
      mass.push(weight);
    }
    return { mu: Float64Array.from(mu), mass: Float64Array.from(mass) };
  }

  nextCdfPdf(x) {
    let cdf = 0, pdf = 0;
    for (const { tau, mu, mass } of this.next.wide) {
      let density = 0;
      for (let n = 0; n < mu.length; n++) {
        const z = (x - mu[n]) / tau;
        if (z > 8.5) cdf += mass[n];
        else if (z > -8.5) {
          const phi = Math.exp(-0.5 * z * z - LOG_SQRT_2PI), tail = phi * mills(Math.abs(z));
          cdf += mass[n] * (z > 0 ? 1 - tail : tail);
          density += mass[n] * phi;
        }
      }
      pdf += density / tau;
    }
    const [z, w] = hermiteRule((this.level.hermiteNodes >> 1) + 1);
    for (const row of this.next.narrow) {
      for (let n = 0; n < z.length; n++) {
        const at = x - row.tau * z[n];
        cdf += w[n] * row.spread.cdf(this.position(row, at));
        pdf += w[n] * this.densityOfMu(row, at);
      }
    }
    return [cdf, pdf];
  }

  // Means of p and its square at the nodes of the rows, and the logit of the mean.
  get proportions() {
    if (!this._proportions) {
      for (const row of this.grid.rows) {
        const [one, two, none] = logPowers(this.problem.link, row.tau, row.mu, this.level);
        row.p = one.map(Math.exp);
        row.p2 = two.map(Math.exp);
        row.logitMean = continued(one.map((f, u) => f - none[u]), one, none, row.mu);
      }
      this._proportions = true;
    }
    return this._proportions;
  }

  // p_mean on the logit scale: at each tau it increases with mu.
  meanCdfPdf(x) {
    if (!this.proportions) return null;
    let cdf = 0, pdf = 0;
    for (const row of this.rows) {
      const [at, slope] = invert(row.logitMean, x), inner = at > 0 && at < row.w.length - 1;
      cdf += row.spread.cdf(at);
      if (inner) pdf += row.spread.pdf(at) / Math.max(slope, SMALLEST_SLOPE);
    }
    return [cdf, pdf];
  }
}

function continued(values, one, none, mu) {
  const known = (u) => Math.min(one[u], none[u]) >= -LARGEST_LOGIT;
  let first = 0, last = values.length - 1;
  while (first < last && !known(first)) first++;
  while (last > first && !known(last)) last--;
  for (let u = 0; u < first; u++) values[u] = values[first] + mu[u] - mu[first];
  for (let u = last + 1; u < values.length; u++) values[u] = values[last] + mu[u] - mu[last];
  return values;
}

// Solve values(position) = target for values that increase; returns position and slope per step.
function invert(values, target) {
  const last = values.length - 1;
  let low = 0, high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < target) low = middle;
    else high = middle;
  }
  const share = (target - values[low]) / Math.max(values[low + 1] - values[low], 1e-300);
  let at = low + Math.min(Math.max(share, 0), 1), slope = 0;
  for (let n = 0; n < 6; n++) {
    slope = tableAt(values, at, true);
    const step = (target - tableAt(values, at)) / Math.max(slope, 1e-300);
    at = Math.min(Math.max(at + Math.min(Math.max(step, -1), 1), 0), last);
    if (Math.abs(step) < 1e-5) break;
  }
  return [at, Math.max(slope, 1e-300)];
}
