"""Recipes: families of failure that Pawl can re-enact and take the ground from, by parsing.

One family a module. A family detects, rehearses and plans; it is never keyed to names, paths or
words of a repository. The families that exist are listed in `agents.recipes.planner`.
"""
