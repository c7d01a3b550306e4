# Small-study effects by metafor 3.8 and base R's lm: what tests/reference/metafor/<dataset>.json does not hold.
# Harbord, Peters, Macaskill and Deeks are written out here from the papers, as calls of lm.
# Rscript small_study.R > small_study.json
suppressMessages(library(metafor)); library(jsonlite)
num <- function(x) if (is.null(x) || length(x) == 0 || is.na(x)) NULL else as.numeric(x)

by_size <- function(a, n1, c, n2, y) {
  n <- n1 + n2; m <- a + c; h <- n - m
  z <- a - m * n1 / n; v <- m * h * n1 * n2 / (n^2 * (n - 1))
  get <- function(f, bias, limit) {
    s <- coef(summary(f)); ci <- confint(f)
    list(bias = s[bias, 1], se = s[bias, 2], statistic = s[bias, 3], pvalue = s[bias, 4],
         limit = s[limit, 1], lower = ci[limit, 1], upper = ci[limit, 2], df = f$df.residual)
  }
  w <- m * h / n; ess <- 4 * n1 * n2 / n
  list(harbord = get(lm(I(z / sqrt(v)) ~ sqrt(v)), 1, 2),  # Harbord's own form: unweighted, the intercept is the bias
       peters = get(lm(y ~ I(1 / n), weights = w), 2, 1),
       macaskill = get(lm(y ~ n, weights = w), 2, 1),
       deeks = get(lm(y ~ I(1 / sqrt(ess)), weights = ess), 2, 1))
}

trim <- function(d, methods) {
  out <- list()
  for (m in methods) for (e in c("L0", "R0", "Q0")) for (s in c("left", "right")) {
    fit <- rma(yi, vi, data = d, method = m)
    t <- tryCatch(suppressWarnings(trimfill(fit, side = s, estimator = e)), error = function(e) NULL)
    row <- list(tau2_method = m, estimator = e, side = s, failed = is.null(t))
    if (!is.null(t)) row <- c(row, list(k0 = t$k0, se_k0 = num(t$se.k0), pvalue = num(t$p.k0),
                                       mu = as.numeric(t$beta), se = t$se, tau2 = t$tau2))
    out <- c(out, list(row))
  }
  out
}

regs <- function(d) {
  out <- list()
  for (m in c("DL", "REML", "EE")) for (p in c("sei", "vi", "ni", "ninv", "sqrtni", "sqrtninv")) for (model in c("lm", "rma")) {
    r <- regtest(rma(yi, vi, data = d, method = m, control = list(threshold = 1e-12, maxiter = 1000)), model = model, predictor = p)
    out <- c(out, list(list(tau2_method = m, predictor = p, model = model, statistic = r$zval, pvalue = r$pval,
                            limit = num(r$est), lower = num(r$ci.lb), upper = num(r$ci.ub))))
  }
  out
}

two_arms <- function(name, a, n1, c, n2) {
  a <- as.numeric(a); n1 <- as.numeric(n1); c <- as.numeric(c); n2 <- as.numeric(n2)
  d <- escalc(measure = "OR", ai = a, n1i = n1, ci = c, n2i = n2)
  r <- ranktest(rma(yi, vi, data = d, method = "EE"))
  list(dataset = name, events_treatment = a, n_treatment = n1, events_control = c, n_control = n2,
       by_size = by_size(a, n1, c, n2, as.numeric(d$yi)), regtest = regs(d),
       ranktest = list(tau = as.numeric(r$tau), pvalue = as.numeric(r$pval)), trimfill = trim(d, c("DL", "EE")))
}

e <- dat.egger2001; b <- dat.bcg; l <- dat.collins1985b
cases <- list(two_arms("bcg", b$tpos, b$tpos + b$tneg, b$cpos, b$cpos + b$cneg),
              two_arms("egger2001", e$ai, e$n1i, e$ci, e$n2i),
              two_arms("collins1985b", l$pre.xti, l$pre.nti, l$pre.xci, l$pre.nci))
y <- c(0.1, 0.1, 0.5, 0.3, 0.5, -0.2, 0.8, 0.1); v <- c(0.04, 0.04, 0.09, 0.01, 0.09, 0.04, 0.25, 0.16)
r <- suppressWarnings(ranktest(y, v))
cat(toJSON(list(provenance = paste("R", getRversion(), "metafor", packageVersion("metafor"), "by small_study.R"),
                cases = cases,
                ties = list(y = y, v = v, tau = as.numeric(r$tau), pvalue = as.numeric(r$pval))),
           auto_unbox = TRUE, digits = I(15), null = "null", pretty = FALSE))
