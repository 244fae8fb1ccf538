"""The parts of the family "hand-kept copies": its facts, its words, its tool, its upkeep.

What a part of this package finds is joined in `agents.recipes.hand_kept_copies`; none is a family.
"""
