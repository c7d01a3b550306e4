"""What one study's data say: measures, links and per-study intervals, as pure functions of arrays."""
