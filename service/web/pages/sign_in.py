"""Coming in and going out: password, passkey, one-time links. A GET of a link never burns it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from service.app.people import Entered
from service.people import LinkKind, No
from service.web.render import page, refused, see
from service.web.services import Services
from service.web.sessions import Sent, Visitor, address, agent, forget, remember, safe_next

_NO_PASSKEY = No("no-answer", "No passkey answered.", "Try again, or use your password.", 422)


def routes(services: Services) -> APIRouter:
    """/sign-in, /sign-out and /link/{token}."""
    router = APIRouter()
    people = services.people

    def form(
        request: Request,
        onward: str,
        no: No | None = None,
        login: str = "",
        *,
        by: str = "password",
    ) -> Response:
        response = page(
            request,
            "sign_in.html",
            status=no.status if no is not None else 200,
            onward=onward,
            problem=no,
            login=login,
            by=by,
            nobody=not people.accounts(),
        )
        if no is not None and no.retry_after:
            response.headers["Retry-After"] = str(no.retry_after)
        return response

    def come_in(request: Request, entered: Entered, onward: str) -> Response:
        response = see(onward)
        remember(request, response, entered.token)
        return response

    @router.get("/sign-in")
    def sign_in(request: Request, who: Visitor, next: str = "/") -> Response:
        onward = safe_next(next)
        if who is not None and who.session is not None:
            return see(onward)
        return form(request, onward)

    @router.post("/sign-in")
    def by_password(request: Request, sent: Sent) -> Response:
        onward, login = safe_next(sent.text("next")), sent.line("login")
        entered = people.sign_in(
            login, sent.text("password"), agent=agent(request), address=address(request)
        )
        if isinstance(entered, No):
            return form(request, onward, entered, login)
        return come_in(request, entered, onward)

    @router.post("/sign-in/options")
    def options(sent: Sent) -> Response:
        return JSONResponse({"options": dict(people.sign_in_options())})

    @router.post("/sign-in/passkey")
    def by_passkey(request: Request, sent: Sent) -> Response:
        onward, answer = safe_next(sent.text("next")), sent.object("answer")
        if answer is None:
            return form(request, onward, _NO_PASSKEY, by="passkey")
        entered = people.sign_in_by_passkey(answer, agent=agent(request), address=address(request))
        if isinstance(entered, No):
            return form(request, onward, entered, by="passkey")
        return come_in(request, entered, onward)

    @router.post("/sign-out")
    def sign_out(request: Request, who: Visitor, sent: Sent) -> Response:
        if who is not None:
            people.sign_out(who)
        response = see("/sign-in", said="You are signed out.")
        forget(request, response)
        return response

    @router.get("/link/{token}")
    def link(request: Request, token: str) -> Response:
        return show_link(request, token)

    def show_link(
        request: Request, token: str, no: No | None = None, login: str = "", name: str = ""
    ) -> Response:
        found = people.link(token)
        if isinstance(found, No):
            return refused(request, found)
        account = people.account(found.account) if found.account is not None else None
        return page(
            request,
            "sign_in_link.html",
            status=no.status if no is not None else 200,
            kind=found.kind.value,
            account=account,
            token=token,
            expires=found.expires_at,
            problem=no,
            login=login,
            name=name,
        )

    @router.post("/link/{token}")
    def burn(request: Request, token: str, sent: Sent) -> Response:
        found = people.link(token)
        if isinstance(found, No):
            return refused(request, found)
        came = {"agent": agent(request), "address": address(request)}
        if found.kind is LinkKind.SIGN_IN:
            entered = people.enter_by_link(token, **came)
            if isinstance(entered, No):
                return refused(request, entered)
            # Who has no way to sign in yet is led to where they get one: a decision needs it.
            ready = entered.signed_in.account.can_sign_in
            return come_in(request, entered, "/" if ready else "/account")
        login, name = sent.line("login"), sent.line("name")
        made = people.sign_up(token, login=login, name=name, password=sent.text("password"), **came)
        if isinstance(made, No):
            return show_link(request, token, made, login, name)
        return come_in(request, made, "/first" if found.kind is not LinkKind.RESET else "/account")

    return router
