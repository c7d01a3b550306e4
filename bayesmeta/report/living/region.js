// Where does the posterior live, and at which (mu, tau) is it tabulated? As `surface/locate.py`, `region.py`, `grid.py`.

const LOOK = 15; // points of each look
const WELL_FILLED = 0.35;
const MOST_LOOKS = 200;
const FIRST_Q = [-3.8, 6]; // all of (0, 400 scales)
const Q_STEP = 0.7;
const NEAR = 12, NEAR_Q = 4; // features where the log density has fallen by less are resolved
const RESOLVED = 4;
const MOST_ZOOMS = 20;
const NODE_WIDTH = 4; // conditional SDs of mu per unit of its sinh coordinate
const LOG_SD = 0.5, STEEP = 0.5, EVEN = 10;

class NotCertified extends Error {}

// A bracket outside which every target has fallen by `drop`; logF(x) returns an array of targets.
function locate(logF, lower, upper, drop) {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const width = upper - lower;
    const x = Float64Array.from({ length: LOOK }, (_, i) => lower + (width * i) / (LOOK - 1));
    const f = logF(x);
    let first = LOOK, last = -1;
    for (const target of f) {
      const floor = maximum(target) - drop;
      for (let i = 0; i < LOOK; i++) {
        if (target[i] >= floor) {
          first = Math.min(first, i);
          last = Math.max(last, i);
        }
      }
    }
    if (last < 0) break;
    lower = first === 0 ? lower - width : x[Math.max(first - 1, 0)];
    upper = last === LOOK - 1 ? upper + width : x[Math.min(last + 1, LOOK - 1)];
    if (first > 0 && last < LOOK - 1 && last - first >= WELL_FILLED * LOOK) return { lower, upper, x, f };
  }
  throw new NotCertified("the region of the posterior could not be found");
}

function logMass(x, target) {
  const largest = maximum(target);
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += Math.exp(target[i] - largest);
  return largest + Math.log(sum * (x[1] - x[0]));
}

// Second differences -f'' step^2 at the inner points that lie within `near` of the peak, else -Infinity.
function bends(target, near, peak) {
  const out = new Float64Array(target.length - 2).fill(-Infinity);
  for (let i = 1; i + 1 < target.length; i++) {
    if (target[i] > peak - near) out[i - 1] = 2 * target[i] - target[i - 1] - target[i + 1];
  }
  return out;
}

// Where the log density bends most, and the SD of a normal density that bends as much: the mode, or a steep edge.
function sharpest(logF, found) {
  let { x, f } = found;
  const peaks = f.map(maximum);
  for (let zoom = 0; ; zoom++) {
    const bend = new Float64Array(LOOK - 2).fill(-Infinity);
    f.forEach((target, n) => bends(target, NEAR, peaks[n]).forEach((b, i) => { bend[i] = Math.max(bend[i], b); }));
    let most = bend.indexOf(maximum(bend));
    const top = Math.min(Math.max(f[0].indexOf(maximum(f[0])) - 1, 0), LOOK - 3);
    if (bend[top] > bend[most] / 1.5) most = top;
    const largest = Math.max(maximum(bend), 1e-3), step = x[1] - x[0];
    const answer = { centre: x[most + 1], sd: step / Math.sqrt(largest) };
    if (!(largest > RESOLVED) || zoom + 1 >= MOST_ZOOMS) return answer;
    const [low, high] = [x[most], x[most + 2]];
    x = Float64Array.from({ length: LOOK }, (_, i) => low + ((high - low) * i) / (LOOK - 1));
    f = logF(x);
    f.forEach((target, n) => { peaks[n] = Math.max(peaks[n], maximum(target)); });
  }
}

// Brackets of mu's coordinate for some tau between which others are interpolated.
// `known` is the region of an earlier posterior: looking there first saves most looks.
function findRegion(problem, known = null) {
  const { muCoordinate, tauCoordinate } = problem;
  const tauAt = (q) => Math.max(tauCoordinate.value(q), TINY);
  const densityOfX = (tau) => (x) => {
    const targets = problem.ofMu(x.map(muCoordinate.value), tau, PILOT);
    for (let i = 0; i < x.length; i++) {
      const slope = muCoordinate.logJacobian(x[i]);
      for (const target of targets) target[i] += slope;
    }
    return targets;
  };
  const massOf = (found, q, tau) =>
    problem.ofTau(tau).map((f, n) => f + logMass(found.x, found.f[n]) + tauCoordinate.logJacobian(q));
  let seen = known ? known.nodes : [];
  const guessAt = (q, tau) => {
    if (!seen.length) return firstGuess(problem, tau);
    const at = seen.map((row) => row.q);
    return ["lower", "upper"].map((end) => interpolate(q, at, seen.map((row) => row[end])));
  };
  const outer = (q) => {
    const rows = Array.from(q, (at) => {
      const tau = tauAt(at), found = locate(densityOfX(tau), ...guessAt(at, tau), PILOT.drop);
      return { ...found, q: at, mass: massOf(found, at, tau) };
    });
    seen = rows;
    return rows[0].mass.map((_, n) => Float64Array.from(rows, (row) => row.mass[n]));
  };
  const found = locate(outer, ...(known ? [known.nodes[0].q, known.nodes[known.nodes.length - 1].q] : FIRST_Q), PILOT.drop);
  const count = Math.max(LOOK, Math.ceil((found.upper - found.lower) / Q_STEP) + 1);
  const step = (found.upper - found.lower) / (count - 1);
  const nodes = Array.from({ length: count }, (_, i) => {
    const q = found.lower + i * step, tau = tauAt(q), f = densityOfX(tau);
    const row = locate(f, ...guessAt(q, tau), PILOT.drop);
    return { q, lower: row.lower, upper: row.upper, ...sharpest(f, row), mass: massOf(row, q, tau) };
  });
  let bend = -Infinity;
  nodes[0].mass.forEach((_, n) => {
    const target = Float64Array.from(nodes, (node) => node.mass[n]);
    bend = Math.max(bend, maximum(bends(target, NEAR_Q, maximum(target))));
  });
  return { nodes, sdQ: step / Math.sqrt(Math.max(bend, 1e-3)), problem };
}

function interpolate(at, x, y) {
  let i = 0;
  while (i < x.length - 2 && at > x[i + 1]) i++;
  const share = Math.min(Math.max((at - x[i]) / (x[i + 1] - x[i]), 0), 1);
  return y[i] + share * (y[i + 1] - y[i]);
}

function firstGuess(problem, tau) {
  const { centre, variance } = problem.terms.rough;
  let sum = 0, weighted = 0;
  for (const i of problem.studies) {
    const weight = 1 / (variance[i] + tau * tau);
    sum += weight;
    weighted += weight * centre[i];
  }
  const mean = weighted / sum, sd = 1 / Math.sqrt(sum), { coordinate } = problem.muCoordinate;
  const lower = coordinate(mean - 10 * sd), upper = coordinate(mean + 10 * sd);
  return Number.isFinite(upper - lower) && upper > lower ? [lower, upper] : [-4, 4];
}

// The nodes of one resolution: tau equally spaced in q; for each, mu equally spaced in v, x = centre + width sinh(v).
function makeGrid(region, level, muCoordinate, tauCoordinate) {
  const { nodes, sdQ } = region, low = nodes[0].q, high = nodes[nodes.length - 1].q;
  const largest = level.stepTau * (tauCoordinate.kind === "steep" ? STEEP : 1);
  const count = Math.ceil((high - low) / Math.min(largest, sdQ / level.stepsPerSd)) + 1;
  const stepQ = (high - low) / (count - 1), rows = [];
  let size = 0;
  for (let j = 0; j < count; j++) {
    const q = low + j * stepQ;
    let left = 0;
    while (left < nodes.length - 2 && nodes[left + 1].q <= q) left++;
    const [a, b] = [nodes[left], nodes[left + 1]], sharper = b.sd < a.sd ? b : a;
    const lower = Math.min(a.lower, b.lower), upper = Math.max(a.upper, b.upper), { centre, sd } = sharper;
    let width = NODE_WIDTH * sd, unit = level.stepMu;
    if (muCoordinate.kind === "sinh") {
      width = EVEN * (upper - lower);
      unit = (level.stepMu * NODE_WIDTH * Math.min(sd, LOG_SD)) / width;
    }
    const first = Math.asinh((lower - centre) / width), last = Math.asinh((upper - centre) / width);
    size = Math.max(size, Math.ceil((last - first) / unit) + 1);
    rows.push({ q, centre, width, first, last, sd });
  }
  for (const row of rows) {
    row.tau = Math.max(tauCoordinate.value(row.q), TINY);
    row.logWeight = Math.log(stepQ) + tauCoordinate.logJacobian(row.q);
    row.step = (row.last - row.first) / (size - 1);
    row.mu = new Float64Array(size);
    row.logWeightMu = new Float64Array(size);
    for (let u = 0; u < size; u++) {
      const v = row.first + u * row.step, x = row.centre + row.width * Math.sinh(v);
      row.mu[u] = muCoordinate.value(x);
      row.logWeightMu[u] = Math.log(row.width * Math.cosh(v) * row.step) + muCoordinate.logJacobian(x);
    }
  }
  return { rows, size, stepQ, firstQ: low, muCoordinate, tauCoordinate };
}
