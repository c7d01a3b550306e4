// Which special functions does the page need? Each is held against SciPy by the tests, to 1e-12.

const LOG_2PI = Math.log(2 * Math.PI);
const LOG_SQRT_2PI = 0.5 * LOG_2PI;
const TINY = 2.2250738585072014e-308;

// Lanczos' approximation with Godfrey's coefficients (g = 607/128), good to rounding for x > 0.
const LANCZOS = [
  0.99999999999999709182, 57.156235665862923517, -59.597960355475491248, 14.136097974741747174,
  -0.49191381609762019978, 0.33994649984811888699e-4, 0.46523628927048575665e-4, -0.98374475304879564677e-4,
  0.15808870322491248884e-3, -0.21026444172410488319e-3, 0.2174396181152126432e-3, -0.16431810653676389022e-3,
  0.84418223983852743293e-4, -0.2619083840158140867e-4, 0.36899182659531622704e-5,
];

function logGamma(x) {
  let sum = LANCZOS[0];
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i] / (x + i);
  const t = x + 5.2421875;
  return (x + 0.5) * Math.log(t) - t + Math.log(2.5066282746310005 * sum / x);
}

function logBeta(a, b) {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

// Mills' ratio (1 - Phi(x)) / phi(x) at x = 0, 1/8, ..., from its power series or its continued fraction; between
// these points a Taylor series (Marsaglia 2004, doi:10.18637/jss.v011.i04), so that both tails keep all digits.
const MILLS_STEP = 0.125;
const MILLS = (() => {
  const table = new Float64Array(330);
  for (let i = 0; i < table.length; i++) table[i] = millsRatio(i * MILLS_STEP);
  return table;
})();

function millsRatio(x) {
  if (x < 2.5) {
    let term = x, sum = x;
    for (let n = 3; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) sum += term *= (x * x) / n;
    return Math.sqrt(0.5 * Math.PI) * Math.exp(0.5 * x * x) - sum;
  }
  let fraction = x;
  for (let n = 200; n > 0; n--) fraction = x + n / fraction;
  return 1 / fraction;
}

function mills(x) { // x >= 0
  if (x > 40) return 1 / (x + 1 / (x + 2 / (x + 3 / (x + 4 / x))));
  const i = Math.round(x / MILLS_STEP), z = i * MILLS_STEP, h = x - z;
  let before = MILLS[i], here = z * before - 1, power = h, sum = before + h * here;
  for (let n = 1; n < 14; n++) {
    const next = (z * here + before) / (n + 1); // Taylor coefficients of R' = x R - 1
    before = here;
    here = next;
    power *= h;
    sum += power * here;
    if (Math.abs(power * here) < 1e-17 * sum) break;
  }
  return sum;
}

function normalCdf(x) {
  const tail = Math.exp(-0.5 * x * x - LOG_SQRT_2PI) * mills(Math.abs(x));
  return x > 0 ? 1 - tail : tail;
}

function logNormalCdf(x) {
  if (x > 0) return Math.log1p(-normalCdf(-x));
  return -0.5 * x * x - LOG_SQRT_2PI + Math.log(mills(-x));
}

// The quantile of the standard normal distribution: Newton's method on log Phi, which is concave.
function normalQuantile(p) {
  if (p > 0.5) return -normalQuantile(1 - p);
  const target = Math.log(p);
  let x = -Math.sqrt(Math.max(-2 * target - LOG_2PI, 0.0));
  for (let i = 0; i < 60; i++) {
    const step = (target - logNormalCdf(x)) * mills(-x);
    x += step;
    if (Math.abs(step) < 1e-15 * (1 + Math.abs(x))) break;
  }
  return x;
}

const expit = (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const logit = (p) => Math.log(p / (1 - p));
const logExpit = (x) => (x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x)));
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

// Gauss-Legendre on (0, 1), eight points.
const LEGENDRE = [
  [0.1834346424956498, 0.3626837833783620], [0.5255324099163290, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745], [0.9602898564975363, 0.1012285362903763],
].flatMap(([x, w]) => [[0.5 - 0.5 * x, 0.5 * w], [0.5 + 0.5 * x, 0.5 * w]]);

// The integral of sinc from minus infinity, at multiples of a quarter: what the node at 0 adds to a distribution
// function. Sums of Gauss-Legendre rules, each over a quarter of a half-wave, are exact to rounding.
const SINC_CDF = (() => {
  const table = new Float64Array(8192);
  table[0] = 0.5;
  for (let i = 1; i < table.length; i++) {
    let sum = 0;
    for (const [x, w] of LEGENDRE) sum += w * sinc(0.25 * (i - 1 + x));
    table[i] = table[i - 1] + 0.25 * sum;
  }
  return table;
})();

const sincCdfAtQuarter = (i) => (i >= 0 ? SINC_CDF[Math.min(i, 8191)] : 1 - SINC_CDF[Math.min(-i, 8191)]);

// Nodes and weights of Gauss-Hermite quadrature for a standard normal variable, by Newton's method on the
// orthonormal Hermite functions.
const hermiteRules = new Map();
function hermiteRule(count) {
  if (hermiteRules.has(count)) return hermiteRules.get(count);
  const z = new Float64Array(count), w = new Float64Array(count);
  const value = (x) => { // h_n and h_(n-1), orthonormal
    let previous = 0, here = 1;
    for (let n = 0; n < count; n++) [previous, here] = [here, (x * here - Math.sqrt(n) * previous) / Math.sqrt(n + 1)];
    return [here, previous];
  };
  const roots = [];
  const step = 0.9 / Math.sqrt(count + 1), end = 2 * Math.sqrt(count + 1);
  let left = -end, [before] = value(left);
  for (let x = -end + 0.1 * step; x <= end && roots.length < count; x += 0.1 * step) {
    const [here] = value(x);
    if (before * here <= 0 && here !== 0) {
      let root = 0.5 * (left + x);
      for (let i = 0; i < 40; i++) {
        const [h, p] = value(root), move = h / (Math.sqrt(count) * p);
        root -= move;
        if (Math.abs(move) < 1e-16 * (1 + Math.abs(root))) break;
      }
      roots.push(root);
    }
    [left, before] = [x, here];
  }
  roots.forEach((root, i) => {
    const [, p] = value(root);
    z[i] = root;
    w[i] = 1 / (count * p * p);
  });
  hermiteRules.set(count, [z, w]);
  return [z, w];
}
