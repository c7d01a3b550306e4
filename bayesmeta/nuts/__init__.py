"""What is the answer, by sampling? The model in PyMC, for what quadrature cannot do, and as its witness."""
