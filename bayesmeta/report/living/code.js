// How is the same fit made in Python? A program with the data in it, and the model's TOML file.

const quoted = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
const asFloat = (x) => (Number.isInteger(x) ? x.toFixed(1) : String(x));

// 'Normal(mu=0.0, sigma=1.5)' as Python and TOML write it.
function priorCall([name, ...values]) {
  return `bm.Prior("${name}"${FAMILIES[name].names.map((key, i) => `, ${key}=${asFloat(values[i])}`).join("")})`;
}

function pythonText(state, data) {
  const { source } = data, places = included(state, data);
  const rows = Object.entries(source.columns).map(([name, values]) => `    "${name}": [${places.map((i) => values[i]).join(", ")}],`);
  const probability = state.threshold === null ? [] : [
    `print(bm.prob_above(fit, "${isProportion(data.link) ? "p_new" : "theta_new"}", threshold=${LINKS[data.link === "log" ? "log" : "identity"].link(state.threshold)}))`,
  ];
  return [
    "import pandas as pd",
    "",
    "import bayesmeta as bm",
    "",
    "table = pd.DataFrame({",
    `    "study": [${places.map((i) => quoted(source.labels[i])).join(", ")}],`,
    ...rows,
    "})",
    `studies = bm.Studies.from_frame(table, ${source.arguments})`,
    "model = bm.ModelSpec(",
    `    ${source.model},`,
    `    mu=${priorCall(state.mu)},`,
    `    tau=${priorCall(state.tau)},`,
    ")",
    `fit = bm.fit(studies, model${source.fit})`,
    `print(bm.summary(fit, ci_prob=${state.ci}))`,
    ...probability,
    "",
  ].join("\n");
}

function tomlText(state, data) {
  const prior = ([name, ...values]) => `{ dist = "${name}"${FAMILIES[name].names.map((key, i) => `, ${key} = ${asFloat(values[i])}`).join("")} }`;
  return `${data.source.toml}\n[priors]\nmu = ${prior(state.mu)}\ntau = ${prior(state.tau)}\n`;
}
