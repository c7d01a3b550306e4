// What happens when the reader moves something? The posterior is computed anew, and all that is shown follows.

const STEPS = 400; // of a slider
const data = JSON.parse(byId("living-data").textContent);
const numbers = (text) => Array.from(new Float64Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
const observed = data.observed.map(numbers);
const terms = data.likelihood === "binomial"
  ? new BinomialTerms(numbers(data.data.events), numbers(data.data.n), data.link)
  : new NormalTerms(numbers(data.data.y), numbers(data.data.se));
const k = data.labels.length;
const begin = { ...data.start, out: [], group: null };
let state = stateFrom(location.hash, begin, data);
let shown = null; // state, solution, effects of what is on the page
let region = null;
let later = 0;

function compute(wanted) {
  const places = included(wanted, data);
  const [mu, tau] = ["mu", "tau"].map((name) => makePrior(wanted[name][0], wanted[name].slice(1), data.link));
  const problem = new Problem(terms, data.link, places, mu, tau);
  const near = region && region.problem.muCoordinate.kind === problem.muCoordinate.kind && region.problem.tauCoordinate.kind === problem.tauCoordinate.kind;
  let solution;
  try {
    solution = solve(problem, wanted.ci, near ? region : null);
  } catch (error) {
    if (!near) throw error;
    solution = solve(problem, wanted.ci, null);
  }
  if (!solution.certified) throw new NotCertified("the numbers cannot be certified to 1e-6 there");
  region = solution.region;
  return solution;
}

// Show a state, or stay where the page is and say why.
function update(wanted) {
  const started = performance.now();
  let solution;
  try {
    solution = compute(wanted);
  } catch (error) {
    if (!(error instanceof NotCertified)) throw error;
    tell(`Stopped: ${error.message}. The page shows the last state that is certified.`);
    if (shown) state = shown.state;
    showControls();
    return false;
  }
  tell("");
  state = wanted;
  shown = { state, solution, effects: null, ms: 0 };
  showEstimates();
  showCurves();
  shown.ms = performance.now() - started;
  clearTimeout(later);
  later = setTimeout(showRest, 0);
  return true;
}

function showRest() {
  const started = performance.now();
  shown.effects = studyEffects(shown.solution, state.ci);
  showForest();
  showCode();
  shown.effectsMs = performance.now() - started;
  history.replaceState(null, "", `#${stateText(state)}`);
}

function tell(text) {
  const message = byId("living-message");
  message.hidden = !text;
  message.textContent = text;
}

const percent = () => `${+(100 * state.ci).toFixed(6)} %`;
const unit = new Unit(data.printing), plain = { factor: 1, sign: "", places: 3, after: "", beside: "", text: printed, ticks: Unit.prototype.ticks };
const unitOf = (name) => (name.startsWith("p_") ? unit : plain);
const toNatural = (x) => (data.natural === "ratio" || data.natural === "rate" ? Math.exp(x) : data.natural === "proportion" ? LINKS[data.link].inverse(x) : x);

function showEstimates() {
  const { solution } = shown, scaleName = data.link === "identity" ? "scale of the data" : `${data.link} scale`;
  const body = solution.rows.flatMap((row) => {
    const note = row.name === "mu" || row.name === "tau" || row.name === "theta_new" ? ` (${scaleName})` : "";
    const cells = [row.median, row.lower, row.upper, row.mean, row.sd], { factor, after } = unitOf(row.name);
    const line = make("tr", { "data-name": row.name }, make("th", { scope: "row" }, QUANTITY_WORDS[row.name] + note + after),
      ...cells.map((x) => make("td", { title: String(factor * x) }, unitOf(row.name).text(x))), make("td", {}, errorText(row.numericalError, factor)));
    if (data.natural !== "ratio" || row.name === "tau") return [line];
    const words = { mu: "Ratio of the median study", theta_new: "Ratio of the next study" }[row.name];
    return [line, make("tr", {}, make("th", { scope: "row" }, words), ...cells.slice(0, 3).map((x) => make("td", {}, unit.text(Math.exp(x)))), make("td", {}, "–"), make("td", {}, "–"), make("td", {}, "–"))];
  });
  const head = ["Quantity", "Median", "Lower", "Upper", "Mean", "SD", "Error"].map((text) => make("th", { scope: "col" }, text));
  byId("living-estimates").replaceChildren(make("caption", {}, `Posterior: median and ${percent()} credible interval (CrI); for the next study a prediction interval (PI). ${isProportion(data.link) ? "The sentence above and the forest plot give the mean of p_mean, as the report does." : ""}`),
    make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
  byId("living-summary").textContent = summaryText();
  showProbability();
}

// What stands for a row where one number does: the median, of p_mean the mean; of the next study only the interval.
const pointOf = (row) => (row.name === "p_mean" ? row.mean ?? row.median : row.median);
const rowOf = (name) => shown.solution.rows.find((row) => row.name === name);
const pooledNames = () => (isProportion(data.link) ? ["p_median", "p_mean", "p_new"] : ["mu", "theta_new"]);
function pooledValues(name) {
  const row = rowOf(name), natural = name.startsWith("p_") ? identity : toNatural;
  return [name.endsWith("_new") ? null : natural(pointOf(row)), natural(row.lower), natural(row.upper)];
}

function summaryText() {
  const what = { proportion: "the proportion", ratio: "the ratio", rate: "the rate" }[data.natural] || "the effect";
  const count = included(state, data).length, priors = [["μ", state.mu], ["τ", state.tau]].map(([name, [family, ...values]]) => `${name} ~ ${family}(${values.map(signless).join(", ")})`);
  const words = { p_median: `${what} of the median study (p_median)`, p_mean: "the mean of the distribution of study proportions (p_mean)", mu: `${what} of the median study`, p_new: `${what} of a next study (p_new)`, theta_new: `${what} of a next study` };
  const parts = pooledNames().map((name) => {
    const [x, lower, upper] = pooledValues(name);
    if (x === null) return `with ${percent()} probability ${words[name]} lies within ${unit.interval(lower, upper)}${unit.beside} (PI)`;
    return `${words[name]} is ${unit.text(x)}${unit.beside} (${percent()} CrI ${unit.interval(lower, upper)})`;
  });
  return `With ${count} of ${k} ${k === 1 ? "study" : "studies"}, ${priors.join(" and ")}: ${parts.join("; ")}.`;
}

function showProbability() {
  const box = byId("living-probability"), x = state.threshold;
  box.hidden = x === null;
  if (x === null) return;
  const base = data.natural === "ratio" || data.natural === "rate" ? Math.log(x) : x, above = `> ${signless(unit.factor * x)}${unit.beside}`;
  const asked = isProportion(data.link) ? { next: "p_new", median: "p_median", mean: "p_mean" } : { next: "theta_new", median: "mu" };
  const words = { next: "next study", median: "median study", mean: "average study" };
  shown.probability = Object.fromEntries(Object.entries(asked).map(([key, one]) => [key, probabilityAbove(shown.solution, one, base)]));
  const found = Object.entries(shown.probability), parts = found.map(([key, { value }]) => `P(${words[key]}${isProportion(data.link) ? `, ${asked[key]},` : ""} ${above}) = ${printed(value, 4)}`);
  box.textContent = `${parts.join("; ")} (error ${errorText(Math.max(...found.map(([, { error }]) => error)))}).`;
}

function showCurves() {
  byId("living-curves").replaceChildren(...shown.solution.rows.map((row) => curve(shown.solution, row, unitOf(row.name))));
}

function showForest() {
  const { solution, effects } = shown, byStudy = new Map(effects.map((row) => [row.study, row])), fine = effects.filter((row) => row.numericalError <= 1e-5 * Math.max(1, Math.abs(row.lower), Math.abs(row.upper)));
  const modelOf = (i) => (byStudy.has(i) && fine.includes(byStudy.get(i)) ? ["median", "lower", "upper"].map((end) => toNatural(byStudy.get(i)[end])) : null);
  const names = pooledNames(), pooled = names.map(pooledValues);
  const seen = data.labels.map((_, i) => observed.map((column) => column[i]));
  const scale = forestScale(data.natural === "rate" ? "ratio" : data.natural, [...seen, ...pooled], unit);
  const cell = (values) => (values ? unit.cell(values) : "–");
  const texts = Object.entries(data.texts), takePart = new Set(included(state, data)), rows = data.labels.map((label, i) => {
    const model = modelOf(i), on = takePart.has(i), only = on && takePart.size === 1;
    const box = make("input", { type: "checkbox", id: `living-study-${i}`, "data-study": String(i), disabled: only || (state.group && !on && !state.out.includes(i)) ? "" : null });
    box.checked = on;
    const name = make("label", { for: `living-study-${i}`, title: label }, label);
    return make("tr", { class: on ? null : "out" }, make("td", { class: "tick" }, box), make("th", { scope: "row" }, name),
      ...texts.map(([, values]) => make("td", { class: "data" }, values[i])), make("td", { class: "plot" }, studyMark(scale, seen[i], model, pooled[0][0])),
      make("td", { class: "observed-text" }, cell(seen[i])), make("td", { class: "model-text" }, cell(model)), make("td", { class: "weight" }, byStudy.has(i) ? `${(100 * byStudy.get(i).weight).toFixed(1)} %` : "–"));
  });
  const noData = () => texts.map(() => make("td", { class: "data" }));
  const total = (words, values, kind) => make("tr", { class: "total" }, make("th", { scope: "row", colspan: "2" }, words), ...noData(),
    make("td", { class: "plot" }, pooledMark(scale, values, kind)), make("td", { class: "observed-text" }), make("td", { class: "model-text" }, cell(values)), make("td", { class: "weight" }));
  const head = make("tr", {}, make("th", { scope: "col", class: "tick" }, make("span", { class: "unseen" }, "Included")), make("th", { scope: "col" }, "Study"),
    ...texts.map(([name]) => make("th", { scope: "col", class: "data" }, name)), make("th", { scope: "col", class: "plot" }, data.unit + unit.after), make("th", { scope: "col", class: "observed-text" }, `Observed${unit.after}`),
    make("th", { scope: "col", class: "model-text" }, `In the model${unit.after}`), make("th", { scope: "col", class: "weight" }, "Weight"));
  const focused = document.activeElement && document.activeElement.id;
  byId("living-forest").replaceChildren(make("table", {}, make("caption", { class: "unseen" }, `Forest plot: observed and in the model, ${percent()} intervals`), make("thead", {}, head), make("tbody", {}, ...rows,
    ...names.map((name, n) => total(isProportion(data.link) ? QUANTITY_WORDS[name] : { mu: "Median study", theta_new: "Next study (prediction)" }[name], pooled[n], { p_mean: "hollow", p_new: "bar", theta_new: "bar" }[name] || "diamond")),
    make("tr", { class: "axis-row" }, make("td", { colspan: "2" }), ...noData(), make("td", { class: "plot" }, axisMark(scale)), make("td", { class: "observed-text" }), make("td", { class: "model-text" }), make("td", { class: "weight" })))));
  if (focused && focused.startsWith("living-study-")) byId(focused).focus();
}

function showCode() {
  byId("living-python").textContent = pythonText(state, data);
  byId("living-toml").textContent = tomlText(state, data);
}

// Controls

function showControls() {
  for (const parameter of ["mu", "tau"]) showPrior(parameter);
  byId("living-threshold").value = state.threshold === null ? "" : signless(unit.factor * state.threshold);
  const ci = byId("living-ci");
  if (![...ci.options].some((option) => Number(option.value) === state.ci)) ci.append(make("option", { value: String(state.ci) }, percent()));
  ci.value = [...ci.options].find((option) => Number(option.value) === state.ci).value;
  byId("living-group").value = state.group ? JSON.stringify(state.group) : "";
}

function showPrior(parameter) {
  const box = byId(`living-${parameter}`), [family] = state[parameter], menu = data.menus[parameter];
  if (box.dataset.family !== family) {
    box.dataset.family = family;
    const select = make("select", { id: `living-${parameter}-family` }, ...menu.map((entry) => make("option", { value: entry.family }, entry.family)));
    select.value = family;
    select.addEventListener("change", () => changeFamily(parameter, select.value));
    const { sliders } = menu.find((entry) => entry.family === family);
    const words = family === "Beta" ? "Family (of the median study’s proportion)" : "Family";
    box.replaceChildren(make("div", { class: "field" }, make("label", { for: select.id }, words), select), ...sliders.map((slider, n) => sliderField(parameter, n, slider)));
  }
  const { sliders } = menu.find((entry) => entry.family === family);
  sliders.forEach((slider, n) => {
    const value = state[parameter][n + 1], range = byId(`living-${parameter}-${n}`);
    range.value = String(positionOf(slider, value));
    range.setAttribute("aria-valuetext", signless(value));
    const number = byId(`living-${parameter}-${n}-number`);
    if (number.value === "" || Number(number.value) !== value) number.value = signless(value);
  });
}

const positionOf = ({ low, high, log }, value) => STEPS * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low) || 0);
function valueAt({ low, high, log }, at) {
  if (at <= 0) return low;
  if (at >= STEPS) return high;
  return Number((log ? low * (high / low) ** (at / STEPS) : low + ((high - low) * at) / STEPS).toPrecision(3));
}

function sliderField(parameter, n, slider) {
  const id = `living-${parameter}-${n}`, names = { mu: "location", sigma: "scale", nu: "degrees of freedom", lam: "rate", s: "scale" };
  const words = parameter === "mu" || slider.name !== "mu" ? names[slider.name] : "location of log τ";
  const range = make("input", { type: "range", id, min: "0", max: String(STEPS), step: "1" });
  const number = make("input", { type: "number", id: `${id}-number`, step: "any", min: String(slider.low), max: String(slider.high), inputmode: "decimal", "aria-label": `${slider.name} of the prior of ${parameter}, as a number` });
  range.addEventListener("input", () => moveTo(parameter, n, valueAt(slider, Number(range.value))));
  number.addEventListener("change", () => {
    const value = Number(number.value), kept = Math.min(Math.max(value, slider.low), slider.high);
    if (number.value === "" || !Number.isFinite(value)) return showControls();
    moveTo(parameter, n, kept);
    number.value = signless(state[parameter][n + 1]);
    if (kept !== value) tell(`The slider of ${slider.name} ends at ${signless(kept)}: beyond it nothing was certified.`);
  });
  return make("div", { class: "field slider" }, make("label", { for: id }, slider.name, words ? make("small", {}, ` ${words}`) : ""), range, number,
    make("small", { class: "ends", "aria-hidden": "true" }, `${signless(slider.low)} to ${signless(slider.high)}`));
}

function moveTo(parameter, n, value) {
  const wanted = { ...state, [parameter]: state[parameter].map((old, i) => (i === n + 1 ? value : old)) };
  const { sliders } = data.menus[parameter].find((entry) => entry.family === wanted[parameter][0]), at = sliders[n];
  if (update(wanted)) {
    showControls();
    if (value === at.low || value === at.high) tell(`This is the end of the slider: beyond ${signless(value)} nothing was certified.`);
  }
}

function changeFamily(parameter, family) {
  const { sliders } = data.menus[parameter].find((entry) => entry.family === family);
  update({ ...state, [parameter]: [family, ...sliders.map((slider) => slider.start)] });
  byId(`living-${parameter}-family`).value = state[parameter][0];
  showControls();
}

function tick(i, on) {
  const out = on ? state.out.filter((other) => other !== i) : [...state.out, i].sort((a, b) => a - b);
  if (!included({ ...state, out }, data).length) return showForest();
  if (!update({ ...state, out })) showForest();
}

function go(wanted) {
  if (update(wanted)) showControls();
}

// Where the browser is held against the exact engine: its answers at the corners of the sliders.
function selfCheck(done) {
  let worst = 0, count = 0;
  const failed = [];
  const next = () => {
    if (count === data.checks.length) return done({ worst, count, failed });
    const check = data.checks[count++];
    try {
      const [mu, tau] = ["mu", "tau"].map((name) => makePrior(check[name][0], check[name].slice(1), data.link));
      const solution = solve(new Problem(terms, data.link, check.studies, mu, tau), 0.95);
      for (const row of solution.rows) {
        const expected = check.rows[row.name], size = Math.max(1, (expected[4] - expected[3]) / WIDE_INTERVAL);
        ["mean", "sd", "median", "lower", "upper"].forEach((end, n) => {
          if (expected[n] === null) return;
          const off = Math.abs(row[end] - expected[n]) / Math.max(size, Math.abs(expected[n]) / LARGE_VALUE);
          if (solution.certified) worst = Math.max(worst, Number.isNaN(off) ? Infinity : off);
        });
      }
      if (!solution.certified) failed.push(check);
    } catch (error) {
      if (!(error instanceof NotCertified)) throw error;
      failed.push(check);
    }
    setTimeout(next, 0);
  };
  next();
}

function tellCertificate({ worst, count, failed }) {
  const stops = failed.length ? ` At ${failed.length} of them this browser does not certify its own numbers; there the page stops and says so.` : "";
  byId("living-certificate").textContent = `Computed in this browser by quadrature at two resolutions; the column Error is their difference. The sliders end where the exact engine of bayesmeta was asked: at ${count} such corners this browser agrees with it to ${worst.toExponential(0).replace("-", "−")}.${stops}`;
}

function start() {
  const group = byId("living-group"), levels = Object.entries(data.moderators).flatMap(([name, values]) => [...new Set(values)].map((level) => [name, level]));
  group.append(make("option", { value: "" }, "all"), ...levels.map((pair) => make("option", { value: JSON.stringify(pair) }, pair.join(": "))));
  byId("living-group-field").hidden = !levels.length;
  group.addEventListener("change", () => {
    const wanted = { ...state, group: group.value ? JSON.parse(group.value) : null };
    go(included(wanted, data).length ? wanted : { ...wanted, out: [] });
  });
  byId("living-threshold-label").textContent = `Benchmark for the next study's ${data.unit}${unit.after}`;
  byId("living-threshold").addEventListener("change", (event) => {
    const text = event.target.value, value = Number(text) / unit.factor, fits = text !== "" && Number.isFinite(value) && !((data.natural === "ratio" || data.natural === "rate") && value <= 0);
    go({ ...state, threshold: fits ? value : null });
  });
  byId("living-ci").addEventListener("change", (event) => go({ ...state, ci: Number(event.target.value) }));
  byId("living-form").addEventListener("submit", (event) => event.preventDefault());
  byId("living-forest").addEventListener("change", (event) => {
    if (event.target.dataset.study) tick(Number(event.target.dataset.study), event.target.checked);
  });
  byId("living-reset").addEventListener("click", () => go(begin));
  byId("living-link").addEventListener("click", () => copy(`${location.href.split("#")[0]}#${stateText(state)}`, byId("living-link")));
  byId("living-code-button").addEventListener("click", (event) => {
    const code = byId("living-code");
    code.hidden = !code.hidden;
    event.target.setAttribute("aria-expanded", String(!code.hidden));
  });
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(byId(button.dataset.copy).textContent, button));
  addEventListener("hashchange", () => go(stateFrom(location.hash, begin, data)));
  if (!update(state) && !shown && !update(begin)) {
    byId("living-summary").textContent = "This browser could not compute the posterior of the analysis to 1e-6; see the static results.";
    return;
  }
  showControls();
  setTimeout(() => selfCheck((result) => {
    checkResult = result;
    tellCertificate(result);
  }), 300);
}

async function copy(text, button) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    window.prompt("Copy this text:", text);
  }
  setTimeout(() => { button.textContent = words; }, 1500);
}

let checkResult = null;
window.living = { // for tests and the curious: open the console
  get state() { return state; },
  get shown() { return shown; },
  get checks() { return checkResult; },
  go,
  functions: { normalCdf, logNormalCdf, logGamma, normalQuantile, makePrior, solve, Problem, BinomialTerms, NormalTerms, studyEffects, hermiteRule, LINKS },
};
start();
