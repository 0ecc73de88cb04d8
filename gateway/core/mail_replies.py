"""What came by mail in answer to a letter, and what an officer of ours says that it is. Nothing here moves by itself but to failure.

A mail proves nothing: who wrote it, or that anybody did. So whatever it says, the notice stands as it stood until an officer has read
it; and what they read then, "accepted by mail", is weaker than a signed acceptance, and closes nothing.
"""

from enum import StrEnum

from gateway.core import labels
from gateway.core.delivery import DeliveryState


class MailReplyKind(StrEnum):
    """What a mail is, as far as a machine can see."""

    REPLY = "reply"  # nobody knows before somebody has read it
    AUTOMATIC = "automatic"  # surely no person's: kept, and nobody has to look
    REPORT = "report"  # a mail server could not deliver our letter


class Judgement(StrEnum):
    """What an officer of ours read in it."""

    ACCEPTED = "accepted-by-mail"
    NOT_ACCEPTED = "not-accepted"
    NO_PERSON = "not-from-a-person"


class MailReplyStage(StrEnum):
    """How far it has come here."""

    WAITING = "waiting"  # for an officer to read it
    NOTED = "noted"  # nobody has to
    JUDGED = "judged"
    UNDONE = "undone"  # accepted, by no signature; and then a report said that the letter had not arrived


SAYS = {judgement: labels.name_mail_reply(judgement) for judgement in Judgement}  # to people
BECOMES = {  # how the notice stands then
    Judgement.ACCEPTED: DeliveryState.ACCEPTED_BY_MAIL,
    Judgement.NOT_ACCEPTED: DeliveryState.REJECTED,
    Judgement.NO_PERSON: DeliveryState.SENT,  # as before, where an officer had read something else in it
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
