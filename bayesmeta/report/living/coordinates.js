// On which coordinate is a parameter integrated? The maps of `bayesmeta/surface/coordinates.py`.

const LARGEST_X = 300; // sinh(300) is 1e130; its square is still a double
const logAddExp = (a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));

const realLine = { kind: "real", value: (x) => x, logJacobian: () => 0, coordinate: (value) => value };

function sinhLine(centre, scale) {
  return {
    kind: "sinh",
    value: (x) => centre + scale * Math.sinh(Math.min(Math.max(x, -LARGEST_X), LARGEST_X)),
    logJacobian: (x) => logAddExp(x, -x) + Math.log(0.5 * scale),
    coordinate: (value) => Math.asinh((value - centre) / scale),
  };
}

function position(value, lower, upper) {
  return logit(Math.min(Math.max((value - lower) / (upper - lower), 0), 1));
}

function interval(lower, upper) {
  return {
    kind: "interval",
    value: (x) => lower + (upper - lower) * expit(x),
    logJacobian: (x) => Math.log(upper - lower) + logExpit(x) + logExpit(-x),
    coordinate: (value) => position(value, lower, upper),
  };
}

function steepInterval(lower, upper) {
  return {
    kind: "steep",
    value: (x) => lower + (upper - lower) * expit(Math.PI * Math.sinh(x)),
    logJacobian: (x) => {
      const s = Math.PI * Math.sinh(x);
      return logExpit(s) + logExpit(-s) + Math.log(Math.PI * Math.cosh(x)) + Math.log(upper - lower);
    },
    coordinate: (value) => Math.asinh(position(value, lower, upper) / Math.PI),
  };
}

function halfLine(scale) {
  return {
    kind: "half",
    scale,
    value: (x) => scale * Math.exp(Math.min(x - Math.exp(-x), LARGEST_X)),
    logJacobian: (x) => Math.log(scale) + x - Math.exp(-x) + Math.log1p(Math.exp(-x)),
    coordinate: (value) => {
      const y = Math.log(Math.max(value, TINY)) - Math.log(scale);
      let x = y > 0 ? y : -Math.log1p(-y);
      for (let i = 0; i < 8; i++) {
        const e = Math.exp(-x);
        x -= (x - e - y) / (1 + e);
      }
      return x;
    },
  };
}
