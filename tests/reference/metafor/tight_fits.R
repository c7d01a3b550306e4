# Makes tight_fits.json: fits whose iteration the data sets' files stopped early, in units of the median variance (so
# that metafor's absolute tolerances mean something) and to its last digit; PM and PMM of all, ML, REML and EB of
# the raw proportions of crisafulli2020. `fits` are scaled back to the units of the data.
# Rscript tests/reference/metafor/tight_fits.R, in the root of the checkout.
suppressMessages(library(metafor))
library(jsonlite)
folder <- "tests/reference/metafor"
files <- sort(Filter(function(f) grepl("^[a-z]+[0-9]{4}\\.json$|^bcg\\.json$", f), list.files(folder)))
control <- list(tol = 1e-15, threshold = 1e-14, maxiter = 100000)
cases <- list()
for (f in files) {
  whole <- fromJSON(file.path(folder, f), simplifyDataFrame = FALSE)
  for (p in whole$pooled) {
    unit <- sqrt(median(p$vi))
    methods <- c("PM", "PMM")
    if (whole$dataset == "crisafulli2020" && p$measure == "PR") methods <- c("ML", "REML", "EB", methods)
    fits <- list()
    for (m in methods) for (t in c("z", "knha", "adhoc")) {
      r <- rma(p$yi / unit, p$vi / unit^2, method = m, test = t, control = control)
      i <- predict(r)
      fits[[length(fits) + 1]] <- list(method = m, test = t, beta = r$b[[1]] * unit, se = r$se * unit, stat = r$zval,
        pval = r$pval, ci_low = r$ci.lb * unit, ci_high = r$ci.ub * unit, tau2 = r$tau2 * unit^2,
        se_tau2 = r$se.tau2 * unit^2, QE = r$QE, QEp = r$QEp, QM = r$QM, QMp = r$QMp, I2 = r$I2, H2 = r$H2, k = r$k,
        pi_low = i$pi.lb * unit, pi_high = i$pi.ub * unit)
    }
    cases[[length(cases) + 1]] <- list(dataset = whole$dataset, measure = p$measure, fits = fits)
  }
}
write(toJSON(list(software = list(R = paste(R.version$major, R.version$minor, sep = "."),
  metafor = as.character(packageVersion("metafor"))), cases = cases), auto_unbox = TRUE, digits = 15, pretty = 1),
  file.path(folder, "tight_fits.json"))
