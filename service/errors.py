"""Errors that say what happened, with a code to search for and a next step to take.

An exception means that Pawl could not answer; a "no" of the business is a returned value. Only the
CLI turns `exit_code` into an exit, and only the web layer knows status codes.
"""

from __future__ import annotations


class PawlError(Exception):
    """Pawl could not answer.

    `code` is stable and can be searched for, `mend` says in a sentence what to do next ("" where
    nothing is known), `exit_code` is what the CLI ends with.
    """

    code = "pawl-error"
    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        mend: str = "",
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if code is not None else type(self).code
        self.mend = mend
        self.exit_code = exit_code if exit_code is not None else type(self).exit_code


class UsageError(PawlError):
    """Whoever called asked for something that Pawl does not offer, or left something out."""

    code = "usage"
    exit_code = 2


class SomethingMissing(PawlError):
    """Something that Pawl needs is not there; `mend` says how to get it."""

    code = "something-missing"
    exit_code = 7
