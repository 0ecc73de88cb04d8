"""A letter to people gives a mail program nothing to fetch and nothing to run (EFAIL, 2018; CWE-201)."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import mail

TRICKS = (
    '<img src="https://evil.example/',
    "<html><body>",
    "Content-Type: text/html\r\n\r\n<img src=x>",
    "--boundary\r\nContent-Type: text/html",
    "\r\n\r\n",
    "=3Cscript=3E",
    "ordinary words, with ÄÖÜ and 中",
)


@given(st.lists(st.sampled_from(TRICKS) | st.text(max_size=30), max_size=8), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_a_letter_is_plain_text_only_whatever_a_notice_holds(words: list[str], content: bytes) -> None:
    text = re.sub(r"[\ud800-\udfff]", "?", "\n".join(words))
    whole = message_from_bytes(
        mail.build_entity(text, ("CME-ABC.xml", content)), _class=EmailMessage, policy=policy.SMTP
    )
    kinds = [part.get_content_type() for part in whole.walk()]
    assert kinds == ["multipart/mixed", "text/plain", "application/xml"]
    [attached] = list(whole.iter_attachments())
    assert attached.get_content_disposition() == "attachment"
    assert attached.get_filename() == "CME-ABC.xml"
