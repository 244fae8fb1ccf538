"""A planner that asks a model: roles with a context of their own, a client, read-only tools.

What it proposes is worth nothing until the sandbox, the gate and a person say so; nothing here
writes a tree, runs a command, reads a setting or keeps a row.
"""
