// What has the reader chosen? A record, and the same as the part of a link after #.

function stateText(state) {
  const prior = ([name, ...values]) => `${name}:${values.map((v) => +v.toPrecision(12)).join(",")}`;
  const parts = [["mu", prior(state.mu)], ["tau", prior(state.tau)], ["ci", String(state.ci)]];
  if (state.threshold !== null) parts.push(["x", String(state.threshold)]);
  if (state.out.length) parts.push(["out", state.out.join(",")]);
  if (state.group) parts.push(["group", state.group.join("=")]);
  return parts.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join("&");
}

// The state that a link describes; what is not understood is as at the start.
function stateFrom(text, start, data) {
  const given = new Map(text.replace(/^#/, "").split("&").map((part) => {
    const [name, value = ""] = part.split("=");
    try {
      return [name, decodeURIComponent(value)];
    } catch {
      return [name, ""];
    }
  }));
  const state = { ...start, out: [], group: null };
  for (const parameter of ["mu", "tau"]) {
    const [name, values = ""] = (given.get(parameter) || "").split(":"), numbers = values ? values.split(",").map(Number) : [];
    const menu = data.menus[parameter].find((entry) => entry.family === name);
    const fits = menu && numbers.length === menu.sliders.length && menu.sliders.every((s, i) => numbers[i] >= s.low - 1e-9 && numbers[i] <= s.high + 1e-9);
    if (fits) state[parameter] = [name, ...numbers];
  }
  if (given.has("x") && given.get("x") !== "" && Number.isFinite(Number(given.get("x")))) state.threshold = Number(given.get("x"));
  if (["0.8", "0.9", "0.95", "0.99"].includes(given.get("ci"))) state.ci = Number(given.get("ci"));
  const k = data.labels.length;
  if (given.get("out")) state.out = [...new Set(given.get("out").split(",").map(Number))].filter((i) => Number.isInteger(i) && i >= 0 && i < k);
  if (given.get("group")) {
    const [variable, ...level] = given.get("group").split("="), levels = data.moderators[variable];
    if (levels && levels.includes(level.join("="))) state.group = [variable, level.join("=")];
  }
  return included(state, data).length ? state : { ...state, out: [], group: null };
}

// The places of the studies that take part.
function included(state, data) {
  const [variable, level] = state.group || [null, null];
  return data.labels.map((_, i) => i).filter((i) => !state.out.includes(i) && (!variable || data.moderators[variable][i] === level));
}
