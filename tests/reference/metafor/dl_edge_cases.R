# Makes dl_edge_cases.json: what metafor says of degenerate proportions.
# Rscript dl_edge_cases.R | sed 's/},{"case"/},\n{"case"/g; s/"fits":\[{/"fits":[\n{/' > dl_edge_cases.json
suppressMessages({library(metafor); library(jsonlite)})
data <- list(
  one_study = list(4, 5), one_study_no_events = list(0, 5), one_patient = list(1, 1),
  two_studies = list(c(3, 9), c(10, 11)), two_equal_studies = list(c(3, 6), c(10, 20)),
  two_far_apart = list(c(2, 40), c(30, 45)),
  no_events = list(c(0, 0, 0), c(5, 9, 12)), all_events = list(c(5, 9, 12), c(5, 9, 12)),
  mixed = list(c(0, 5, 3, 7), c(6, 5, 9, 10)), single_patients = list(c(0, 1, 1), c(1, 1, 1)),
  one_patient_to_a_million = list(c(1, 3, 450000), c(1, 7, 1000000)),
  none_full = list(c(2, 40, 6, 11), c(30, 45, 10, 20)))
fits <- list()
add_fit <- function(case, measure, method, to) {
  d <- data[[case]]
  es <- escalc(measure = measure, xi = d[[1]], ni = d[[2]], add = 1/2, to = to)
  f <- rma(yi, vi, data = es, method = method)
  one <- list(case = case, measure = measure, method = method, to = to, events = I(d[[1]]), n = I(d[[2]]),
              yi = I(as.vector(es$yi)), vi = I(as.vector(es$vi)), mu = c(f$beta), se = f$se, lower = f$ci.lb, upper = f$ci.ub,
              tau2 = f$tau2, q = f$QE, q_pvalue = f$QEp, i2 = f$I2, h2 = f$H2, weights = I(unname(weights(f)) / 100))
  if (method == "DL") {
    p <- predict(f); one$pi <- c(p$pi.lb, p$pi.ub)
    if (f$k > 2) { p <- predict(f, pi.type = "riley"); one$pi_hts <- c(p$pi.lb, p$pi.ub) }
  }
  fits[[length(fits) + 1]] <<- one
}
for (case in names(data)) for (measure in c("PLO", "PR")) for (method in c("DL", "EE")) add_fit(case, measure, method, "only0")
for (case in c("mixed", "none_full")) for (measure in c("PLO", "PR")) for (to in c("all", "if0all")) add_fit(case, measure, "DL", to)
provenance <- list(program = "R 4.2.2, metafor 3.8-1 (Debian 12)",
  how = "dl_edge_cases.R; i2 in per cent, pi is metafor's own (z), pi_hts is predict(pi.type = 'riley'), k > 2")
cat(toJSON(list(provenance = provenance, fits = fits), auto_unbox = TRUE, digits = NA, pretty = FALSE), "\n")
