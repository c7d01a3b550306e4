// How are elements made and numbers printed? Text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  return filled(node, attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "number" && !Number.isFinite(value)) continue;
    if (value !== null && value !== false) node.setAttribute(name, typeof value === "number" ? +value.toFixed(3) : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// Printed to three decimals, or to three digits where that says nothing.
function printed(x, decimals = 3) {
  if (x === null || x === undefined || Number.isNaN(x)) return "none";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  const text = size !== 0 && (size >= 10000 || size < 0.5 * 10 ** -decimals) ? x.toPrecision(3) : x.toFixed(size >= 100 ? 1 : decimals);
  return text.replace("-", "−");
}

const errorText = (x, factor = 1) => `${x < 1.05e-7 ? "≤ " : ""}${(Math.max(x, 1e-7) * factor).toExponential(0).replace("-", "−")}`;
const signless = (x) => String(Number(x.toPrecision(6)));

// How values are printed: in a unit, with its decimals, as `Printing` of `bayesmeta.plots` does in the report.
class Unit {
  constructor({ factor, sign, places }) {
    Object.assign(this, { factor, sign, places });
    this.after = sign ? `, ${sign}` : "";
    this.beside = sign ? `\u00a0${sign}` : "";
  }

  text(x) {
    if (x === null || x === undefined || Number.isNaN(x)) return "none";
    if (!Number.isFinite(x)) return x > 0 ? "∞" : "–∞";
    const text = (this.factor * x).toFixed(this.places);
    return Number(text) ? text.replace("-", "−") : text.replace("-", "");
  }

  interval(lower, upper) {
    return `${this.text(lower)}${lower < 0 ? " to " : "–"}${this.text(upper)}`;
  }

  // Estimate and interval; only the interval if there is no estimate.
  cell([x, lower, upper]) {
    return x === null ? this.interval(lower, upper) : `${this.text(x)} (${this.interval(lower, upper)})`;
  }

  ticks(low, high, count) {
    return ticksBetween(this.factor * low, this.factor * high, count).map((x) => [x / this.factor, signless(x).replace("-", "−")]);
  }
}

// Round numbers between two ends, about `count` of them.
function ticksBetween(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough * 0.999);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) out.push(Math.abs(i * step) < step / 1e6 ? 0 : i * step);
  return out;
}

// Ticks of a ratio: 1, 2, 5 and powers of ten.
function ratioTicks(low, high) {
  const out = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const step of [1, 2, 5]) if (step * 10 ** power >= low && step * 10 ** power <= high) out.push(step * 10 ** power);
  }
  return out.length > 7 ? out.filter((x) => Math.abs(Math.log10(x) % 1) < 1e-9) : out;
}
