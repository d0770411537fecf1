"""The contract of a study; records, stored arrays and weights, published tables, verdicts."""
