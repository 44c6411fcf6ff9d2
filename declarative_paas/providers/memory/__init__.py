"""A platform in memory: for tests, benchmarks and trying manifests out. Same contract as the real ones."""
