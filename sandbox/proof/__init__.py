"""The judgment of cells: recorded states and calls in, hit or held and a verdict out.

Pure: nothing here knows a container, a clock or a disk; `sandbox.prover` runs the cells.
"""
