"""Faults: what is known about commands before anything goes wrong in them.

Tables only. How a call is named is said in `sandbox.worlds.signatures`, what a fault does by the
keeper and the shim in `sandbox/image/inside`.
"""
