"""What does a classical random-effects meta-analysis of these studies say."""
