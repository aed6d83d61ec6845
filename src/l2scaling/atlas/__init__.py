"""What the penalty argument of each library means: rows of data, formulas, probes that measure them."""
