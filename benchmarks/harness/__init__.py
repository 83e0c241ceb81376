"""What the benchmarks share: options, servers, children that end, results, goals, charts."""
