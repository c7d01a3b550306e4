// What do the curves and the forest plot look like? Small functions that return SVG.

const CURVE = { width: 300, height: 150, left: 8, right: 8, top: 8, bottom: 26, points: 81 };

const QUANTITY_WORDS = {
  mu: "Mean μ",
  tau: "Heterogeneity τ",
  p_median: "Median study (p_median)",
  p_mean: "Average study (p_mean)",
  p_new: "Next study (p_new)",
  theta_new: "Effect of the next study",
};

// Posterior density of one quantity with its interval, and the prior where it has one of its own. The coarser
// resolution is drawn, which the eye cannot tell from the finer.
function curve(solution, row, unit) {
  const drawn = solution.coarse, quantity = quantityOf(row.name, drawn.problem.link), { support } = quantity;
  const span = row.upper - row.lower || 1e-9;
  const low = Math.max(row.lower - 0.45 * span, support[0]), high = Math.min(row.upper + 0.45 * span, support[1]);
  const prior = { mu: drawn.problem.priorMu, tau: drawn.problem.priorTau }[row.name];
  const xs = Array.from({ length: CURVE.points }, (_, i) => low + ((high - low) * (i + 0.5)) / CURVE.points);
  const density = xs.map((x) => Math.max(drawn[quantity.cdfPdf](quantity.base(x))[1], 0) / quantity.slope(x));
  const before = prior && prior.isProper ? xs.map((x) => Math.exp(prior.log(x))) : [];
  const most = Math.max(...density, ...before.filter((d) => d < 3 * Math.max(...density)));
  const { width, height, left, right, top, bottom } = CURVE, floor = height - bottom;
  const atX = (x) => left + ((x - low) / (high - low)) * (width - left - right);
  const atY = (d) => floor - (Math.min(d / most, 1.05)) * (floor - top);
  const line = (values) => values.map((d, i) => `${i ? "L" : "M"}${atX(xs[i]).toFixed(1)} ${atY(d).toFixed(1)}`).join("");
  const inside = xs.map((x, i) => [x, density[i]]).filter(([x]) => x >= row.lower && x <= row.upper);
  const area = inside.length > 1
    ? `M${atX(inside[0][0]).toFixed(1)} ${floor}` + inside.map(([x, d]) => `L${atX(x).toFixed(1)} ${atY(d).toFixed(1)}`).join("")
      + `L${atX(inside[inside.length - 1][0]).toFixed(1)} ${floor}Z`
    : "";
  const words = `${QUANTITY_WORDS[row.name]}: median ${unit.text(row.median)}${unit.beside}, interval ${unit.text(row.lower)} to ${unit.text(row.upper)}${unit.beside}`;
  return make("figure", {},
    make("figcaption", {}, QUANTITY_WORDS[row.name] + unit.after),
    draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
      draw("path", { class: "interval", d: area }),
      before.length ? draw("path", { class: "prior", d: line(before) }) : null,
      draw("path", { class: "posterior", d: line(density) }),
      draw("line", { class: "median", x1: atX(row.median), x2: atX(row.median), y1: floor, y2: top }),
      draw("line", { class: "axis", x1: left, x2: width - right, y1: floor, y2: floor }),
      ...unit.ticks(low, high, 4).flatMap(([x, text]) => [
        draw("line", { class: "axis", x1: atX(x), x2: atX(x), y1: floor, y2: floor + 4 }),
        draw("text", { x: Math.min(Math.max(atX(x), 14), width - 14), y: height - 8, "text-anchor": "middle" }, text),
      ])));
}

// The axis of the forest plot on the natural scale; ratios are drawn by their logs.
function forestScale(natural, intervals, unit) {
  const isRatio = natural === "ratio", to = isRatio ? Math.log : identity;
  const ends = intervals.flat().filter((x) => Number.isFinite(to(x)));
  let low = Math.min(...ends.map(to)), high = Math.max(...ends.map(to));
  if (natural === "proportion") [low, high] = [0, high > 0.5 ? 1 : Math.min(1.05 * high, 1)];
  if (!(high > low)) [low, high] = [low - 1, low + 1];
  const margin = natural === "proportion" ? 0 : 0.03 * (high - low);
  low -= margin;
  high += margin;
  const ticks = isRatio ? ratioTicks(Math.exp(low), Math.exp(high)).map((x) => [x, signless(unit.factor * x)]) : unit.ticks(low, high, 5);
  return { at: (x) => 6 + (228 * (Math.min(Math.max(to(x), low), high) - low)) / (high - low), ticks, to, low, high };
}

// One study: thin as observed, thick as in the model. The numbers stand beside it, so that it is hidden from readers.
function studyMark(scale, observed, model, reference) {
  const middle = 12, mark = draw("svg", { viewBox: "0 0 240 24", "aria-hidden": "true", class: "mark" });
  if (reference !== null) mark.append(draw("line", { class: "reference", x1: scale.at(reference), x2: scale.at(reference), y1: 0, y2: 24 }));
  if (observed) {
    const [x, a, b] = observed.map(scale.at);
    mark.append(draw("line", { class: "observed", x1: a, x2: b, y1: middle - 5, y2: middle - 5 }),
      draw("rect", { class: "observed", x: x - 3, y: middle - 8, width: 6, height: 6 }));
  }
  if (model) {
    const [x, a, b] = model.map(scale.at);
    mark.append(draw("line", { class: "model", x1: a, x2: b, y1: middle + 5, y2: middle + 5 }),
      draw("circle", { class: "model", cx: x, cy: middle + 5, r: 3.5 }));
  }
  return mark;
}

// A pooled estimate as a diamond, the mean a hollow one, or the prediction interval as a bar.
function pooledMark(scale, [x, a, b], kind) {
  const [low, high] = [a, b].map(scale.at), svg = draw("svg", { viewBox: "0 0 240 24", "aria-hidden": "true", class: "mark" });
  if (kind === "bar") svg.append(draw("rect", { class: "prediction", x: low, y: 9, width: Math.max(high - low, 1), height: 6 }));
  else svg.append(draw("path", { class: kind, d: `M${low} 12L${scale.at(x)} 5L${high} 12L${scale.at(x)} 19Z` }));
  return svg;
}

function axisMark(scale) {
  const svg = draw("svg", { viewBox: "0 0 240 24", "aria-hidden": "true", class: "mark" }, draw("line", { class: "axis", x1: 6, x2: 234, y1: 1, y2: 1 }));
  for (const [x, text] of scale.ticks) {
    svg.append(draw("line", { class: "axis", x1: scale.at(x), x2: scale.at(x), y1: 1, y2: 5 }),
      draw("text", { x: Math.min(Math.max(scale.at(x), 9), 231), y: 17, "text-anchor": "middle" }, text));
  }
  return svg;
}
