"""What is believed: priors, likelihoods and the model that joins them; knows no engine."""
