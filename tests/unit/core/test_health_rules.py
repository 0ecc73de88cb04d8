"""What is said of the figures: each line is drawn where the words in docs/monitoring say, and one step before it all is
well.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.delivery import DeliveryState
from gateway.core.findings import FindingLevel, HealthFinding, format_duration
from gateway.core.health import (
    DatabaseHealth,
    DiskHealth,
    FolderHealth,
    Health,
    IndexHealth,
    LogAlarm,
    LogHealth,
    LoopHealth,
    MailboxHealth,
    PartnerHealth,
    RestoreHealth,
    RouteHealth,
)
from gateway.core.health_rules import list_findings

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GIB = 2**30
WELL = Health(
    authority="333",
    at=NOW,
    partners=(PartnerHealth("885", {}, None, (), (), None, NOW, NOW),),
    expiries=(),
    disk=DiskHealth(100 * GIB, 50 * GIB),
    database=DatabaseHealth("", 1, current=True),
    folders=(),
    mailboxes=(),
    index=None,
    loops=(LoopHealth("delivering", NOW, NOW + MINUTE),),
    log=LogHealth(7, 7, NOW, ()),
)


def partner(code: str = "885", **said: object) -> PartnerHealth:
    return replace(WELL.partners[0], authority=code, **said)  # type: ignore[arg-type]


def answered(code: str, since: timedelta) -> RouteHealth:
    return replace(route("https", None, since, since), code=code)


def route(name: str, succeeded: timedelta | None, failed: timedelta | None, since: timedelta | None) -> RouteHealth:
    """How long ago each of these was."""
    worked, went_wrong, began = (None if ago is None else NOW - ago for ago in (succeeded, failed, since))
    return RouteHealth(name, worked, went_wrong, began, "nobody answers" if failed else None)


def seen(**said: object) -> dict[str, HealthFinding]:
    """What is not well, by name."""
    found = replace(WELL, **said)  # type: ignore[arg-type]
    return {one.name: one for one in list_findings(found) if one.level is not FindingLevel.OK}


def test_whoever_is_to_be_called_is_named_with_the_number_and_each_partners_check_leads_to_its_page() -> None:
    lost = partner(counts=GIVEN_UP, routes=(route("https", None, DAY, DAY),), ring="Olive Invented, 01632 960202")
    [found] = [one for name, one in seen(partners=(lost,)).items() if name == LATE]
    assert "Call Olive Invented, 01632 960202." in found.next_on_page
    assert (found.authority, found.sentence.startswith("1 given up. https has failed since")) == ("885", True)
    assert {one.authority for one in list_findings(WELL)} == {""}


def test_where_all_is_well_nothing_is_said() -> None:
    assert seen() == {}


GIVEN_UP, LATE = {DeliveryState.FAILED: 1}, "delivery to 885"
LOST = {"notices given up", LATE}
WAITS = {DeliveryState.QUEUED: 2}
CLOCKS = [partner(code, clock_ahead=timedelta(minutes=9)) for code in ("330", "885", "916")]
FOLDER = FolderHealth("ONE's folder", "/one", "", 1, NOW - DAY, None, 0)
MAILBOX = MailboxHealth("885", 3, 90, 100, NOW - DAY)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"partners": (partner(counts=WAITS, oldest_waiting=NOW - HOUR),)}, set()),
        ({"partners": (partner(counts=WAITS, oldest_waiting=NOW - HOUR - MINUTE),)}, {"undelivered notices"}),
        ({"partners": (partner(counts={DeliveryState.FAILED: 1}),)}, {"notices given up"}),
        ({"partners": (partner(counts={DeliveryState.REJECTED: 1}),)}, {"notices refused by partners"}),
        ({"partners": (partner(counts=WAITS, routes=(route("https", None, MINUTE, 15 * MINUTE),)),)}, set()),
        ({"partners": (partner(counts=WAITS, routes=(answered("refused.405", MINUTE),)),)}, {"delivery to 885"}),
        ({"partners": (partner(counts=WAITS, routes=(answered("answered.405", MINUTE),)),)}, set()),
        ({"partners": (partner(counts=WAITS, routes=(answered("refused.401", MINUTE),)),)}, {"who we are"}),
        ({"partners": (partner(counts=WAITS, routes=(route("https", None, MINUTE, 2 * HOUR),)),)}, {"delivery to 885"}),
        # Nothing waits.
        ({"partners": (partner(routes=(route("https", None, MINUTE, 2 * HOUR),)),)}, set()),
        (
            {"partners": (partner(routes=(route("https", DAY, MINUTE, 9 * HOUR), route("sftp", MINUTE, None, None))),)},
            {"route https to 885"},
        ),
        # The first route was down long ago, and was not needed since.
        (
            {
                "partners": (
                    partner(routes=(route("https", 9 * DAY, 8 * DAY, 9 * DAY), route("sftp", MINUTE, None, None))),
                )
            },
            set(),
        ),
        ({"partners": (partner(clock_ahead=timedelta(minutes=2)),)}, set()),
        ({"partners": (partner(clock_ahead=timedelta(minutes=-2, seconds=-1)),)}, {"clock of 885"}),
        ({"partners": tuple(CLOCKS)}, {"our clock", "clock of 330", "clock of 885", "clock of 916"}),
        (
            {
                "partners": (
                    CLOCKS[0],
                    partner("885", clock_ahead=timedelta(0)),
                    partner("916", clock_ahead=timedelta(0)),
                )
            },
            {"clock of 330"},
        ),
        ({"partners": (partner(compared_at=NOW - 2 * DAY, due_since=NOW - 9 * DAY),)}, set()),
        ({"partners": (partner(compared_at=NOW - 2 * DAY - MINUTE, due_since=NOW - 9 * DAY),)}, {"statement of 885"}),
        ({"partners": (partner(compared_at=None, due_since=NOW - 9 * DAY),)}, {"statement of 885"}),
        # They are reached by no HTTPS.
        ({"partners": (partner(compared_at=None, due_since=None),)}, set()),
        ({"partners": ()}, {"partners"}),
        ({"disk": DiskHealth(100 * GIB, 9 * GIB)}, {"free space"}),
        ({"disk": DiskHealth(4 * GIB, GIB - 1)}, {"free space"}),
        ({"database": DatabaseHealth("The disk is full.", 0, current=False)}, {"database"}),
        ({"database": DatabaseHealth("", 0, current=False)}, {"database"}),
        ({"loops": (LoopHealth("delivering", NOW - HOUR, NOW - MINUTE),)}, {"loop: delivering"}),
        ({"folders": (FOLDER,)}, set()),
        ({"folders": (replace(FOLDER, oldest=NOW - DAY - MINUTE),)}, {"ONE's folder"}),
        ({"folders": (replace(FOLDER, failed=1),)}, {"ONE's folder"}),
        ({"folders": (replace(FOLDER, quiet_since=NOW - 7 * DAY, quiet_days=7),)}, set()),
        ({"folders": (replace(FOLDER, quiet_since=NOW - 7 * DAY - MINUTE, quiet_days=7),)}, {"ONE's folder"}),
        ({"folders": (replace(FOLDER, quiet_since=NOW - 999 * DAY),)}, set()),
        ({"partners": (partner(counts=GIVEN_UP, routes=(route("https", None, DAY, DAY),)),)}, LOST),
        ({"partners": (partner(counts=GIVEN_UP, routes=(route("https", MINUTE, DAY, None),)),)}, LOST - {LATE}),
        ({"folders": (replace(FOLDER, trouble="is away"),)}, {"ONE's folder"}),
        ({"mailboxes": (MAILBOX,)}, set()),
        ({"mailboxes": (replace(MAILBOX, size=91),)}, {"mailbox of 885"}),
        ({"mailboxes": (replace(MAILBOX, oldest=NOW - DAY - MINUTE),)}, {"mailbox of 885"}),
        ({"index": IndexHealth(9, NOW - 7 * DAY + MINUTE, 7)}, set()),
        ({"index": IndexHealth(9, NOW - 7 * DAY, 7)}, {"index of our children"}),
        ({"log": LogHealth(8, 7, NOW - 10 * MINUTE, ())}, set()),
        ({"log": LogHealth(8, 7, NOW - 11 * MINUTE, ())}, {"checkpoint"}),
        ({"log": LogHealth(7, 7, NOW - DAY, ())}, set()),
        ({"log": LogHealth(7, 7, NOW, (LogAlarm("885", "It forked", "Otto"),))}, {"audit log of 885"}),
        (
            {"log": LogHealth(7, 7, NOW, (LogAlarm("885", "It forked", "Otto", RestoreHealth(NOW, None)),))},
            {"audit log of 885"},
        ),
        ({"log": LogHealth(7, 7, NOW, (), (RestoreHealth(NOW, NOW - DAY),))}, {"restored"}),
        ({"log": LogHealth(7, 7, NOW, (), (RestoreHealth(NOW, None, "885"),))}, {"restored by hand"}),
    ],
)
def test_what_is_wrong_is_named_and_nothing_else(said: dict[str, object], names: set[str]) -> None:
    assert seen(**said).keys() == names


def test_each_thing_that_is_wrong_says_what_to_do_next() -> None:
    failing = partner(counts={**WAITS, DeliveryState.FAILED: 1}, routes=(route("https", None, MINUTE, 2 * HOUR),))
    found = seen(partners=(failing,), disk=DiskHealth(1, 0), loops=(LoopHealth("chasing", NOW - DAY, NOW - HOUR),))
    assert len(found) > 3
    assert [one for one in found.values() if not (one.next_on_page and one.next_in_terminal)] == []


@pytest.mark.parametrize(
    ("age", "words"), [(0, "less than a minute"), (1, "1 minute"), (119, "1 hour"), (120, "2 hours"), (2880, "2 days")]
)
def test_a_length_of_time_is_told_in_its_largest_unit(age: int, words: str) -> None:
    assert format_duration(timedelta(minutes=age)) == words
