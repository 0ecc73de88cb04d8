"""An officer is told the kind of trouble, and never what a machine said of it."""

import re

import pytest

from gateway.core import labels, labels_en
from gateway.core.failure_cause import FailureCause, find_failure_cause


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (None, "other"),
        ("", "other"),
        ("the partner's gateway cannot be reached (ConnectionRefusedError)", "unreachable"),
        ("the partner's gateway did not answer in time", "unreachable"),
        ("the partner's gateway answered 502", "unreachable"),
        ("lost on its way", "unreachable"),
        ("no delivery receipt was received", "no-receipt"),
        ("the delivery receipt is not valid: the signature does not hold [receipt.signature]", "no-receipt"),
        ("letter.nobody: their email address was removed", "no-address"),
        ("returned: 5.1.1 no such user here", "returned"),
        ("email.550: your email server refused it: 550 no", "our-email"),
        ("the certificate of your email server is not valid", "our-email"),
        ("this gateway has no email account", "our-email"),
        ("There is no confirmed card for this authority.", "card"),
        ("refused by their gateway: card.other-version", "refused"),
        ("this is a fault in the gateway: see its log", "our-gateway"),
        ("SFTP: there is no login for the partner's server; email: your email server answered 451", "our-email"),
        ("HTTPS: the partner's gateway answered 502; email: your email server answered 451", "unreachable"),
        ("something that nobody thought of", "other"),
    ],
)
def test_the_kind_of_trouble_is_read_off_what_a_carrier_says(reason: str | None, cause: str) -> None:
    assert find_failure_cause(reason) == cause
    sentence = labels.explain_failure(reason, "885")
    assert not re.search(r"[A-Z][a-z]+Error|\d{3}|:|\[", sentence)
    assert sentence.endswith(".")


def test_every_kind_of_trouble_has_a_sentence() -> None:
    assert set(labels_en.FAILURES) == set(FailureCause)
