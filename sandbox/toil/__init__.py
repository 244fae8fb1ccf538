"""Toil: whether a step that people do by hand is gone, tried in cells.

A place is what a consumer gets. Pure parts say what to try and judge what came of it; `play` runs
it, `trying` has the order. What the format looks like is in `form`.
"""
