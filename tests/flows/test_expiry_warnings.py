"""Each warning of what expires is given once, on its day, and again for what was renewed."""

from datetime import datetime, timedelta
from functools import partial

import pytest

from gateway import home_folder
from gateway.context import Gateway
from gateway.core.expiry import ExpiryKind
from gateway.monitoring.expiry_warnings import give_warnings
from gateway.store import audit_log
from tests.flows.test_exchange import Pair


def go_to(both: Pair, ends: datetime, days_left: float) -> None:
    for gw in both:
        gw.now = lambda: ends - timedelta(days=days_left)


def list_given(gw: Gateway) -> set[tuple[str, str, int]]:
    return {(it.authority, it.kind, it.days) for it in give_warnings(gw)}


async def test_each_warning_is_given_once_and_begins_anew_with_what_was_renewed(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    sandwell, _ = pair
    ends, card = sandwell.own_card.expires_at, ExpiryKind.CARD.value
    go_to(pair, ends, 60.5)
    assert list_given(sandwell) == set()
    for days_left, warned in ((59.5, 60), (29.9, 30), (13.9, 14), (6.5, 7), (5.5, 6), (-2, 0)):
        go_to(pair, ends, days_left)
        assert list_given(sandwell) == {("333", card, warned), ("885", card, warned)}
        assert list_given(sandwell) == set()
    entries = sandwell.store.look(partial(audit_log.list_newest_entries, act="expiry.warned", limit=100))
    assert len(entries) == 12
    # To the one or the other, by whether a command has configured the log.
    assert "card expires" in "".join(capsys.readouterr())
    home_folder.renew_card(sandwell.config.home, by="ines")
    home_folder.take_up_own(sandwell)
    go_to(pair, sandwell.own_card.expires_at, 59)
    assert ("333", card, 60) in list_given(sandwell)


def test_a_look_after_a_long_pause_gives_the_last_warning_alone(pair: Pair) -> None:
    sandwell, _ = pair
    go_to(pair, sandwell.own_card.expires_at, 20)
    assert {it.days for it in give_warnings(sandwell)} == {30}
