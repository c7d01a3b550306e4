# Writes mantel_haenszel_sparse.json: Mantel-Haenszel and Peto pools, the Cochran-Mantel-Haenszel, Breslow-Day and
# Tarone tests of sparse tables and of rates, and of whole data sets, by rma.mh and rma.peto (made with R 4.2.2,
# metafor 3.8). null: metafor gives NA, or refuses.
# Rscript mantel_haenszel_sparse.R > mantel_haenszel_sparse.json
suppressMessages(library(metafor))
options(warn = -1)

number <- function(x) if (is.null(x) || is.na(x)) "null" else sprintf("%.17g", as.numeric(x))
numbers <- function(x) paste0("[", paste(sapply(x, number), collapse = ", "), "]")
arms <- function(a, n, c, m) list(events_treatment = a, n_treatment = n, events_control = c, n_control = m)
rates <- function(x, t, y, s) list(events_treatment = x, time_treatment = t, events_control = y, time_control = s)
from_file <- function(name) read.csv(paste0(name, ".csv"))
bcg <- from_file("bcg")
crins <- from_file("crins2014")
catheters <- from_file("nielweise2008")
sets <- list(
  mixed = arms(c(0, 3, 0, 5, 5, 12, 0), c(10, 12, 9, 5, 5, 30, 20), c(4, 0, 0, 6, 5, 11, 0), c(11, 13, 8, 6, 8, 31, 15)),
  one_arm_empty = arms(c(0, 0), c(10, 12), c(3, 2), c(10, 11)),
  both_arms_empty = arms(c(0, 0), c(10, 12), c(0, 0), c(10, 11)),
  all_events = arms(c(10, 12), c(10, 12), c(9, 11), c(9, 11)),
  separated = arms(c(10, 12), c(10, 12), c(0, 0), c(9, 11)),
  one_study = arms(3, 10, 5, 12),
  single_patients = arms(c(1, 0, 1, 1), rep(1, 4), c(0, 1, 0, 0), rep(1, 4)),
  large = arms(c(200, 31000), c(1e6, 2.5e6), c(180, 30500), c(9e5, 2.4e6)),
  equal_arms = arms(c(5, 4), c(10, 8), c(5, 4), c(10, 8)),
  bcg = as.list(bcg[names(arms(1, 1, 1, 1))]),
  crins2014 = as.list(crins[names(arms(1, 1, 1, 1))]),
  rates = rates(c(0, 3, 0, 5, 12), c(100, 250.5, 80, 1344, 20), c(4, 0, 0, 7, 9), c(110, 240, 85.25, 1988, 31)),
  rates_one_arm_empty = rates(c(0, 0), c(10, 12), c(3, 2), c(10, 11)),
  rates_both_arms_empty = rates(c(0, 0), c(10, 12), c(0, 0), c(10, 11)),
  nielweise2008 = as.list(catheters[names(rates(1, 1, 1, 1))])
)
fit_of <- function(d, measure) {
  if (measure == "PETO") {
    rma.peto(ai = d[[1]], n1i = d[[2]], ci = d[[3]], n2i = d[[4]])
  } else if (measure %in% c("IRR", "IRD")) {
    rma.mh(measure = measure, x1i = d[[1]], t1i = d[[2]], x2i = d[[3]], t2i = d[[4]])
  } else {
    rma.mh(measure = measure, ai = d[[1]], n1i = d[[2]], ci = d[[3]], n2i = d[[4]])
  }
}
entries <- c()
for (name in names(sets)) {
  d <- sets[[name]]
  for (measure in if ("time_control" %in% names(d)) c("IRR", "IRD") else c("OR", "RR", "RD", "PETO")) {
    fit <- tryCatch(fit_of(d, measure), error = function(e) NULL)
    names_of <- c("beta", "se", "ci.lb", "ci.ub", "QE", "QEp", "I2", "H2", "k.yi", "MH", "MHp", "BD", "TA", "TAp")
    values <- sapply(names_of, function(key) number(if (is.null(fit)) NULL else fit[[key]]))
    weights_of <- if (is.null(fit)) "null" else tryCatch(numbers(weights(fit)), error = function(e) "null")
    entries <- c(entries, sprintf(
      '  {"data": "%s", "measure": "%s", %s, "weights": %s}', name, measure,
      paste(sprintf('"%s": %s', names_of, values), collapse = ", "), weights_of
    ))
  }
}
inputs <- sapply(names(sets), function(name) {
  d <- sets[[name]]
  sprintf('  "%s": {%s}', name, paste(sprintf('"%s": %s', names(d), sapply(d, numbers)), collapse = ", "))
})
cat(sprintf(
  '{\n "program": "R %s, metafor %s",\n "data": {\n%s\n },\n "fits": [\n%s\n ]\n}\n',
  paste(R.version$major, R.version$minor, sep = "."), packageVersion("metafor"),
  paste(inputs, collapse = ",\n"), paste(entries, collapse = ",\n")
))
