"""The prior-free likelihood surface: log m[study, eta, tau], and where to tabulate it."""
