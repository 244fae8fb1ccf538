"""What runs for years: asks planners, the sandbox and the policies, and keeps what they said.

Use cases, truth and surfaces live here; nothing below (`agents`, `policies`, `sandbox`) knows it.
"""
