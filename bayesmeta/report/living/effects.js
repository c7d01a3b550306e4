// What is each study's own effect? p(theta_i | data) = likelihood_i(theta) times the mean of kernel(theta | mu, tau) /
// m_i(mu, tau) over the posterior: `bayesmeta/exact/theta.py`, on a sinh rule of its own where the density lives.

const EFFECT_DROP = 26;
const EFFECT_STEP = 0.5; // of the step of mu
const EFFECT_TINY = 1e-290;
const EFFECT_WEIGHT = 1e-11; // nodes with less do not matter
const LARGEST_LOG_SHARE = 20;
const SPIKE_WEIGHT = 1e-8;

// The nodes of a posterior with log(weight / m_i) left to be added: wide rows as nodes, narrow ones as rows.
function effectNodes(posterior) {
  if (posterior._effectNodes) return posterior._effectNodes;
  const wide = [], narrow = [], floor = EFFECT_WEIGHT;
  for (const row of posterior.rows) {
    if (row.weight < floor) continue;
    const step = posterior.longestStep(row);
    if (row.tau < WIDE * step) narrow.push(row);
    else {
      const stride = row.tau >= 2.275 * step ? 4 : row.tau >= 1.52 * step ? 2 : 1;
      const { mu, mass } = posterior.refined(row, stride), some = [];
      mass.forEach((weight, n) => { if (weight > floor) some.push(n); });
      wide.push({ tau: row.tau, mu: Float64Array.from(some, (n) => mu[n]), mass: Float64Array.from(some, (n) => mass[n]) });
    }
  }
  posterior._effectNodes = { wide, narrow };
  return posterior._effectNodes;
}

// log m of all included studies at the nodes, by row; made once per posterior.
function effectSurface(posterior) {
  if (posterior._effectSurface) return posterior._effectSurface;
  const { terms, studies } = posterior.problem, { wide, narrow } = effectNodes(posterior);
  const table = (row) => terms.row(studies, row.tau, row.mu, posterior.level);
  posterior._effectSurface = { wide: wide.map(table), narrow: narrow.map(table) };
  return posterior._effectSurface;
}

// `region` is where another resolution of the same posterior found the density.
class StudyEffect {
  constructor(posterior, place, region = null) {
    const { terms, studies } = posterior.problem, study = studies[place];
    Object.assign(this, { posterior, place, study, terms });
    const { wide } = effectNodes(posterior), logM = effectSurface(posterior).wide;
    // mass / (m tau sqrt(2 pi)), with the largest likelihood taken out so that nothing overflows
    this.scale = terms.logLikelihood(study, terms.rough.centre[study]);
    this.share = wide.map((row, j) => Float64Array.from(row.mass, (mass, n) =>
      mass * Math.exp(Math.min(this.scale - logM[j][place][n], 690)) / (row.tau * Math.sqrt(2 * Math.PI))));
    this.region = region || this.findRegion();
    this.layNodes();
  }

  // The density up to a factor; from every `stride`-th value of tau where only its place is looked for.
  density(theta, stride = 1) {
    const { posterior, place, study, terms } = this, { wide, narrow } = effectNodes(posterior);
    const logL = Math.max(terms.logLikelihood(study, theta) - this.scale, -700);
    let sum = 0;
    for (let j = 0; j < wide.length; j += stride) {
      const { tau, mu } = wide[j], share = this.share[j], c = -0.5 / (tau * tau);
      for (let n = 0; n < mu.length; n++) {
        const d = theta - mu[n], e = c * d * d;
        if (e > -300) sum += share[n] * Math.exp(e + logL);
      }
    }
    if (!narrow.length) return sum;
    const [z, w] = hermiteRule((posterior.level.hermiteNodes >> 1) + 1);
    for (let j = 0; j < narrow.length; j++) {
      for (let n = 0; n < z.length; n++) sum += w[n] * Math.max(posterior.densityOf(this.narrowSpread(j, n), narrow[j], theta - narrow[j].tau * z[n]), 0);
    }
    return sum;
  }

  // The density of mu on a narrow row, weighted by the likelihood at mu + tau z over m_i.
  narrowSpread(j, n) {
    this.spreads ||= [];
    this.spreads[j] ||= [];
    if (!this.spreads[j][n]) {
      const { posterior, place, study, terms } = this, row = effectNodes(posterior).narrow[j];
      const logM = effectSurface(posterior).narrow[j][place], [z, w] = hermiteRule((posterior.level.hermiteNodes >> 1) + 1);
      this.spreads[j][n] = new Spread(row.w.map((weight, u) => {
        if (weight < 1e-25) return 0;
        const ratio = terms.logLikelihood(study, row.mu[u] + row.tau * z[n]) - logM[u];
        return weight * Math.exp(Math.min(ratio, LARGEST_LOG_SHARE - Math.log(w[n])));
      }));
    }
    return this.spreads[j][n];
  }

  findRegion() {
    const { posterior, study, terms } = this, { centre, variance } = terms.rough;
    const logF = (x) => [x.map((theta) => Math.log(Math.max(this.density(theta, 2), EFFECT_TINY)))];
    posterior._muMoments ||= posterior.moments((row, u) => row.mu[u]);
    const [mean, sd] = posterior._muMoments;
    const tau = posterior.rows.reduce((sum, row) => sum + row.weight * row.tau, 0), spread = Math.min(sd * sd + tau * tau, 1e6);
    const shrunk = 1 / (1 / variance[study] + 1 / spread), guess = shrunk * (centre[study] / variance[study] + mean / spread);
    const half = 8 * Math.sqrt(shrunk), found = locate(logF, guess - half, guess + half, EFFECT_DROP);
    let at = sharpest(logF, found);
    const [spike, sdSpike] = this.spike();
    if (sdSpike < at.sd && spike > found.lower && spike < found.upper) at = { centre: spike, sd: sdSpike };
    return { lower: found.lower, upper: found.upper, ...at };
  }

  layNodes() {
    const { lower, upper, centre, sd } = this.region;
    const width = NODE_WIDTH * sd, first = Math.asinh((lower - centre) / width), last = Math.asinh((upper - centre) / width);
    const count = Math.ceil((last - first) / (EFFECT_STEP * this.posterior.level.stepMu)) + 1, step = (last - first) / (count - 1);
    this.theta = new Float64Array(count);
    this.weight = new Float64Array(count);
    let total = 0;
    for (let t = 0; t < count; t++) {
      const v = first + t * step;
      this.theta[t] = centre + width * Math.sinh(v);
      total += this.weight[t] = this.density(this.theta[t]) * Math.cosh(v);
    }
    for (let t = 0; t < count; t++) this.weight[t] /= total;
    Object.assign(this, { centre, width, first, step });
    this.table = new Spread(this.weight);
  }

  // Where mu is known best over all tau that matter: as tau falls to 0, every theta_i becomes mu.
  spike() {
    let best = null;
    for (const row of this.posterior.rows) {
      const sd = row.sd * Math.exp(this.posterior.grid.muCoordinate.logJacobian(row.centre));
      if (row.weight > SPIKE_WEIGHT && (!best || sd < best[1])) best = [this.posterior.grid.muCoordinate.value(row.centre), sd];
    }
    return best || [0, Infinity];
  }

  cdfPdf(x) {
    const z = (x - this.centre) / this.width, at = (Math.asinh(z) - this.first) / this.step;
    return [this.table.cdf(at), this.table.pdf(at) / (this.width * Math.sqrt(1 + z * z) * this.step)];
  }

  moments() {
    let mean = 0, square = 0;
    this.theta.forEach((theta, t) => { mean += this.weight[t] * theta; });
    this.theta.forEach((theta, t) => { square += this.weight[t] * (theta - mean) ** 2; });
    return [mean, Math.sqrt(square)];
  }
}

// Rows of the included studies: posterior of theta_i with its error, weight and shrinkage.
function studyEffects(solution, ciProb) {
  const { fine, coarse } = solution, { terms, studies } = fine.problem;
  const tail = 0.5 * (1 - ciProb);
  const rows = studies.map((study, place) => {
    const rough = new StudyEffect(coarse, place), effect = new StudyEffect(fine, place, rough.region), [mean, sd] = effect.moments();
    const [roughMean, roughSd] = rough.moments(), start = (p) => quantilesOf(Array.from(effect.theta, (x, t) => [x, effect.weight[t]]), [p])[0];
    let error = Math.max(Math.abs(mean - roughMean), Math.abs(sd - roughSd));
    const [median, lower, upper] = [0.5, tail, 1 - tail].map((p) => {
      const x = quantile((at) => effect.cdfPdf(at), p, start(p), 2.5 * sd), [cdf, pdf] = rough.cdfPdf(x);
      error = Math.max(error, Math.abs(cdf - p) / Math.max(pdf, 1e-300));
      return x;
    });
    return { study, mean, sd, median, lower, upper, numericalError: FLOOR + error };
  });
  const variance = rows.map((row) => terms.varianceAt(row.study, row.median));
  rows.forEach((row) => Object.assign(row, { weight: 0, shrinkage: 0 }));
  for (const { tau, weight } of fine.grid.rows) {
    const precision = variance.map((v) => 1 / (v + tau * tau)), total = precision.reduce((a, b) => a + b, 0);
    rows.forEach((row, n) => {
      row.weight += (weight * precision[n]) / total;
      row.shrinkage += weight * variance[n] * precision[n];
    });
  }
  return rows;
}
