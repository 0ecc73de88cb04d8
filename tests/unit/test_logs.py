"""The log of the process: what is not listed is not written."""

import json

import pytest
import structlog

from gateway import logs
from gateway.errors import StoreUnavailable


def test_only_listed_members_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logging()
    structlog.get_logger().info("something", child="Ada Testchild-Example", code="x.y")
    written = json.loads(capsys.readouterr().err)
    assert written.keys() == {"timestamp", "level", "event", "code"}


def test_a_failure_is_told_by_its_code_kind_and_place_not_by_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logging()
    for why in (StoreUnavailable("store.full"), ValueError("Ada Testchild-Example")):
        try:
            raise why
        except Exception as caught:  # noqa: BLE001 - whatever it is
            logs.log_failure("delivery", caught)
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["code"], first["at"][:12]) == ("delivery failed", "store.full", "test_logs.py")
    assert second["error"] == "ValueError"
    assert "Testchild" not in str(second)
