"""A module a page, all of one shape: `routes(services) -> APIRouter`."""
