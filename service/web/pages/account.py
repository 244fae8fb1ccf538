"""One's own account: passkeys, password, sessions, tokens, the look of the pages."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.responses import Response

from service.people import No, SignedIn
from service.web.render import THEME_COOKIE, THEMES, page, see
from service.web.services import Services
from service.web.sessions import Sent, Who, address

_NO_ANSWER = No("no-answer", "No passkey answered.", "Try again.", 422)
_YEAR = 365 * 24 * 3600


def routes(services: Services) -> APIRouter:
    """/account and what can be done there."""
    router = APIRouter()
    people = services.people

    def show(
        request: Request, who: SignedIn, no: No | None = None, *, at: str = "", secret: str = ""
    ) -> Response:
        ident = who.account.id
        return page(
            request,
            "account.html",
            status=no.status if no is not None else 200,
            account=people.account(ident) or who.account,
            passkeys=people.passkeys(ident),
            sessions=people.sessions(ident),
            tokens=people.tokens(ident),
            grants=who.grants,
            repositories={one.id: one.name for one in services.repositories.list()},
            fresh=people.may_add(who),
            problem=no,
            at=at,
            secret=secret,
        )

    def done(request: Request, who: SignedIn, no: No | None, at: str, said: str) -> Response:
        if no is not None:
            return show(request, who, no, at=at)
        return see("/account", said=said)

    @router.get("/account")
    def account(request: Request, who: Who) -> Response:
        return show(request, who)

    @router.post("/account/confirm")
    def confirm(request: Request, who: Who, sent: Sent) -> Response:
        how = people.check_password(who, sent.text("password"), address=address(request))
        no = how if isinstance(how, No) else None
        return done(request, who, no, "passkeys", "Confirmed. You can add a passkey now.")

    @router.post("/account/passkeys/options")
    def options(who: Who, sent: Sent) -> Response:
        return JSONResponse({"options": dict(people.passkey_options(who))})

    @router.post("/account/passkeys")
    def add(request: Request, who: Who, sent: Sent) -> Response:
        answer = sent.object("answer")
        if answer is None:
            return show(request, who, _NO_ANSWER, at="passkeys")
        made = people.add_passkey(who, answer, sent.line("name") or "Passkey")
        no = made if isinstance(made, No) else None
        return done(request, who, no, "passkeys", "The passkey is added.")

    @router.post("/account/passkeys/remove")
    def remove(request: Request, who: Who, sent: Sent) -> Response:
        no = people.remove_passkey(who, sent.text("passkey"))
        return done(request, who, no, "passkeys", "The passkey is removed.")

    @router.post("/account/password")
    def password(request: Request, who: Who, sent: Sent) -> Response:
        no = people.change_password(
            who, sent.text("old"), sent.text("new"), address=address(request)
        )
        return done(request, who, no, "password", "The password is changed.")

    @router.post("/account/sessions/end")
    def end(request: Request, who: Who, sent: Sent) -> Response:
        no = people.end_session(who, sent.text("session"))
        return done(request, who, no, "sessions", "That session is ended.")

    @router.post("/account/tokens")
    def make_token(request: Request, who: Who, sent: Sent) -> Response:
        days = sent.line("days")
        made = people.make_token(
            who, sent.line("name"), int(days) if days.isascii() and days.isdigit() else 0
        )
        if isinstance(made, No):
            return show(request, who, made, at="tokens")
        return show(request, who, at="tokens", secret=made[1])

    @router.post("/account/tokens/revoke")
    def revoke_token(request: Request, who: Who, sent: Sent) -> Response:
        no = people.revoke_token(who, sent.text("token"))
        return done(request, who, no, "tokens", "The token is revoked.")

    @router.post("/account/theme")
    def theme(request: Request, who: Who, sent: Sent) -> Response:
        chosen = sent.text("theme")
        response = see("/account#look")
        if chosen in THEMES:
            response.set_cookie(
                THEME_COOKIE, chosen, max_age=_YEAR, path="/", httponly=True, samesite="lax"
            )
        else:
            response.delete_cookie(THEME_COOKIE, path="/", httponly=True, samesite="lax")
        return response

    return router
