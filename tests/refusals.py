"""What `keys` refuses, expected by its code."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from keys.errors import Refusal, RefusalCode


@contextmanager
def expect_refusal(*codes: RefusalCode, match: str | None = None) -> Iterator[None]:
    """Expect a refusal with this code, or with one of these, and with this text."""
    with pytest.raises(Refusal, match=match) as why:
        yield
    assert why.value.code in codes
