// What are the densities of the priors? The families of `bayesmeta/spec/families.py` under PyMC's names.
//
// Each is a record: log density of x given the parameters in order, support, tail order (the a in x^-a; Infinity where
// the density falls faster than every power).

const light = () => Infinity;
const REAL = [-Infinity, Infinity];
const HALF = [0, Infinity];
const times = (a, b) => (a === 0 ? 0 : a * b);

function studentLog(z, nu) {
  const constant = logGamma(0.5 * (nu + 1)) - logGamma(0.5 * nu) - 0.5 * Math.log(Math.PI * nu);
  return constant - 0.5 * (nu + 1) * Math.log1p((z * z) / nu);
}

function normalLog(z) {
  return -0.5 * z * z - LOG_SQRT_2PI;
}

function logNormalLog(x, mu, sigma) {
  const z = (Math.log(x) - mu) / sigma;
  return normalLog(z) - Math.log(sigma * x);
}

function gammaLog(x, alpha, beta) {
  return times(alpha - 1, Math.log(beta * x)) - beta * x - logGamma(alpha) + Math.log(beta);
}

const gammaShape = (mu, sigma) => [(mu / sigma) ** 2, mu / sigma ** 2];

const FAMILIES = {
  Normal: { names: ["mu", "sigma"], log: (x, m, s) => normalLog((x - m) / s) - Math.log(s), support: REAL },
  StudentT: {
    names: ["nu", "mu", "sigma"],
    log: (x, nu, m, s) => studentLog((x - m) / s, nu) - Math.log(s),
    support: REAL,
    tail: (nu) => nu + 1,
  },
  Cauchy: {
    names: ["alpha", "beta"],
    log: (x, a, b) => -Math.log(Math.PI * b) - Math.log1p(((x - a) / b) ** 2),
    support: REAL,
    tail: () => 2,
  },
  Logistic: {
    names: ["mu", "s"],
    log: (x, m, s) => {
      const z = Math.abs((x - m) / s);
      return -z - 2 * Math.log1p(Math.exp(-z)) - Math.log(s);
    },
    support: REAL,
  },
  Uniform: {
    names: ["lower", "upper"],
    log: (x, a, b) => (x >= a && x <= b ? -Math.log(b - a) : -Infinity),
    support: (a, b) => [a, b],
  },
  Beta: { names: ["alpha", "beta"], log: null, support: REAL }, // of p_median: needs the link, see `makePrior`
  Flat: { names: [], log: () => 0, support: REAL, tail: () => 0, improper: true },
  HalfNormal: { names: ["sigma"], log: (x, s) => Math.LN2 + normalLog(x / s) - Math.log(s), support: HALF },
  HalfCauchy: {
    names: ["beta"],
    log: (x, b) => Math.log(2 / (Math.PI * b)) - Math.log1p((x / b) ** 2),
    support: HALF,
    tail: () => 2,
  },
  HalfStudentT: {
    names: ["nu", "sigma"],
    log: (x, nu, s) => Math.LN2 + studentLog(x / s, nu) - Math.log(s),
    support: HALF,
    tail: (nu) => nu + 1,
  },
  Exponential: { names: ["lam"], log: (x, lam) => Math.log(lam) - lam * x, support: HALF },
  Gamma: { names: ["alpha", "beta"], log: gammaLog, support: HALF },
  InverseGamma: {
    names: ["alpha", "beta"],
    log: (x, a, b) => (x > 0 ? -(a + 1) * Math.log(x / b) - b / x - logGamma(a) - Math.log(b) : -Infinity),
    support: HALF,
    tail: (alpha) => alpha + 1,
  },
  LogNormal: { names: ["mu", "sigma"], log: (x, m, s) => (x > 0 ? logNormalLog(x, m, s) : -Infinity), support: HALF },
  Weibull: {
    names: ["alpha", "beta"],
    log: (x, a, b) => Math.log(a / b) + times(a - 1, Math.log(x / b)) - (x / b) ** a,
    support: HALF,
  },
  HalfLogistic: {
    names: ["s"],
    log: (x, s) => Math.LN2 - x / s - 2 * Math.log1p(Math.exp(-x / s)) - Math.log(s),
    support: HALF,
  },
  Lomax: {
    names: ["alpha", "m"],
    log: (x, a, m) => Math.log(a / m) - (a + 1) * Math.log1p(x / m),
    support: HALF,
    tail: (alpha) => alpha + 1,
  },
  Turner2015: {
    names: ["mu", "sigma"],
    log: (x, m, s) => (x > 0 ? logNormalLog(x, 0.5 * m, 0.5 * s) : -Infinity),
    support: HALF,
  },
  HalfFlat: { names: [], log: () => 0, support: HALF, tail: () => 0, improper: true },
};

// A prior of mu or tau: { name, values, log(x), support, tailOrder, isProper }.
function makePrior(name, values, link) {
  const family = FAMILIES[name];
  let log = family.log && ((x) => (x < support[0] || x > support[1] ? -Infinity : family.log(x, ...values)));
  const support = typeof family.support === "function" ? family.support(...values) : family.support;
  if (name === "Beta") {
    const [alpha, beta] = values, constant = logBeta(alpha, beta), g = LINKS[link];
    log = (x) => times(alpha - 1, g.logP(x)) + times(beta - 1, g.logQ(x)) + g.logSlope(x) - constant;
  }
  const tailOrder = (family.tail || light)(...values);
  return { name, values, names: family.names, log, support, tailOrder, isProper: !family.improper };
}

const bracketed = (prior) => prior.support.every(Number.isFinite);

// As Python writes it: Normal(mu=0, sigma=1.5).
function priorText(name, values) {
  return `${name}(${FAMILIES[name].names.map((key, i) => `${key}=${values[i]}`).join(", ")})`;
}
