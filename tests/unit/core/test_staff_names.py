"""What somebody did stays under the name of that day."""

from datetime import UTC, datetime, timedelta

from gateway.core.staff_names import StaffNames

DAY = datetime(2026, 11, 27, tzinfo=UTC)


def test_each_name_counts_until_the_day_on_which_it_was_changed() -> None:
    changes = [(DAY, "Ash First"), (DAY + timedelta(days=9), "Ash Second")]
    names = StaffNames({"ash": "Ash Third", "bo": "Bo Only"}, {"ash": changes})
    called = [names.list_at(DAY + timedelta(days=days)) for days in (-1, 1, 10)]
    assert [name["ash"] for name in called] == ["Ash First", "Ash Second", "Ash Third"]
    assert {name["bo"] for name in called} == {"Bo Only"}
