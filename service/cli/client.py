"""`pawl ask` and `pawl show`: a running service, spoken to with a personal token.

Knows the API and nothing behind it.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import click

from service import settings as environment
from service.app.outcome import EXIT
from service.errors import PawlError, SomethingMissing, UsageError
from service.settings import Settings

_PATIENCE = 30
_RESTS = frozenset({"waiting", "needs-answer"})
_LARGEST = 64 << 20


def ask(text: str, *, repository: str, follow: bool, as_json: bool) -> None:
    """File a request with the service; with `follow`, tell what happens until it rests."""
    service = Service(environment.load())
    change = service.post("/requests", {"repository": repository, "text": text})
    if not follow:
        if as_json:
            click.echo(json.dumps(change, indent=2, sort_keys=True))
        else:
            click.echo(f"{change['id']}: asked; follow it at {change['url']}")
        return
    click.echo(f"{change['id']}: {change['url']}", err=True)
    _follow(service, change["id"])
    _finish(service.get(f"/changes/{quote(change['id'])}"), as_json=as_json)


def show(change: str, *, as_json: bool) -> None:
    """Print how a change stands."""
    whole = Service(environment.load()).get(f"/changes/{quote(change, safe='')}")
    if as_json:
        click.echo(json.dumps(whole, indent=2, sort_keys=True))
    else:
        _page(whole)


class Service:
    """The API of a running service."""

    def __init__(self, settings: Settings) -> None:
        """Raises SomethingMissing where it is not said which service, or who speaks."""
        if settings.url is None:
            raise SomethingMissing(
                "it is not said where the service is",
                code="missing-url",
                mend="set PAWL_URL, such as http://localhost:8090",
            )
        if settings.token is None:
            raise SomethingMissing(
                "it is not said who you are",
                code="missing-token",
                mend="make a token on your account's page and set PAWL_TOKEN",
            )
        if urlsplit(settings.url).scheme not in ("http", "https"):
            raise UsageError(f"PAWL_URL {settings.url!r} is no http address")
        self._base = settings.url.rstrip("/") + "/api/v1"
        self._token = settings.token
        self._opener = build_opener(_NoRedirects)

    def get(self, path: str) -> dict[str, Any]:
        return self._call(path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._call(path, json.dumps(body).encode())

    def _call(self, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            request = Request(self._base + path, data=body, headers=headers)  # noqa: S310
            with self._opener.open(request, timeout=_PATIENCE) as answer:
                return _document(answer.read(_LARGEST), self._base)
        except HTTPError as wrong:
            with wrong:
                raise _refused(wrong.code, wrong.read(_LARGEST)) from wrong
        except (URLError, OSError, http.client.HTTPException, ValueError) as wrong:
            why = getattr(wrong, "reason", wrong)
            raise SomethingMissing(
                f"no service answers at {self._base}: {why}",
                code="missing-service",
                mend="start it with `pawl serve`, or set PAWL_URL to where it is",
            ) from wrong


class _NoRedirects(HTTPRedirectHandler):
    """A token is never carried elsewhere."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _document(data: bytes, base: str) -> dict[str, Any]:
    document = json.loads(data)
    if not isinstance(document, dict):
        raise ValueError(f"{base} does not answer as Pawl does")  # noqa: TRY004 - told as missing
    return document


def _refused(status: int, data: bytes) -> PawlError:
    """What the service said no with, as an error of the command line."""
    try:
        said = _document(data, "")
    except ValueError:
        said = {}
    codes = {401: 7, 404: 2, 422: 2}
    return PawlError(
        str(said.get("why") or f"the service answered {status}"),
        code=str(said.get("code") or f"http-{status}"),
        mend=str(said.get("mend") or ""),
        exit_code=codes.get(status, 1),
    )


def _follow(service: Service, change: str) -> None:
    """Print steps as they come, until the change ends or waits for people."""
    after = 0
    while True:
        page = service.get(f"/changes/{quote(change)}/steps?after={after}")
        for step in page["steps"]:
            after = step["number"]
            line = _line(step)
            if line:
                click.echo(line, err=True)
        if not page["steps"] and not page["running"] and _rests(page["stage"]):
            return
        if not page["steps"]:
            time.sleep(1.0)


def _rests(stage: str) -> bool:
    from service.changes import ENDED, Stage

    return stage in _RESTS or Stage(stage) in ENDED


def _line(step: dict[str, Any]) -> str:
    """A step as a line; "" for a cell that held on the draft, of which there are hundreds."""
    at, body = str(step["at"])[11:19], step["body"]
    if step["kind"] == "stage":
        return f"{at}  {body['stage']:>14}  {body['text']}"
    cell = body.get("cell")
    if cell is None:
        return f"{at}  {'':>14}  {body['text']}"
    if cell["outcome"] == "held" or cell["kind"] not in ("declared", "control", "ratchet"):
        return ""
    words = f"{cell['side']} {cell['outcome']} {cell['entry']} {cell['fault']}: {cell['why']}"
    return f"{at}  {'':>14}  {words}"


def _finish(whole: dict[str, Any], *, as_json: bool) -> None:
    """Print what came of it and exit as `pawl propose` would."""
    document = whole["document"]
    if as_json:
        click.echo(json.dumps(document, indent=2, sort_keys=True))
    else:
        _page(whole)
    sys.exit(EXIT.get(document["outcome"], 1))


def _page(whole: dict[str, Any]) -> None:
    change, document = whole["change"], whole["document"]
    plan, proof = document.get("plan"), document.get("proof")
    lines = [
        f"{change['id']}  {change['stage']}  {change['title'] or '(no plan yet)'}",
        f"  {document['why']}",
        f"  asked by {change['requester']['name']}, {change['created'][:16].replace('T', ' ')}",
    ]
    if plan:
        lines += [f"  plan: {reason}" for reason in plan["reasons"]]
    if proof:
        lines.append(f"  proof: {proof['why']} ({len(proof['cells'])} cells)")
    lines += [f"  {f['level']}: {f['title']} ({f['place']})" for f in document["findings"]]
    lines.append(f"  {change['url']}")
    for line in lines:
        click.echo("".join(c if c.isprintable() else "?" for c in line))
