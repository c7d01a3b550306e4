// Is the posterior proper, and which moments exist? The tail orders of `bayesmeta/exact/existence.py`.

function tailOrders(priorMu, priorTau, limits, studies) {
  const constant = (side) => studies.map((i) => limits[side][i]);
  const left = constant("left"), right = constant("right");
  const interior = studies.filter((_, n) => !left[n] && !right[n]).length;
  const along = priorMu.tailOrder + priorTau.tailOrder + interior - 1;
  const at = (side) => priorMu.tailOrder + (side.every(Boolean) ? 0 : Infinity);
  const orders = {
    tau: priorTau.tailOrder + interior - (priorMu.isProper ? 0 : 1),
    left: Math.min(at(left), along),
    right: Math.min(at(right), along),
  };
  if (!(orders.tau > 1)) {
    throw new NotCertified("the posterior of tau is improper with this prior and so few studies: choose a proper prior");
  }
  if (!(Math.min(orders.left, orders.right) > 1)) {
    throw new NotCertified("the posterior of mu is improper with this prior and these studies: choose a proper prior");
  }
  return orders;
}

// How many of the first two moments exist.
function highestMoment(orders, name) {
  const order = { tau: orders.tau, mu: Math.min(orders.left, orders.right) }[name]
    ?? Math.min(orders.left, orders.right, orders.tau);
  return [1, 2].filter((m) => m < order - 1).length;
}

function existing(orders, name, mean, sd) {
  const exist = name.startsWith("p_") ? 2 : highestMoment(orders, name);
  if (exist === 2) return [mean, sd];
  if (exist === 1) return [mean, Infinity];
  if (name === "tau") return [Infinity, Infinity];
  const both = name === "theta_new" && orders.tau <= 2;
  const left = orders.left <= 2 || both, right = orders.right <= 2 || both;
  return [left && right ? NaN : right ? Infinity : -Infinity, Infinity];
}
