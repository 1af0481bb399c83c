"""What the benchmarks share: see each module's first line."""
