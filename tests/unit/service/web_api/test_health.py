"""What machines that watch the service get to see, and what they don't."""

from __future__ import annotations

from service.people import Role
from tests.unit.service.people.kit import ADDRESS, sign_in
from tests.unit.service.web_api.kit import Site


def test_a_service_without_an_engine_is_up_and_ready_and_says_so(site: Site) -> None:
    assert site.call("GET", "/healthz").json() == {"ok": True}
    ready = site.call("GET", "/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "store": "ok", "log": "ok", "engine": "waiting"}


def test_a_store_that_can_not_be_written_is_not_ready(site: Site) -> None:
    site.services.store.close()
    ready = site.call("GET", "/readyz")
    assert ready.status_code == 503
    assert ready.json()["ready"] is False


def test_readouts_count_what_the_log_holds_and_name_nobody(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER)
    body = {"repository": "gallery", "text": "the deploy wiped hunter2"}
    site.call("POST", "/api/v1/requests", token=token, json=body)
    sign_in(site.services.people, "rita", "a wrong set of words", address=ADDRESS)
    first = site.call("GET", "/metrics").text
    assert 'pawl_changes{stage="asked"} 1.0' in first
    assert "pawl_requests_total 1.0" in first
    assert "pawl_sign_ins_refused_total 1.0" in first
    assert "pawl_run_seconds_count 2.0" in first
    assert "pawl_run_seconds_sum 3.5" in first
    assert "pawl_queue 1.0" in first
    body["text"] = "again"
    site.call("POST", "/api/v1/requests", token=token, json=body)
    second = site.call("GET", "/metrics").text
    assert "pawl_requests_total 2.0" in second
    assert f"pawl_log_entries {site.services.store.size}.0" in second
    for word in ("rita", "Rita", "hunter2", "gallery", token):
        assert word not in second
