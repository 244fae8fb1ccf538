"""Long suites: `make soak`."""
