// What is a density between equally spaced nodes? Its sinc interpolant, tabulated four times as densely, and between the
// entries of that table a polynomial through the eight nearest: `bayesmeta/exact/rows.py`.

const REFINEMENT = 4;
const POINTS = 8, BEFORE = 3;

// Coefficients of Lagrange's polynomials through -3 .. 4: product of (x - b) over the others.
const LAGRANGE = (() => {
  const polynomials = [];
  for (let a = -BEFORE; a < POINTS - BEFORE; a++) {
    let poly = [1];
    for (let b = -BEFORE; b < POINTS - BEFORE; b++) {
      if (b === a) continue;
      const next = new Array(poly.length + 1).fill(0);
      poly.forEach((c, n) => {
        next[n] -= (c * b) / (a - b);
        next[n + 1] += c / (a - b);
      });
      poly = next;
    }
    polynomials.push(poly);
  }
  return polynomials;
})();

// Lagrange's polynomials at offset x from the point 0 (or their slopes there), into `out`.
function lagrangeAt(x, out, slope) {
  for (let k = 0; k < POINTS; k++) {
    const poly = LAGRANGE[k];
    let sum = 0;
    if (slope) for (let n = POINTS - 1; n > 0; n--) sum = sum * x + n * poly[n];
    else for (let n = POINTS - 1; n >= 0; n--) sum = sum * x + poly[n];
    out[k] = sum;
  }
  return out;
}

const shares = new Float64Array(POINTS);

// A table's value at a position in its own steps, clipped to its ends; or its slope there.
function tableAt(table, position, slope = false) {
  const inner = Math.min(Math.max(position, 0), table.length - 1);
  const first = Math.min(Math.max(Math.trunc(inner) - BEFORE, 0), table.length - POINTS);
  lagrangeAt(inner - first - BEFORE, shares, slope);
  let sum = 0;
  for (let k = 0; k < POINTS; k++) sum += shares[k] * table[first + k];
  return sum;
}

// Integral and density (per step) of a function given by its weights at equally spaced nodes.
class Spread {
  constructor(weights) {
    const size = weights.length, count = REFINEMENT * (size - 1) + 1;
    this.size = size;
    this.cdfTable = new Float64Array(count);
    this.pdfTable = new Float64Array(count);
    const sincs = sincTable(size);
    for (let f = 0; f < count; f++) {
      let below = 0, density = 0;
      for (let u = 0; u < size; u++) {
        const w = weights[u], offset = f - REFINEMENT * u;
        below += w * sincs.cdf[offset + sincs.zero];
        density += w * sincs.pdf[offset + sincs.zero];
      }
      this.cdfTable[f] = below;
      this.pdfTable[f] = density;
    }
  }

  cdf(position) {
    return tableAt(this.cdfTable, REFINEMENT * position);
  }

  pdf(position) {
    return position >= 0 && position <= this.size - 1 ? tableAt(this.pdfTable, REFINEMENT * position) : 0;
  }
}

// sinc and its integral at multiples of a quarter, of both signs.
let sincs = { zero: 0 };
function sincTable(size) {
  if (sincs.zero < REFINEMENT * size) {
    const zero = REFINEMENT * Math.max(size, 200);
    const at = (i) => i - zero;
    sincs = {
      zero,
      cdf: Float64Array.from({ length: 2 * zero + 1 }, (_, i) => sincCdfAtQuarter(at(i))),
      pdf: Float64Array.from({ length: 2 * zero + 1 }, (_, i) => (at(i) % 4 === 0 ? Number(at(i) === 0) : sinc(at(i) / 4))),
    };
  }
  return sincs;
}

// Smooth values at a position in steps, by the polynomial through the 14 nearest.
const SMOOTH_POINTS = 14;
function smoothAt(values, position) {
  const points = Math.min(SMOOTH_POINTS, values.length);
  const first = Math.min(Math.max(Math.floor(position) - (points >> 1) + 1, 0), values.length - points);
  let sum = 0;
  for (let a = 0; a < points; a++) {
    let share = 1;
    for (let b = 0; b < points; b++) if (b !== a) share *= (position - first - b) / (a - b);
    sum += share * values[first + a];
  }
  return sum;
}
