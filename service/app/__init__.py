"""Use cases by subject: what a person or program can ask of Pawl, in its own words."""
