"""The exact engine: posteriors by deterministic quadrature, each with its numerical error."""
