"""What if: comparisons and influence, as functions of fits."""
