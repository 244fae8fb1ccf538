"""The way of a change as a LangGraph graph, a module per node. Nodes name promises only.

The graph's state holds ids and counters; truth is in the store. Every node can run twice without
harm: it looks at the store first and writes its move and its judgments in one transaction.
"""
