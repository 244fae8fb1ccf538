"""Templates to pages: `page(request, "x.html", **context)`, with the filters and words they share.

What page modules can rely on (`service/web/pages/*.py`, each `routes(services) -> APIRouter`):

    from service.web.render import page, refused, see
    from service.web.sessions import Sent, Visitor, Who, address, agent

    @router.get("/things")                      # plain `def`: it runs in a thread, the store may
    def things(request: Request, who: Who) -> Response:                         # be used freely
        return page(request, "things.html", things=...)          # see(): 303 after a form was sent

    @router.post("/things")
    def make(request: Request, who: Who, sent: Sent) -> Response:   # Sent: CSRF was checked
        no = services.x.make(who, sent.line("name"))
        return refused(request, no) if isinstance(no, No) else see("/things", said="Made.")

- `Who` leads to /sign-in and back where nobody is signed in; `Sent` has text, line, texts, has,
  object (JSON), files. `refused(request, no)` is a page (or JSON for scripts) with the status of
  the No; to show a No inside a form instead, give it to your template and use `p.no(no)`.
  `see(url, said=...)` shows one sentence on the next page, once.
- Templates: `{% extends "base.html" %}{% import "parts.html" as p with context %}`; blocks `title`,
  `head` (a <link>, a <script defer>), `main` (begin with <h1>), `wide` ("wide" for full width).
  In each: who, csrf, path, now, public_url, frozen, static("file"), icon("name").
  Filters: `dt|when` -> <time>, `dt|whole` (date and time), `digest|short`, `id_or_principal|name`,
  `n|count("file")` -> "3 files", `bytes|size`, `ms|lasting` -> "1 min 12 s".
  Macros (parts.html): token() (the CSRF field, in each form), badge(word, tone, icon),
  outcome(word), stage(stage), facts(pairs), empty(title, text), banner(tone, title, text), no(no),
  post(action, label, ...), field(...), person(id), steps(list), crumbs(list), copy(text).
- A form that a passkey signs: `<form method="post" action=A data-passkey="get" data-prepare=P>`
  with a hidden field `answer`; pawl.js posts the form to P, takes {"options": .., "nonce": ..} (or
  {"code", "why", "mend"} of a No), asks the passkey, fills `answer` (JSON) and `nonce`, and sends
  the form to A as any other. The button that does so has `data-passkey-button`; other buttons of
  the form send it as it is. Words go to the form's element with `data-said` (role=alert).
- No inline style, no inline script, no hx-on: the CSP refuses them. Numbers as widths: SVG.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from service.app.decisions import Frozen
from service.changes import Agent, Bot, Person, System
from service.people import No, SignedIn
from service.web.services import Services
from service.web.sessions import services, wants_json, who

HERE = Path(__file__).parent
THEMES = ("light", "dark")
THEME_COOKIE = "pawl_theme"
_SAID_COOKIE = "pawl_said"
_LONGEST_SAID = 400


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """The page that `template` makes of `context` and of what every page shows."""
    return _page(request, template, status, who(request), context)


def _page(
    request: Request, template: str, status: int, visitor: SignedIn | None, context: dict[str, Any]
) -> HTMLResponse:
    use = services(request)
    session = visitor.session if visitor is not None else None
    said = unquote(request.cookies.get(_SAID_COOKIE, ""))[:_LONGEST_SAID]
    theme = request.cookies.get(THEME_COOKIE, "")
    shared: dict[str, Any] = {
        "who": visitor if session is not None else None,
        "csrf": session.csrf if session is not None else "",
        "path": request.url.path,
        "now": use.clock(),
        "public_url": use.public_url,
        "frozen": _frozen(use) if visitor is not None else (),
        "waiting": use.queue.needs_me(visitor) if visitor is not None else "",
        "said": said,
        "theme": theme if theme in THEMES else "",
        "names": _Names(use),
    }
    text = environment().get_template(template).render({**shared, **context})
    response = HTMLResponse(text, status)
    if said:
        response.delete_cookie(_SAID_COOKIE, path="/", httponly=True, samesite="lax")
    return response


def see(url: str, *, said: str = "") -> RedirectResponse:
    """Go on to `url` after a form was taken; `said` is shown there, once."""
    response = RedirectResponse(url, status_code=303)
    if said:
        response.set_cookie(
            _SAID_COOKIE,
            quote(said[:_LONGEST_SAID]),
            max_age=60,
            path="/",
            httponly=True,
            samesite="lax",
        )
    return response


def refused(request: Request, no: No) -> Response:
    """A "no" as an answer: a page for people, JSON for scripts."""
    return _refused(request, no, None if wants_json(request) else who(request))


def refused_blindly(request: Request, no: No) -> Response:
    """A "no" from before anybody looked who is there."""
    return _refused(request, no, None)


def _refused(request: Request, no: No, visitor: SignedIn | None) -> Response:
    ident = getattr(request.state, "request_id", "")
    headers = {"Retry-After": str(no.retry_after)} if no.retry_after else {}
    response: Response
    if wants_json(request):
        body = {"code": no.code, "why": no.why, "mend": no.mend, "request": ident}
        response = JSONResponse(body, no.status)
    else:
        response = _page(
            request, "error.html", no.status, visitor, {"problem": no, "request_id": ident}
        )
    response.headers.update(headers)
    return response


def _frozen(use: Services) -> tuple[Frozen, ...]:
    return use.decisions.frozen()


class _Names:
    """Names of accounts, read when the first one is asked for."""

    def __init__(self, use: Services) -> None:
        self._use = use
        self._known: Mapping[str, str] | None = None

    def get(self, ident: str) -> str:
        if self._known is None:
            self._known = self._use.people.names()
        return self._known.get(ident, ident)


# --- filters ----------------------------------------------------------------------------------


@pass_context
def when(context: Context, moment: datetime | None) -> Markup:
    """How long ago or ahead, with the whole moment behind it."""
    if moment is None:
        return Markup("never")
    return _time(moment, _apart(moment - context["now"], moment))


def whole(moment: datetime) -> Markup:
    """Date and time, in UTC."""
    return _time(moment, f"{moment.astimezone(UTC):%-d %b %Y, %H:%M} UTC")


def _time(moment: datetime, text: str) -> Markup:
    utc = moment.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%-d %B %Y, %H:%M:%S} UTC", text
    )


def _apart(ahead: timedelta, moment: datetime) -> str:
    seconds = int(abs(ahead).total_seconds())
    if seconds < 45:
        return "just now" if ahead <= timedelta(0) else "in a moment"
    if seconds < 3600:
        said = f"{max(1, round(seconds / 60))} min"
    elif seconds < 86400 * 2:
        said = f"{round(seconds / 3600)} h"
    elif seconds < 86400 * 14:
        said = f"{round(seconds / 86400)} days"
    else:
        return f"{moment.astimezone(UTC):%-d %b %Y}"
    return f"in {said}" if ahead > timedelta(0) else f"{said} ago"


def short(digest: object) -> Markup:
    """The beginning of a digest, with the whole one behind it."""
    text = str(digest)
    return Markup('<code class="hash" title="{}">{}</code>').format(text, text[:10])


@pass_context
def name(context: Context, one: object) -> str:
    """What a person reads for an account's id or a principal."""
    names: _Names = context["names"]
    match one:
        case None:
            return "nobody"
        case Person(id=ident):
            return names.get(ident)
        case System(id=ident) if ident.startswith("cli:"):
            return f"{ident[4:]} (at a terminal)"
        case Agent(id=ident) | Bot(id=ident) | System(id=ident):
            return ident
        case _:
            return names.get(str(one))


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 file", "3 files"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(octets: int) -> str:
    """Bytes as a person says them."""
    amount = float(octets)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000:
            return (
                f"{amount:.0f} {unit}"
                if amount >= 10 or unit == "bytes"
                else f"{amount:.1f} {unit}"
            )
        amount /= 1000
    return f"{amount:.1f} TB"


def lasting(ms: int) -> str:
    """A time that something took."""
    seconds = ms / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def sentence(text: str) -> str:
    """Words as a sentence: a capital first, a full stop last."""
    said = text.strip()
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def browser(agent: str) -> str:
    """What a browser calls itself, in a few words: "Firefox on Linux"."""
    names = (
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )
    known = next((said for mark, said in names if mark in agent), "")
    system = next((said for mark, said in systems if mark in agent), "")
    if not known:
        return agent[:40] or "unknown"
    return f"{known} on {system}" if system else known


def initials(text: str) -> str:
    """One or two letters for a person's mark."""
    words = [word for word in text.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


# --- files ------------------------------------------------------------------------------------


@cache
def static(path: str) -> str:
    """The address of a static file, with a mark of its content, so that it may be kept for long."""
    mark = hashlib.sha256((HERE / "static" / path).read_bytes()).hexdigest()[:10]
    return f"/static/{path}?v={mark}"


def icon(name_: str, said: str = "") -> Markup:
    """An icon of the sprite; decoration unless it is `said`."""
    spoken = (
        Markup('role="img" aria-label="{}"').format(said) if said else Markup('aria-hidden="true"')
    )
    return Markup('<svg class="i" {}><use href="{}#{}"/></svg>').format(
        spoken, static("icons.svg"), escape(name_)
    )


@cache
def environment() -> Environment:
    """The templates, with what they all may use."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        when=when,
        whole=whole,
        short=short,
        name=name,
        count=count,
        size=size,
        lasting=lasting,
        browser=browser,
        initials=initials,
        sentence=sentence,
    )
    made.globals.update(static=static, icon=icon)
    return made
