// What are the numbers, and how far could each be off? Every number at two resolutions, as `bayesmeta/exact/summary.py`.

const FLOOR = 1e-7; // an error smaller than this is never claimed
const TOLERANCE = 1e-6; // of every mean, SD and quantile, as in `bayesmeta.fit`
const LARGE_VALUE = 100, WIDE_INTERVAL = 10;
const identity = (x) => x;

// How a quantity follows from the scale on which its distribution is computed.
function quantityOf(name, link) {
  const plain = { value: identity, base: identity, slope: () => 1, support: name === "tau" ? [0, Infinity] : [-Infinity, Infinity] };
  if (!name.startsWith("p_")) return { name, cdfPdf: { mu: "muCdfPdf", tau: "tauCdfPdf", theta_new: "nextCdfPdf" }[name], ...plain };
  const g = LINKS[name === "p_mean" ? "logit" : link];
  const cdfPdf = { p_median: "muCdfPdf", p_mean: "meanCdfPdf", p_new: "nextCdfPdf" }[name];
  return { name, cdfPdf, value: g.inverse, base: g.link, slope: (p) => Math.exp(g.logSlope(g.link(p))), support: [0, 1] };
}

function momentsOf(posterior, name) {
  const { problem } = posterior, { orders, link } = problem;
  if (name === "mu") return existing(orders, name, ...posterior.moments((row, u) => row.mu[u]));
  if (name === "tau") return existing(orders, name, ...posterior.moments((row) => row.tau));
  if (name === "theta_new") {
    const [mean, sd] = posterior.moments((row, u) => row.mu[u]);
    return existing(orders, name, mean, Math.sqrt(sd * sd + posterior.mean((row) => row.tau * row.tau)));
  }
  if (name === "p_median") return medianProportion(posterior, link);
  if (!posterior.proportions) return null;
  const [mean, sd] = posterior.moments((row, u) => row.p[u]);
  if (name === "p_mean") return [mean, sd];
  const within = posterior.mean((row, u) => row.p2[u] - row.p[u] ** 2);
  return [mean, Math.sqrt(Math.max(within + sd * sd, 0))];
}

// Mean and SD of the inverse link of mu; by parts on the rows whose nodes of mu are too far apart for that.
function medianProportion(posterior, name) {
  const link = LINKS[name];
  const longest = Math.log(link.longestStep);
  const isCoarse = (row) => row.mu.some((mu, u) => row.logWeightMu[u] > longest && Math.abs(mu) < LOGIT_REACH && row.w[u] > 1e-16);
  for (const row of posterior.grid.rows) row.median ||= row.mu.map(link.inverse);
  const coarse = posterior.grid.rows.filter(isCoarse);
  if (!coarse.length) return posterior.moments((row, u) => row.median[u]);
  const others = new Set(coarse), step = (0.25 * link.longestStep) / 0.7;
  let first = posterior.mean((row, u) => (others.has(row) ? 1 : row.median[u]));
  let second = posterior.mean((row, u) => (others.has(row) ? 1 : row.median[u] ** 2));
  for (const row of coarse) row.spread ||= new Spread(row.w);
  for (let x = -LOGIT_REACH; x <= LOGIT_REACH + 0.5 * step; x += step) {
    const slope = step * Math.exp(link.logSlope(x));
    if (slope < 1e-30) continue;
    let below = 0;
    for (const row of coarse) below += row.spread.cdf(posterior.position(row, x));
    first -= slope * below;
    second -= 2 * link.inverse(x) * slope * below;
  }
  return [first, Math.sqrt(Math.max(second - first * first, 0))];
}

// Where searches for quantiles start, and about how wide the distribution is, on the base scale.
function roughQuantiles(posterior, quantity, probability) {
  const { cdfPdf } = quantity, { rows } = posterior;
  if (cdfPdf === "tauCdfPdf") return quantilesOf(rows.map((row) => [row.tau, row.weight]), probability);
  const points = [];
  for (const row of rows) { // each row as five points
    if (row.weight < 1e-9) continue;
    const at = cdfPdf === "meanCdfPdf" ? row.logitMean : row.mu;
    let mean = 0, square = 0;
    for (let u = 0; u < at.length; u++) mean += row.w[u] * at[u];
    mean /= row.weight;
    for (let u = 0; u < at.length; u++) square += row.w[u] * (at[u] - mean) ** 2;
    const more = cdfPdf === "nextCdfPdf" ? row.tau ** 2 : 0, sd = Math.sqrt(square / row.weight + more);
    for (const [z, w] of [[-2.4, 0.025], [-1.2, 0.2], [0, 0.55], [1.2, 0.2], [2.4, 0.025]]) points.push([mean + z * sd, w * row.weight]);
  }
  return quantilesOf(points.sort((a, b) => a[0] - b[0]), probability);
}

function quantilesOf(points, probability) {
  const total = points.reduce((sum, [, w]) => sum + w, 0);
  return probability.map((p) => {
    let sum = 0;
    for (const [x, w] of points) if ((sum += w) >= p * total) return x;
    return points[points.length - 1][0];
  });
}

// Solve cdf(x) = p: Newton steps, kept within a shrinking bracket.
function quantile(cdfPdf, p, start, spread) {
  let x = start, lower = -Infinity, upper = Infinity;
  for (let step = 0; step < 200; step++) {
    const [cdf, pdf] = cdfPdf(x), gap = cdf - p, move = -gap / pdf;
    if (pdf > 0 && Math.abs(move) <= 1e-6 * spread) return x + move;
    if (gap < 0) lower = x;
    if (gap > 0) upper = x;
    if (upper - lower <= 1e-13 * (1 + Math.abs(x))) return x;
    const reach = 0.1 * spread * 2 ** Math.min(step, 60), closed = Number.isFinite(upper - lower);
    const inside = Number.isFinite(move) && x + move > lower && x + move < upper;
    if (inside && (closed || Math.abs(move) <= reach)) x += move;
    else x = closed ? 0.5 * (lower + upper) : x - Math.sign(gap) * reach;
  }
  throw new NotCertified("a quantile could not be found");
}

// Mean, SD, median, interval and error of one quantity: the finer resolution, checked by the coarser.
function summaryRow(fine, coarse, name, ciProb) {
  const quantity = quantityOf(name, fine.problem.link), tail = 0.5 * (1 - ciProb), wanted = [0.5, tail, 1 - tail];
  const [mean, sd] = momentsOf(fine, name), rough = momentsOf(coarse, name);
  const [low, start, high, ...starts] = roughQuantiles(fine, quantity, [0.1, 0.5, 0.9, ...wanted]);
  const spread = Math.max(high - low, 1e-12 * (1 + Math.abs(start)));
  const values = [mean, sd], errors = [mean, sd].map((value, n) => (Number.isFinite(value) ? Math.abs(value - rough[n]) : 0));
  wanted.forEach((p, n) => {
    const x = quantile((at) => fine[quantity.cdfPdf](at), p, starts[n], spread), value = quantity.value(x);
    const [cdf, pdf] = coarse[quantity.cdfPdf](x);
    values.push(Math.min(Math.max(value, quantity.support[0]), quantity.support[1]));
    errors.push((Math.abs(cdf - p) / Math.max(pdf, 1e-300)) * quantity.slope(value));
  });
  const size = Math.max(1, (values[4] - values[3]) / WIDE_INTERVAL);
  const scaled = values.map((value, n) =>
    Number.isFinite(value) ? errors[n] / (TOLERANCE * Math.max(size, Math.abs(value) / LARGE_VALUE)) : 0);
  return {
    name, mean, sd, median: values[2], lower: values[3], upper: values[4],
    numericalError: FLOOR + Math.max(...errors), scaled: Math.max(...scaled),
  };
}

const parametersOf = (link) => (isProportion(link) ? ["mu", "tau", "p_median", "p_mean", "p_new"] : ["mu", "tau", "theta_new"]);

// The posterior to the accuracy of `bayesmeta.fit`, or its best; `certified` says which.
function solve(problem, ciProb, known = null) {
  const region = findRegion(problem, known);
  const at = (index) => {
    const level = RESOLUTIONS[index];
    return new Posterior(problem, makeGrid(region, level, problem.muCoordinate, problem.tauCoordinate), level);
  };
  let coarse = at(0), best = null;
  for (let index = 1; index < RESOLUTIONS.length; index++) {
    const fine = at(index);
    const rows = parametersOf(problem.link).map((name) => summaryRow(fine, coarse, name, ciProb));
    const worst = Math.max(...rows.map((row) => (Number.isNaN(row.scaled) ? Infinity : row.scaled)));
    if (!best || worst < best.worst) best = { fine, coarse, rows, worst, region, certified: worst <= 1 };
    if (best.certified) break;
    coarse = fine;
  }
  return best;
}

// P(quantity > x) with the difference of both resolutions.
function probabilityAbove(solution, name, x) {
  const quantity = quantityOf(name, solution.fine.problem.link);
  if (x <= quantity.support[0]) return { value: 1, error: 0 };
  if (x >= quantity.support[1]) return { value: 0, error: 0 };
  const [fine, coarse] = [solution.fine, solution.coarse].map((one) => 1 - Math.min(Math.max(one[quantity.cdfPdf](quantity.base(x))[0], 0), 1));
  return { value: fine, error: FLOOR + Math.abs(fine - coarse) };
}
