"""The API against its own document, with whatever schemathesis makes up: never an error of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import schemathesis
from hypothesis import HealthCheck, given, settings

from service.people import Role
from tests.unit.service.web_api.kit import Site

_FEW = settings(
    max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def test_no_made_up_request_is_an_error_of_ours(site: Site) -> None:
    token = site.join("rita", Role.REQUESTER, Role.APPROVER)
    document = site.app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    tried: set[tuple[str, str]] = set()

    def answered(case: Any) -> None:
        more = {} if case.body is schemathesis.core.NOT_SET else {"json": case.body}
        query = dict(case.query) or None
        answer = site.call(case.method, case.formatted_path, token=token, params=query, **more)
        declared = document["paths"][case.path][case.method.lower()]["responses"]
        tried.add((case.method, case.path))
        assert str(answer.status_code) in declared, answer.text
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert set(answer.json()) == {"code", "why", "mend"}

    found: Iterable[Any] = schema.get_all_operations()
    for operation in found:
        made_up: Any = given(operation.ok().as_strategy())
        cast(Any, _FEW)(made_up(answered))()
    assert len(tried) >= 12
