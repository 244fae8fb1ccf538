"""Whether the service lives, is ready, and how it does: for those who watch machines.

Open to everybody who reaches the port, so numbers and stages only: no names, no words, no secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from service.app.tally import Tally
from service.ledger import Kind
from service.web.services import Services


def routes(services: Services) -> APIRouter:
    """/healthz, /readyz and /metrics."""
    router = APIRouter(include_in_schema=False)
    registry = CollectorRegistry()
    registry.register(Readouts(services))

    @router.get("/healthz")
    def healthz() -> dict[str, bool]:
        """The process answers."""
        return {"ok": True}

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        """503 where the store can't be written or the log is contradicted. A missing engine is
        said and does no harm: changes wait."""
        checks = {
            "store": _check(lambda: _writable(services)),
            "log": _check(lambda: _sound(services)),
        }
        engine = services.worker.state()["engine"]
        ready = all(check == "ok" for check in checks.values())
        body = {
            "ready": ready,
            **checks,
            "engine": "ok" if engine["ok"] else "waiting",
        }
        return JSONResponse(body, status_code=200 if ready else 503)

    @router.get("/metrics")
    def metrics() -> Response:
        """Readouts in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


class Readouts(Collector):
    """Reads everything when it is asked, so that a number can't be older than the store."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tally = Tally(services.store)

    def describe(self) -> list[Metric]:
        """Nothing ahead: registering must not read the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        services, worker = self._services, self._services.worker
        stages = GaugeMetricFamily("pawl_changes", "Changes by stage", labels=["stage"])
        for stage, count in services.store.counts().items():
            stages.add_metric([stage.value], count)
        yield stages
        yield GaugeMetricFamily("pawl_running", "Runs at work", value=len(worker.running()))
        yield GaugeMetricFamily("pawl_queue", "Changes that wait for room", len(worker.queued()))
        state: dict[str, Any] = worker.state()
        runs = state.get("runs", {"count": 0, "ms": 0})
        yield SummaryMetricFamily(
            "pawl_run_seconds", "Time of runs that ended", runs["count"], runs["ms"] / 1000
        )
        yield GaugeMetricFamily(
            "pawl_engine_ready", "1 where runs can begin", int(state["engine"]["ok"])
        )
        kinds = self._tally.kinds()
        for name, kind, text in _COUNTED:
            yield CounterMetricFamily(name, text, value=kinds.get(kind.value, 0))
        yield GaugeMetricFamily("pawl_log_entries", "Entries of the log", services.store.size)


_COUNTED = (
    ("pawl_requests", Kind.CHANGE_ASKED, "Changes that were asked for"),
    ("pawl_decisions", Kind.DECISION, "Decisions that people took or were refused"),
    ("pawl_voids", Kind.VOID, "Approvals and proposals that something voided"),
    ("pawl_merges", Kind.MERGED, "Changes that were merged"),
    ("pawl_sign_ins", Kind.SIGN_IN, "Sessions that began"),
    ("pawl_sign_ins_refused", Kind.SIGN_IN_REFUSED, "Refused sign-ins on record"),
)


def _check(look: Callable[[], None]) -> str:
    try:
        look()
    except Exception as wrong:  # noqa: BLE001 - whatever it is, the service is not ready
        return str(getattr(wrong, "code", None) or "internal-error")
    return "ok"


def _writable(services: Services) -> None:
    with services.store.writing():
        pass  # the write lock was had


def _sound(services: Services) -> None:
    newest = services.store.latest_checkpoint()
    if newest is not None:
        services.store.check(newest.note)
