"""What each stored copy is of. The name is bound to the copy and to its wrapped data key (`keys/at_rest.py`), so that
none can be put in another's place, and a data key can be wrapped anew by what stands in its row. A name never changes.

A copy of a message has the id of the message as its name, a leaver to check and an unfinished notice have their own.
"""

from schemas.shapes import CaseId, MessageId


def name_match(sender: str, message_id: MessageId, rank: int) -> str:
    """Return what a possible match is bound to."""
    return f"match {sender} {message_id} {rank}"


def name_search_call(case_id: CaseId, authority: str) -> str:
    """Return what the words of a call are bound to that took an authority off the list of a search."""
    return f"search-call/{case_id}/{authority}"


def name_hold(case_id: CaseId) -> str:
    """Return what the note of a legal hold is bound to."""
    return f"hold:{case_id}"


def name_call(message_id: MessageId) -> str:
    """Return what the words of a call about a notice are bound to."""
    return f"call/{message_id}"


def name_case_note(case_id: CaseId, note_id: str) -> str:
    """Return what a note in a case is bound to."""
    return f"case-note/{case_id}/{note_id}"


def name_second_factor(person: str) -> str:
    """Return what the secret of a person's second factor is bound to."""
    return f"second factor/{person}"


def name_child(load: int, number: int) -> str:
    """Return what the row of a child of ours is bound to."""
    return f"child {load} {number}"


def name_mail_reply(message_id: MessageId) -> str:
    """Return what the text of an email in reply to a notice is bound to."""
    return f"mail/{message_id}"


def name_api_answer(client: str, key: str) -> str:
    """Return what the first answer to a request of a connected system is bound to."""
    return f"answer/{client}/{key}"


def name_webhook_secret(webhook: str) -> str:
    """Return what the secret of a webhook is bound to."""
    return f"webhook/{webhook}"
