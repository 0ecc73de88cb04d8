"""The signature of Standard Webhooks, against the example of the standard."""

import re
from base64 import b64decode

from keys import webhook


def test_the_example_of_the_standard() -> None:
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = webhook.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_written_as_libraries_take_it_and_never_twice_the_same() -> None:
    found = {webhook.format_secret(webhook.new_secret()) for _ in range(10)}
    assert len(found) == 10
    assert all(re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", one) for one in found)
