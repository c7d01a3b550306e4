# Writes study_intervals.json: intervals of single proportions by base R (made with R 4.2.2): binom.test
# (Clopper-Pearson), prop.test without continuity correction (Wilson), qbeta (Jeffreys, with 0 and 1 at the ends as in
# Brown, Cai and DasGupta 2001), qnorm (Agresti-Coull, Wald; both cut at 0 and 1 as in DescTools).
# Rscript study_intervals.R > study_intervals.json
number <- function(x) sprintf("%.17g", x)
cases <- list(c(0, 1), c(1, 1), c(0, 20), c(1, 29), c(15, 148), c(81, 263), c(18, 18), c(4, 5), c(9, 10), c(500, 123456))
entries <- c()
for (case in cases) {
  x <- case[1]
  n <- case[2]
  for (prob in c(0.8, 0.95, 0.99)) {
    a <- (1 - prob) / 2
    z <- qnorm(1 - a)
    middle <- (x + z^2 / 2) / (n + z^2)
    limits <- list(
      "clopper-pearson" = binom.test(x, n, conf.level = prob)$conf.int,
      wilson = suppressWarnings(prop.test(x, n, conf.level = prob, correct = FALSE))$conf.int,
      "agresti-coull" = middle + c(-1, 1) * z * sqrt(middle * (1 - middle) / (n + z^2)),
      jeffreys = c(
        if (x == 0) 0 else qbeta(a, x + 0.5, n - x + 0.5), if (x == n) 1 else qbeta(1 - a, x + 0.5, n - x + 0.5)
      ),
      wald = x / n + c(-1, 1) * z * sqrt(x / n * (1 - x / n) / n)
    )
    for (name in names(limits)) {
      entries <- c(entries, sprintf(
        '  {"interval": "%s", "events": %d, "n": %d, "ci_prob": %s, "lower": %s, "upper": %s}', name, x, n, prob,
        number(max(0, limits[[name]][1])), number(min(1, limits[[name]][2]))
      ))
    }
  }
}
cat(sprintf('{\n "program": "R %s.%s",\n "cases": [\n%s\n ]\n}\n', R.version$major, R.version$minor, paste(entries, collapse = ",\n")))
