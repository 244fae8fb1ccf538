"""A page that is not there yet. It has no routes."""

from __future__ import annotations

from fastapi import APIRouter

from service.web.services import Services


def routes(services: Services) -> APIRouter:
    """The page's routes."""
    return APIRouter()
