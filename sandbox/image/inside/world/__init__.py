"""The world of a slot: one process that plays every outside system for the cells of that slot.

It holds all outside state, answers cells on two loopback ports and the keeper on a unix socket.
Nothing here knows a rehearsal, a side or a verdict; nothing here is imported by Pawl itself.
"""
