"""How does a reader move the priors of a report? One file whose browser computes the posterior as the exact engine does."""
