"""How does a reader move the priors of a report? The browser computes the posterior as `bayesmeta.exact` does."""
