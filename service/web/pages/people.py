"""People and what they may do: who can decide, invitations, roles, resets; all of it on record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.people import EVERYWHERE, Account, Grant, No, Role, SignedIn
from service.web.render import page, refused, see
from service.web.services import Services
from service.web.sessions import Sent, Who

_NO_ONE = No("no-account", "There is no such account.", "look at the page of people", 404)
_NO_ROLE = No("no-role", "That is no role.", "choose one of the list", 422)
_NO_PLACE = No("no-repository", "There is no such repository.", "choose one of the list", 422)
ROLES = {
    Role.VIEWER: "reads",
    Role.REQUESTER: "asks, answers, withdraws own requests",
    Role.APPROVER: "decides about what others asked for",
    Role.POLICY_OWNER: "signs changes to rules and old rehearsals",
    Role.ADMINISTRATOR: "people, repositories, switches",
}


@dataclass(frozen=True)
class Row:
    """An account as the list shows it."""

    account: Account
    grants: tuple[Grant, ...]


def can_decide(accounts: Iterable[Account], grants: Iterable[Grant]) -> int:
    """How many human beings can sign in and hold the role to approve somewhere."""
    approvers = {one.account for one in grants if one.role is Role.APPROVER}
    return len(
        {
            one.same_as or one.id
            for one in accounts
            if one.open and one.id in approvers and (one.has_password or one.passkeys)
        }
    )


def routes(services: Services) -> APIRouter:
    """/people and /people/{id}."""
    router = APIRouter()
    people = services.people

    def places(who: SignedIn) -> list[tuple[str, str]]:
        """Where `who` may give roles: (id, name)."""
        everywhere = [(EVERYWHERE, "every repository")] if who.is_administrator() else []
        return everywhere + [
            (one.id, one.name)
            for one in services.repositories.list(who)
            if Role.ADMINISTRATOR in who.roles(one.id)
        ]

    def everybody(
        request: Request, who: SignedIn, no: No | None = None, **context: object
    ) -> Response:
        accounts, grants = people.accounts(), people.grants()
        rows = [Row(a, tuple(g for g in grants if g.account == a.id)) for a in accounts]
        return page(
            request,
            "people.html",
            status=no.status if no is not None else 200,
            rows=sorted(rows, key=lambda row: not row.account.open),
            deciders=can_decide(accounts, grants),
            places=places(who),
            roles=ROLES,
            repositories=_names(services),
            problem=no,
            **{"link": "", "invited": None, "filled": {}, **context},
        )

    def one(
        request: Request, who: SignedIn, ident: str, no: No | None = None, link: str = ""
    ) -> Response:
        account = people.account(ident)
        if account is None:
            return refused(request, _NO_ONE)
        return page(
            request,
            "people_one.html",
            status=no.status if no is not None else 200,
            account=account,
            grants=people.grants(account=ident),
            others=[a for a in people.accounts() if a.id != ident and a.open],
            places=places(who),
            roles=ROLES,
            repositories=_names(services),
            administrator=who.is_administrator(),
            problem=no,
            link=link,
        )

    def done(request: Request, who: SignedIn, ident: str, no: No | None, said: str) -> Response:
        return (
            one(request, who, ident, no) if no is not None else see(f"/people/{ident}", said=said)
        )

    @router.get("/people")
    def show(request: Request, who: Who) -> Response:
        return everybody(request, who)

    @router.post("/people")
    def invite(request: Request, who: Who, sent: Sent) -> Response:
        place = sent.text("place") or EVERYWHERE
        roles = tuple((place, role) for role in map(_role, sent.texts("role")) if role is not None)
        filled = {"name": sent.line("name"), "login": sent.line("login")}
        if place not in _names(services):
            return everybody(request, who, _NO_PLACE, filled=filled)
        made = people.invite(who, name=filled["name"], login=filled["login"], roles=roles)
        if isinstance(made, No):
            return everybody(request, who, made, filled=filled)
        account, token = made
        return everybody(request, who, link=_link(services, token), invited=account)

    @router.get("/people/{ident}")
    def show_one(request: Request, who: Who, ident: str) -> Response:
        return one(request, who, ident)

    @router.post("/people/{ident}/grant")
    def grant(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        role, place = _role(sent.text("role")), sent.text("place")
        if role is None or place not in _names(services):
            return one(request, who, ident, _NO_ROLE if role is None else _NO_PLACE)
        no = people.grant(who, ident, place, role)
        return done(request, who, ident, no, "The role is given.")

    @router.post("/people/{ident}/revoke")
    def revoke(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        role = _role(sent.text("role"))
        no = people.revoke(who, ident, sent.text("place"), role) if role else _NO_ROLE
        return done(request, who, ident, no, "The role is taken.")

    @router.post("/people/{ident}/reset")
    def reset(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        token = people.reset(who, ident)
        if isinstance(token, No):
            return one(request, who, ident, token)
        return one(request, who, ident, link=_link(services, token))

    @router.post("/people/{ident}/close")
    def close(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        return done(request, who, ident, people.close(who, ident), "The account is closed.")

    @router.post("/people/{ident}/same")
    def same(request: Request, who: Who, ident: str, sent: Sent) -> Response:
        no = people.say_same(who, ident, sent.text("other") or None)
        return done(request, who, ident, no, "That is on record.")

    return router


def _names(services: Services) -> dict[str, str]:
    return {EVERYWHERE: "every repository"} | {r.id: r.name for r in services.repositories.list()}


def _role(text: str) -> Role | None:
    return Role(text) if text in set(Role) else None


def _link(services: Services, token: str) -> str:
    return f"{services.public_url}/link/{token}"
