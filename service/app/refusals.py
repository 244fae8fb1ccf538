"""Refusals: what a person is told who may not decide, and how the log keeps the attempt.

Sentences and checks of words only; who may do what is said in `service.app.decisions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.app.verdicts import Verdict
from service.approvals.eyes import Bar
from service.changes import Change, ChangeId, is_digest
from service.ledger import Judgment, Kind
from service.people import No, SignedIn

LONGEST = 10_000
"""Characters that a reason or an answer may have."""

DECIDED = No(
    "already-decided",
    "This decision was taken already, or its five minutes are over.",
    "Look at the change again and decide anew.",
    409,
)
STALE = No(
    "stale",
    "What you looked at is not what is bound now.",
    "Load the page again and look at what moved.",
    409,
)
ALTERED = No("altered", "The decision is not as it was prepared.", "Decide anew.", 409)
UNKNOWN = No("unknown-decision", "There is no such decision of yours.", "Decide anew.", 404)
UNKNOWN_CHANGE = No("unknown-change", "There is no such change.", status=404)
NO_SESSION = No(
    "needs-session",
    "This takes a person who is signed in; a token is not enough.",
    "Sign in with a browser.",
)
SIGNED_OUT = No("signed-out", "You are not signed in any more.", "Sign in again.", 401)
OTHER_SESSION = No(
    "other-session", "This decision was prepared in another session.", "Decide anew.", 409
)
PROVE_YOURSELF = No(
    "prove-yourself", "A decision takes your passkey or your password.", "Give one.", 401
)
WEAK = No(
    "weak",
    "A rule asks for approvals by passkey here; a password is not enough.",
    "Add a passkey to your account and approve with it.",
)
APPROVED_ALREADY = No(
    "already-approved",
    "You approved this already; one person counts once.",
    "Nothing has to be done.",
    409,
)
NO_QUESTION = No("no-question", "This question is not open any more.", status=409)


def refusal(
    who: SignedIn,
    change: ChangeId | None,
    no: No,
    verdict: Verdict | None = None,
    binding: str = "",
) -> Judgment:
    """An attempt that came to nothing, as the log keeps it."""
    return Judgment(
        kind=Kind.DECISION,
        actor=who.person,
        change=change,
        why=f"refused: {no.code}",
        payload={
            "verdict": "refused",
            "wanted": "" if verdict is None else verdict.value,
            "code": no.code,
            "binding": binding if is_digest(binding) else "",
            "by_token": who.session is None,
        },
    )


def checked_words(text: str, least: int, name: str) -> str | No:
    """A person's words, trimmed; No 422 where they are too short, too long, or no text."""
    words = text.strip()
    try:
        words.encode()
    except UnicodeEncodeError:
        return No("no-text", f"The {name} holds what is no text.", "Write it anew.", 422)
    if len(words) < least:
        why = f"The {name} needs at least {least} characters."
        return No("too-short", why, "Say in your own words why.", 422)
    if len(words) > LONGEST:
        return No("too-long", f"The {name} may have {LONGEST} characters.", "Shorten it.", 422)
    return words


def checked_answers(answers: Mapping[str, str]) -> dict[str, str] | No:
    """What was said to open findings, by rule."""
    said: dict[str, str] = {}
    for rule, text in answers.items():
        for part in (rule, text):
            words = checked_words(part, 0, "answer")
            if isinstance(words, No):
                return words
        said[rule.strip()] = text.strip()
    return said


def forbidden(bar: Bar | None, change: Change) -> No:
    if bar is None:  # who signs together with a reviewer may approve and nothing else
        return No("own-request", "Who asked for a change can't turn it down.", "Withdraw it.")
    mend = "Withdraw it instead." if bar.code == "own-request" and not change.ended else ""
    return No(bar.code, bar.why, mend or "Somebody else has to decide.")


def not_waiting(change: Change) -> No:
    why = f"This change waits for no decision: it is {change.stage.value}."
    return No("already-decided", why, "Look at what became of it.", 409)
