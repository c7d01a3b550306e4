# Writes effect_sizes_arms_zero_cells.json: effect sizes of two arms and of rates, with zero cells, by
# metafor's escalc (made with R 4.2.2, metafor 3.8).
# Rscript effect_sizes_arms_zero_cells.R > effect_sizes_arms_zero_cells.json
suppressMessages(library(metafor))

numbers <- function(x) paste0("[", paste(sprintf("%.17g", as.numeric(x)), collapse = ", "), "]")
arms <- list(
  events_treatment = c(0, 3, 0, 5, 12, 8, 5, 2), n_treatment = c(10, 12, 9, 20, 12, 30, 5, 7),
  events_control = c(4, 0, 0, 7, 9, 11, 6, 3), n_control = c(11, 13, 8, 22, 15, 31, 6, 3)
)
rates <- list(
  events_treatment = c(0, 3, 0, 5, 12), time_treatment = c(100, 250.5, 80, 1344, 20),
  events_control = c(4, 0, 0, 7, 9), time_control = c(110, 240, 85.25, 1988, 31)
)
one <- list(events = c(0, 3, 17, 5), time = c(12.5, 250, 0.75, 1e5))
sets <- list(arms = arms, rates = rates, one = one)
rules <- list(c("only0", 0.5), c("all", 0.5), c("if0all", 0.25), c("only0", 0.1))

entries <- c()
for (name in names(sets)) {
  d <- sets[[name]]
  for (measure in list(arms = c("OR", "RR", "RD"), rates = c("IRR", "IRD"), one = c("IRLN", "IR"))[[name]]) {
    for (rule in rules) {
      options <- list(measure = measure, to = rule[1], add = as.numeric(rule[2]))
      columns <- switch(name,
        arms = list(ai = d[[1]], n1i = d[[2]], ci = d[[3]], n2i = d[[4]]),
        rates = list(x1i = d[[1]], t1i = d[[2]], x2i = d[[3]], t2i = d[[4]]),
        one = list(xi = d[[1]], ti = d[[2]])
      )
      e <- do.call(escalc, c(options, columns))
      entries <- c(entries, sprintf(
        '  {"data": "%s", "measure": "%s", "to": "%s", "add": %s,\n   "yi": %s,\n   "vi": %s}',
        name, measure, rule[1], rule[2], numbers(e$yi), numbers(e$vi)
      ))
    }
  }
}
inputs <- sapply(names(sets), function(name) {
  d <- sets[[name]]
  sprintf('  "%s": {%s}', name, paste(sprintf('"%s": %s', names(d), sapply(d, numbers)), collapse = ", "))
})
cat(sprintf(
  '{\n "program": "R %s, metafor %s",\n "data": {\n%s\n },\n "effect_sizes": [\n%s\n ]\n}\n',
  paste(R.version$major, R.version$minor, sep = "."), packageVersion("metafor"),
  paste(inputs, collapse = ",\n"), paste(entries, collapse = ",\n")
))
