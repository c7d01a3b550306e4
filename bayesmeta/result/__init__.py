"""What an answer looks like: one schema of estimates, marginal distributions, fits; knows no engine."""
