# Makes tau2_intervals.json: confint() of metafor to its last digit, in units of the median variance (its tolerance is
# absolute), scaled back. Q-profile of the DL fit, profile likelihood of ML and REML, and
# meta-regressions of bcg on latitude.
# Rscript tests/reference/metafor/tau2_intervals.R, in the root of the checkout.
suppressMessages(library(metafor))
library(jsonlite)
folder <- "tests/reference/metafor"
files <- sort(Filter(function(f) grepl("^[a-z]+[0-9]{4}\\.json$|^bcg\\.json$", f), list.files(folder)))
limits <- function(yi, vi, mods = NULL) {
  unit <- median(vi)
  y <- yi / sqrt(unit); v <- vi / unit
  tight <- list(threshold = 1e-14, maxiter = 100000)
  one <- function(fit, type) {
    row <- try(confint(fit, type = type, control = list(tol = 1e-15, tau2.max = 1e6))$random, silent = TRUE)
    if (inherits(row, "try-error")) NULL else c(row[1, ] * unit, row[3:4, 2:3])
  }
  pool <- function(...) if (is.null(mods)) rma(y, v, ...) else rma(y, v, mods = mods, ...)
  list(qprofile = one(pool(method = "DL"), "QP"), profile_ml = one(pool(method = "ML", control = tight), "PL"),
    profile_reml = one(pool(method = "REML", control = tight), "PL"))
}
cases <- list()
for (f in files) {
  whole <- fromJSON(file.path(folder, f), simplifyDataFrame = FALSE)
  for (p in whole$pooled)
    cases[[length(cases) + 1]] <- c(list(dataset = whole$dataset, measure = p$measure), limits(p$yi, p$vi))
}
bcg <- fromJSON(file.path(folder, "bcg.json"), simplifyDataFrame = FALSE)
latitude <- read.csv(file.path(folder, "bcg.csv"))$ablat
for (p in bcg$pooled)
  cases[[length(cases) + 1]] <- c(list(dataset = "bcg", measure = p$measure, moderator = "ablat"),
    limits(p$yi, p$vi, latitude))
write(toJSON(list(software = list(R = paste(R.version$major, R.version$minor, sep = "."),
  metafor = as.character(packageVersion("metafor"))),
  columns = c("tau2", "lower", "upper", "i2_lower", "h2_lower", "i2_upper", "h2_upper"), cases = cases),
  auto_unbox = TRUE, digits = 15, pretty = 1), file.path(folder, "tau2_intervals.json"))
