# Makes effect_sizes_zero_cells.json: metafor's rules for empty cells, and R's exact binomial intervals.
# Rscript effect_sizes_zero_cells.R > effect_sizes_zero_cells.json
suppressMessages({library(metafor); library(jsonlite)})
events <- c(0, 5, 3, 7, 1, 450000)
n <- c(6, 5, 9, 10, 1, 1000000)
cases <- list()
for (measure in c("PLO", "PR")) for (to in c("only0", "all", "if0all", "none")) for (add in c(0.5, 0.25)) {
  keep <- if (to == "none") events > 0 & events < n else rep(TRUE, length(n))
  es <- escalc(measure = measure, xi = events[keep], ni = n[keep], add = add, to = to)
  cases[[length(cases) + 1]] <- list(measure = measure, to = to, add = add, events = events[keep], n = n[keep],
                                     yi = as.vector(es$yi), vi = as.vector(es$vi))
}
intervals <- list()
for (ci_prob in c(0.5, 0.95, 0.999)) for (i in seq_along(n)) {
  ci <- binom.test(events[i], n[i], conf.level = ci_prob)$conf.int
  intervals[[length(intervals) + 1]] <- list(events = events[i], n = n[i], ci_prob = ci_prob, lower = ci[1], upper = ci[2])
}
software <- paste("R", getRversion(), "metafor", packageVersion("metafor"))
cat(toJSON(list(software = software, effect_sizes = cases, binom_test = intervals), digits = NA, auto_unbox = TRUE), "\n")
