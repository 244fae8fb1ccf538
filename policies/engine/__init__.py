"""The Rego engine: how it comes here, how it is confined, and how it is spoken to.

Nothing here knows what a finding means; that is `policies.gate`. `worker`, `library` and `reading`
are imported by the confined process and need nothing but the standard library.
"""
