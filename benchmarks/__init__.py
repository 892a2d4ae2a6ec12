"""Benchmarks: ratios to a peer or a floor measured in the same run. They never fail by time."""
