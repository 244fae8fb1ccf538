"""A page that is not there yet. It has no routes."""

from __future__ import annotations

from fastapi import APIRouter

from service.people import SignedIn
from service.web.services import Services


def routes(services: Services) -> APIRouter:
    """The page's routes."""
    return APIRouter()


def waiting_for(services: Services, who: SignedIn) -> int:
    """How many changes wait for `who`: the number in the menu."""
    return 0
