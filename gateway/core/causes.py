"""Why a message stands in its state: a short code that is stored beside the state, so that a label can say what really
happened.

    a message of ours   concluded    outcome:CODE, answer:CODE, ended:WAY
                        closed       accepted, phone, told:CODE, redirected:AUTHORITY
                        rejected     officer:CODE, gateway, email
                        passed-on    referred:AUTHORITY, or referred where it may not be said
                        withdrawn    replaced, ended:WAY, or nothing
    one that came       concluded    outcome:CODE, answer:CODE, ended:WAY
                        rejected     officer:CODE
                        passed-on    referred:AUTHORITY

CODE is of the list of outcomes, answers or rejection reasons; WAY of located_ways. Nothing here says anything else
about a child. What was stored before has no cause; then the state speaks alone.
"""

from schemas.message import Acknowledgement, Body, LocatedNotice, Outcome, WhereaboutsResponse

ACCEPTED = "accepted"
PHONE = "phone"
GATEWAY = "gateway"
EMAIL = "email"
REPLACED = "replaced"
ENDED = "ended"
TOLD = "told"
REDIRECTED = "redirected"


def build_cause(word: str, code: str | None = None) -> str:
    """Return the cause with its code, where it has one."""
    return f"{word}:{code}" if code else word


def split_cause(cause: str | None) -> tuple[str, str]:
    """Return the word and the code of a cause; both empty where nothing is known."""
    word, _, code = (cause or "").partition(":")
    return word, code


def find_cause(body: Body) -> str | None:
    """Return the cause that a reply gives to the message that it answers; None where its kind says enough."""
    match body:
        case Outcome(result=result):
            return build_cause("outcome", result)
        case WhereaboutsResponse(result=result):
            return build_cause("answer", result)
        case LocatedNotice(way=way):
            return build_cause(ENDED, way)
        case Acknowledgement(decision="rejected", reason=reason):
            return build_cause("officer", reason)
        case Acknowledgement(decision="passed-on", passed_to=authority):
            return build_cause("referred", authority)
        case _:
            return None
