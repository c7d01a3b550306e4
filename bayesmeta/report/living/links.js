// How does a proportion, a ratio or an effect follow from the scale of mu? As `bayesmeta/effects/links.py`.

const LARGEST = 700; // exp(700) is still a double

const LINKS = {
  logit: {
    inverse: expit,
    link: logit,
    logP: logExpit,
    logQ: (x) => logExpit(-x),
    logSlope: (x) => logExpit(x) + logExpit(-x),
    longestStep: 0.7,
  },
  probit: {
    inverse: normalCdf,
    link: normalQuantile,
    logP: logNormalCdf,
    logQ: (x) => logNormalCdf(-x),
    logSlope: (x) => -0.5 * x * x - LOG_SQRT_2PI,
    longestStep: 0.25,
  },
  cloglog: {
    inverse: (x) => -Math.expm1(-Math.exp(Math.min(x, LARGEST))),
    link: (p) => Math.log(-Math.log1p(-p)),
    logP: (x) => {
      const e = Math.exp(Math.min(x, LARGEST));
      if (x < -30) return x - 0.5 * e;
      return e < 0.5 ? Math.log(-Math.expm1(-e)) : Math.log1p(-Math.exp(-e));
    },
    logQ: (x) => -Math.exp(Math.min(x, LARGEST)),
    logSlope: (x) => x - Math.exp(Math.min(x, LARGEST)),
    longestStep: 0.25,
  },
  log: { inverse: Math.exp, link: Math.log, logSlope: (x) => x },
  identity: { inverse: (x) => x, link: (x) => x, logSlope: () => 0 },
};

const isProportion = (link) => LINKS[link].logP !== undefined;
