"""The graph: which node follows which. A conditional edge from START reads the stage in the store,
so that a lost checkpoint file costs nothing: a fresh thread goes to the right node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from service.changes import Change, ChangeId, Stage
from service.flow import gate, merge, plan, prove, rehearse, survey, wait
from service.flow.parts import Parts

FLOW_VERSION = 2
"""Raise it when nodes change; a thread of another version is thrown away and started again."""

NODES: dict[str, tuple[Stage, Callable[[Parts, Change], Change]]] = {
    "survey": (Stage.ASKED, survey.survey),
    "rehearse": (Stage.SURVEYED, rehearse.rehearse),
    "plan": (Stage.REHEARSED, plan.plan),
    "prove": (Stage.PLANNED, prove.prove),
    "gate": (Stage.PROVEN, gate.gate),
    "queue": (Stage.GATED, wait.queue),
}
"""Node -> the stage it works on, and its work. A node whose stage has passed does nothing."""

ROUTES = {stage: name for name, (stage, _) in NODES.items()} | {
    Stage.WAITING: "wait",
    Stage.MERGING: "merge",
}
"""Where a stage leads; a change that waits goes on to `merge` once enough people said yes."""


class Stopped(Exception):
    """Somebody asked to stop; the change stays where it is and can go on later."""


class FlowState(TypedDict, total=False):
    """Ids only: truth is in the store."""

    change: str
    flow_version: int


def build(parts: Parts, checkpointer: Any) -> Any:
    """Compile the graph over `parts`; `checkpointer` is a LangGraph saver."""
    graph = StateGraph(FlowState)

    def route(state: FlowState) -> str:
        change = parts.changes.get(ChangeId(state["change"]))
        if change.stage is Stage.WAITING and merge.may(parts, change):
            return "merge"
        return ROUTES.get(change.stage, END)

    def after_merge(state: FlowState) -> str:
        # What could not be merged in this run is left for the next one.
        change = parts.changes.get(ChangeId(state["change"]))
        left = change.stage in (Stage.WAITING, Stage.MERGING)
        return END if left else ROUTES.get(change.stage, END)

    def node(name: str) -> Any:  # LangGraph's own protocol types don't take a plain Callable
        stage, work = NODES[name]

        def run(state: FlowState) -> FlowState:
            if parts.stop():
                raise Stopped
            change = parts.changes.get(ChangeId(state["change"]))
            if change.stage is stage:
                work(parts, change)
            return {}

        return run

    def waiting(state: FlowState) -> FlowState:
        wait.wait(parts.changes.get(ChangeId(state["change"])))
        return {}

    def merging(state: FlowState) -> FlowState:
        change = parts.changes.get(ChangeId(state["change"]))
        if change.stage in (Stage.WAITING, Stage.MERGING):
            merge.merge(parts, change)
        return {}

    targets = [*NODES, "wait", "merge", END]
    for name in NODES:
        graph.add_node(name, node(name))
        graph.add_conditional_edges(name, route, targets)
    graph.add_node("merge", merging)
    graph.add_conditional_edges("merge", after_merge, targets)
    graph.add_node("wait", waiting)
    graph.add_edge("wait", END)
    graph.add_conditional_edges(START, route, targets)
    return graph.compile(checkpointer=checkpointer)
