"""What can go wrong at a call: the signature of a call and which calls a fault means.

Pure words and tables only; the keeper (in its container) applies them, the proof reads them. No
engine, no state and no judgment live here.
"""
