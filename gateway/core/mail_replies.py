"""What came by mail in answer to a letter, and what an officer of ours says that it is.

Nothing here moves by itself but to failure.

A mail proves nothing: who wrote it, or that anybody did. So whatever it says, the notice stands as it stood until an
officer has read it; and what they read then, "accepted by mail", is weaker than a signed acceptance, and closes
nothing.
"""

from enum import StrEnum

from gateway.core import labels
from gateway.core.delivery import DeliveryState


class MailReplyKind(StrEnum):
    """What a mail is, as far as a machine can see."""

    # Nobody knows before somebody has read it.
    REPLY = "reply"
    # Surely no person's: kept, and nobody has to look.
    AUTOMATIC = "automatic"
    # A mail server could not deliver our letter.
    REPORT = "report"


class Judgement(StrEnum):
    """What an officer of ours read in it."""

    ACCEPTED = "accepted-by-mail"
    NOT_ACCEPTED = "not-accepted"
    NO_PERSON = "not-from-a-person"


class MailReplyStage(StrEnum):
    """How far it has come here."""

    # For an officer to read it.
    WAITING = "waiting"
    # Nobody has to.
    NOTED = "noted"
    JUDGED = "judged"
    # Accepted, by no signature; and then a report said that the letter had not arrived.
    UNDONE = "undone"


# To people.
SAYS = {judgement: labels.name_mail_reply(judgement) for judgement in Judgement}
# How the notice stands then.
BECOMES = {
    Judgement.ACCEPTED: DeliveryState.ACCEPTED_BY_MAIL,
    Judgement.NOT_ACCEPTED: DeliveryState.REJECTED,
    # As before, where an officer had read something else in it.
    Judgement.NO_PERSON: DeliveryState.SENT,
}


def describe_mail_reply(what: MailReplyKind, stage: MailReplyStage, judgement: Judgement | None) -> str:
    """Return how such an email stands, in a few words."""
    match stage:
        case MailReplyStage.WAITING:
            return labels.name_mail_stage("waiting", what)
        case MailReplyStage.UNDONE:
            return labels.name_mail_stage("undone", what)
        case _:
            return labels.name_mail_reply(judgement or what)
