"""How good Pawl is: cases, scorers, tasks and reports; `make eval` and `make bench`."""
