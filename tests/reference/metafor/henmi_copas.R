# Makes henmi_copas.json: hc() of metafor on the effects that the data sets' files hold.
# Rscript tests/reference/metafor/henmi_copas.R, in the root of the checkout.
suppressMessages(library(metafor))
library(jsonlite)
folder <- "tests/reference/metafor"
files <- sort(Filter(function(f) grepl("^[a-z]+[0-9]{4}\\.json$|^bcg\\.json$", f), list.files(folder)))
cases <- list()
for (f in files) {
  whole <- fromJSON(file.path(folder, f), simplifyDataFrame = FALSE)
  for (p in whole$pooled) for (level in c(95, 80)) {
    fit <- rma(p$yi, p$vi, method = "DL", level = level)
    h <- hc(fit, control = list(tol = 1e-13, maxiter = 10000))
    cases[[length(cases) + 1]] <- list(dataset = whole$dataset, measure = p$measure, level = level,
      mu = h$beta[[1]], se = h$se[[1]], tau2 = h$tau2[[1]], ci_low = h$ci.lb[[1]], ci_high = h$ci.ub[[1]])
  }
}
write(toJSON(list(software = list(R = paste(R.version$major, R.version$minor, sep = "."),
  metafor = as.character(packageVersion("metafor"))), cases = cases), auto_unbox = TRUE, digits = 15, pretty = TRUE),
  file.path(folder, "henmi_copas.json"))
