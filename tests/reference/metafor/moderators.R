# Makes moderators.json: meta-regression with other tests, estimators and several moderators, predictions, cluster-robust
# variances, influence statistics, Baujat coordinates and subgroup tests, all by metafor.
# Rscript moderators.R > moderators.json
suppressMessages({library(metafor); library(jsonlite)})
pdf(NULL)
tight <- list(threshold = 1e-14, maxiter = 10000, tol = 1e-14)
bcg <- read.csv("bcg.csv")
bcg <- escalc(measure = "OR", ai = events_treatment, n1i = n_treatment, ci = events_control, n2i = n_control, data = bcg)
rau <- read.csv("raudenbush1985.csv"); rau$yi <- rau$estimate; rau$vi <- rau$se^2
hac <- read.csv("hackshaw1998.csv"); hac$yi <- hac$estimate; hac$vi <- hac$se^2
bru <- escalc(measure = "PLO", xi = events, ni = n, data = read.csv("debruin2009.csv"))
data <- list(bcg = bcg, raudenbush1985 = rau, hackshaw1998 = hac, debruin2009 = bru)
v <- function(x) I(unname(as.vector(x)))
fit <- function(d, formula, method, test) {
  arguments <- list(yi = data[[d]]$yi, vi = data[[d]]$vi, data = data[[d]], method = method, test = test, control = tight)
  if (formula != "~ 1") arguments$mods <- as.formula(formula)
  suppressWarnings(do.call(rma, arguments))
}
label <- function(d, formula, method, test) list(dataset = d, formula = formula, method = method, test = test)
formulas <- list(bcg = c("~ ablat + year", "~ ablat * alloc"), raudenbush1985 = c("~ weeks + setting", "~ 0 + tester"),
                 hackshaw1998 = "~ year + design", debruin2009 = c("~ 0 + ethnicity", "~ scq + I(scq^2)"))
regressions <- list()
for (d in names(formulas)) for (formula in formulas[[d]]) for (method in c("DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "EE"))
  for (test in if (method %in% c("DL", "EE")) c("z", "t", "knha", "adhoc") else "knha") {
    f <- fit(d, formula, method, test)
    regressions[[length(regressions) + 1]] <- c(label(d, formula, method, test), list(
      beta = v(f$beta), se = v(f$se), statistic = v(f$zval), pvalue = v(f$pval), lower = v(f$ci.lb), upper = v(f$ci.ub),
      tau2 = f$tau2, se_tau2 = f$se.tau2, q = f$QE, q_pvalue = f$QEp, qm = f$QM, qm_df = f$m, qm_pvalue = f$QMp,
      i2 = f$I2, h2 = f$H2, r2 = f$R2))
  }
predictions <- list()
for (method in c("DL", "REML")) for (test in c("z", "t", "knha", "adhoc")) for (at in c(0, 20, 45)) {
  f <- fit("bcg", "~ ablat", method, test)
  p <- predict(f, newmods = at); hts <- predict(f, newmods = at, pi.type = "riley")
  predictions[[length(predictions) + 1]] <- c(label("bcg", "~ ablat", method, test), list(at = at, estimate = p$pred, se = p$se,
    lower = p$ci.lb, upper = p$ci.ub, metafor = v(c(p$pi.lb, p$pi.ub)), hts = v(c(hts$pi.lb, hts$pi.ub))))
}
robust_fits <- list()
for (case in list(c("bcg", "~ 1", "alloc"), c("bcg", "~ ablat", "alloc"), c("bcg", "~ ablat", "study"), c("bcg", "~ ablat + year", "study"),
                  c("hackshaw1998", "~ 1", "country"), c("hackshaw1998", "~ year", "country"),
                  c("debruin2009", "~ 0 + ethnicity", "study"), c("raudenbush1985", "~ weeks", "study")))
  for (method in c("DL", "REML", "EE")) for (test in c("z", "knha")) for (adjust in c(FALSE, TRUE)) {
    f <- fit(case[1], case[2], method, test)
    r <- robust(f, cluster = data[[case[1]]][[case[3]]], adjust = adjust)
    robust_fits[[length(robust_fits) + 1]] <- c(label(case[1], case[2], method, test), list(cluster = case[3], adjust = adjust,
      clusters = r$n, vb = v(r$vb), se = v(r$se), statistic = v(r$zval), pvalue = v(r$pval), lower = v(r$ci.lb), upper = v(r$ci.ub),
      df = v(r$ddf)[1], qm = r$QM, qm_pvalue = r$QMp))
  }
influences <- list()
for (case in list(c("bcg", "~ 1"), c("bcg", "~ ablat"), c("raudenbush1985", "~ 1"), c("raudenbush1985", "~ weeks"),
                  c("debruin2009", "~ 1"), c("debruin2009", "~ 0 + ethnicity"), c("hackshaw1998", "~ 1"), c("hackshaw1998", "~ country")))
  for (method in if (case[1] == "hackshaw1998") "DL" else c("DL", "REML", "EE")) for (test in if (method == "DL") c("z", "knha") else "z") {
    f <- fit(case[1], case[2], method, test)
    i <- influence(f); b <- baujat(f)
    influences[[length(influences) + 1]] <- c(label(case[1], case[2], method, test), list(
      rstudent = v(i$inf$rstudent), dffits = v(i$inf$dffits), cook_d = v(i$inf$cook.d), cov_r = v(i$inf$cov.r), tau2 = v(i$inf$tau2.del),
      q = v(i$inf$QE.del), hat = v(i$inf$hat), weight = v(i$inf$weight), influential = v(i$is.infl),
      dfbetas = I(unname(as.matrix(as.data.frame(unclass(i$dfbs)[seq_len(f$p)])))), baujat_x = v(b$x), baujat_y = v(b$y)))
  }
groups <- list()
for (case in list(c("bcg", "alloc"), c("raudenbush1985", "tester"), c("hackshaw1998", "country"), c("debruin2009", "ethnicity"),
                  c("debruin2009", "select")))
  for (method in c("DL", "REML", "PM")) {
    d <- data[[case[1]]]; level <- d[[case[2]]]
    parts <- lapply(unique(level), function(l) suppressWarnings(rma(yi, vi, data = d[level == l, ], method = method, control = tight)))
    mu <- sapply(parts, function(p) c(p$beta)); se <- sapply(parts, function(p) p$se)
    separate <- rma(mu, se^2, method = "EE")
    common <- fit(case[1], paste("~", case[2]), method, "z"); knha <- fit(case[1], paste("~", case[2]), method, "knha")
    none <- fit(case[1], paste("~", case[2]), "EE", "z")
    each <- fit(case[1], paste("~ 0 +", case[2]), method, "z")
    groups[[length(groups) + 1]] <- list(dataset = case[1], by = case[2], method = method, levels = v(unique(level)), mu = v(mu), se = v(se),
      separate = v(c(separate$QE, separate$QEp)), common = v(c(common$QM, common$QMp)), common_knha = v(c(knha$QM, knha$QMp)),
      none = v(c(none$QM, none$QMp)), common_tau2 = common$tau2, common_mu = v(each$beta), common_se = v(each$se),
      common_levels = v(sub(case[2], "", rownames(each$beta), fixed = TRUE)))
  }
provenance <- list(program = "R 4.2.2, metafor 3.8-1 (Debian 12)", how = "moderators.R; I2, R2 and weight in per cent")
cat(toJSON(list(provenance = provenance, regressions = regressions, predictions = predictions, robust = robust_fits,
  influence = influences, groups = groups), auto_unbox = TRUE, digits = NA, pretty = FALSE, na = "null"), "\n")
