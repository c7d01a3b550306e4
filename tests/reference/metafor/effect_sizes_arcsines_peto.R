# Writes effect_sizes_arcsines_peto.json: log and arcsine-transformed proportions, arcsine differences and Peto's
# log odds ratios with zero cells, by metafor's escalc; Freeman-Tukey back-transformations by transf.ipft and
# transf.ipft.hm (made with R 4.2.2, metafor 3.8).
# Rscript effect_sizes_arcsines_peto.R > effect_sizes_arcsines_peto.json
suppressMessages(library(metafor))

numbers <- function(x) paste0("[", paste(sprintf("%.17g", as.numeric(x)), collapse = ", "), "]")
one <- list(events = c(0, 3, 18, 5, 1, 0, 1), n = c(5, 9, 18, 17, 30, 1, 1))
arms <- list(
  events_treatment = c(0, 3, 0, 5, 12, 8, 5, 2), n_treatment = c(10, 12, 9, 20, 12, 30, 5, 7),
  events_control = c(4, 0, 0, 7, 9, 11, 6, 3), n_control = c(11, 13, 8, 22, 15, 31, 6, 3)
)
sets <- list(one = one, arms = arms)
measures <- list(one = c("PLN", "PAS", "PFT"), arms = c("AS", "PETO"))
rules <- list(NULL, c("only0", 0.5), c("all", 0.5), c("if0all", 0.25))

entries <- c()
for (name in names(sets)) {
  d <- sets[[name]]
  for (measure in measures[[name]]) {
    for (rule in rules) {
      options <- list(measure = measure)
      said <- '"to": "only0", "add": null'
      if (!is.null(rule)) {
        options <- c(options, list(to = rule[1], add = as.numeric(rule[2])))
        said <- sprintf('"to": "%s", "add": %s', rule[1], rule[2])
      }
      columns <- switch(name,
        one = list(xi = d[[1]], ni = d[[2]]),
        arms = list(ai = d[[1]], n1i = d[[2]], ci = d[[3]], n2i = d[[4]])
      )
      e <- do.call(escalc, c(options, columns))
      entries <- c(entries, sprintf(
        '  {"data": "%s", "measure": "%s", %s,\n   "yi": %s,\n   "vi": %s}',
        name, measure, said, numbers(e$yi), numbers(e$vi)
      ))
    }
  }
}
inputs <- sapply(names(sets), function(name) {
  d <- sets[[name]]
  sprintf('  "%s": {%s}', name, paste(sprintf('"%s": %s', names(d), sapply(d, numbers)), collapse = ", "))
})
x <- c(-0.1, 0, 0.01, 0.1, 0.15, 0.2, 0.5, pi / 4, 1, 1.3, 1.4, 1.47, 1.5, 1.56, pi / 2, 1.6)
inverses <- sapply(c(1, 4, 11, 11.5, 300, 1e5), function(n) {
  sprintf('  {"n": %.17g, "p": %s}', n, numbers(sapply(x, transf.ipft.hm, targs = list(ni = n))))
})
ni <- c(11, 17, 21, 6)
miller <- escalc(measure = "PFT", xi = c(3, 6, 10, 1), ni = ni)
pools <- sapply(list(c("EE", TRUE), c("EE", FALSE), c("DL", TRUE)), function(how) {
  fit <- rma(yi, vi, data = miller, method = how[1], weighted = as.logical(how[2]))
  back <- predict(fit, transf = transf.ipft.hm, targs = list(ni = ni))
  sprintf(
    '  {"method": "%s", "weighted": %s, "mu": %.17g, "p": %s}', how[1], tolower(how[2]), fit$beta,
    numbers(c(back$pred, back$ci.lb, back$ci.ub))
  )
})
cat(sprintf(
  '{\n "program": "R %s, metafor %s",\n "data": {\n%s\n },\n "effect_sizes": [\n%s\n ],\n',
  paste(R.version$major, R.version$minor, sep = "."), packageVersion("metafor"),
  paste(inputs, collapse = ",\n"), paste(entries, collapse = ",\n")
))
cat(sprintf(
  ' "x": %s,\n "inverses_of_x": [\n%s\n ],\n "miller1978": [\n%s\n ]\n}\n', numbers(x),
  paste(inverses, collapse = ",\n"), paste(pools, collapse = ",\n")
))
