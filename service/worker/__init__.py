"""Runs changes: one lease per change, one graph thread per change, the truth in the store."""
