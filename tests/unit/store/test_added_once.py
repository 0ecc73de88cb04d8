"""What is there once, on both databases: a reminder of one duty, a saved view of one name. Who adds it is told whether it
was new.
"""

import ast
from datetime import UTC, datetime
from pathlib import Path

from gateway.store import reminders, saved_views
from gateway.store.database import Store
from gateway.store.reminders import ESCALATED, REMINDED, Chase
from gateway.store.saved_views import SavedView
from schemas.shapes import MessageId


def test_a_person_has_one_view_of_a_name_and_sees_no_other_persons(store: Store) -> None:
    late, mine = SavedView("olive", "Late", "due=late"), SavedView("olive", "Älter", "sort=received")
    others = SavedView("mona", "Late", "due=today")
    added = [store.run(lambda tx, it=it: saved_views.add_saved_view(tx, it)) for it in (late, mine, others)]  # type: ignore[misc]
    assert added == [True, True, True]
    assert not store.run(lambda tx: saved_views.add_saved_view(tx, SavedView("olive", "Late", "kind=x")))
    assert {view.name: view for view in store.look(lambda tx: saved_views.list_saved_views(tx, "olive"))} == {
        "Late": late,
        "Älter": mine,
    }
    assert [store.run(lambda tx: saved_views.delete_saved_view(tx, "olive", "Late")) for _ in range(2)] == [True, False]
    assert store.look(lambda tx: saved_views.list_saved_views(tx, "olive")) == [mine]
    assert store.look(lambda tx: saved_views.list_saved_views(tx, "mona")) == [others]


def test_a_reminder_of_one_duty_is_added_once_and_who_adds_it_is_told(store: Store) -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    reminded, escalated = (Chase(MessageId("m1"), "answer", step, at) for step in (REMINDED, ESCALATED))
    added = [
        store.run(lambda tx, it=it: reminders.add_reminder(tx, it))  # type: ignore[misc]
        for it in (reminded, escalated, reminded, escalated)
    ]
    assert added == [True, True, False, False]


def test_no_insertion_is_asked_how_many_rows_it_changed() -> None:
    """Of an insertion psycopg's driver answers -1: `returning` says what was added."""
    modules = sorted(Path(saved_views.__file__).parent.glob("*.py"))
    asked = [
        (module.name, ast.unparse(node))
        for module in modules
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "rowcount"
    ]
    assert len(asked) > 5
    assert [place for place in asked if "insert" in place[1]] == []
