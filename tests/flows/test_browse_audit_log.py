"""The audit log as an auditor reads it: in words, by person, by case, by who read it; and each entry proved."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from gateway.auditing import audit, browse
from gateway.auditing.browse import PAGE, AuditQuestion
from gateway.casework import case
from gateway.context import Gateway
from gateway.errors import NotAllowed, NotFound
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log
from gateway.store.audit_log import AuditEntry
from gateway.store.audit_search import RARE
from gateway.store.tables import audit_entries
from keys.trust import Trust
from schemas.message import Message
from tests.children import notice
from tests.conftest import introduce, make

Told = tuple[Gateway, Message, Message]


@pytest.fixture
async def told(pair: tuple[Gateway, Gateway]) -> Told:
    """Worcestershire has two notices of Sandwell in cases of their own; Olive has read the first."""
    there, gw = pair
    first, second = notice(), notice()
    await receive_parcels(gw, [one.sealed for one in prepare_messages(there, [first, second], "test")], "333")
    case.open_case(gw, first.header.case_id, "olive")
    return gw, first, second


def acts(found: browse.AuditPage) -> list[str]:
    return [line.act for line in found.lines]


def look(gw: Gateway, before: int | None = None, **asked: object) -> browse.AuditPage:
    return browse.list_audit_page(gw, AuditQuestion(**asked), before, "ada")  # type: ignore[arg-type]  # of its own names


def test_each_entry_is_a_sentence(told: Told) -> None:
    gw, first, _ = told
    line = look(gw).lines[0]
    assert line.sentence == "olive viewed a child's details in a message."
    assert (line.actor, line.about, line.partner) == ("olive", first.header.message_id, "333")


def test_who_read_a_record_is_told_by_case_by_notice_and_by_the_end_of_its_id(told: Told) -> None:
    gw, first, second = told
    for reference in (first.header.case_id, first.header.message_id, first.header.message_id[-12:]):
        [line] = look(gw, reference=reference, kind="readings").lines
        assert (line.actor, line.act) == ("olive", "notice.read")
    assert look(gw, reference=second.header.case_id, kind="readings").lines == []


def test_a_case_is_followed_whole_and_a_notice_alone_names_its_case(told: Told) -> None:
    gw, first, _ = told
    assert acts(look(gw, reference=first.header.case_id)) == ["notice.read", "notice.urgent", "message.kept"]
    assert look(gw, reference=first.header.message_id).case == first.header.case_id


def test_a_person_a_partner_an_act_and_a_time_narrow_it_down(told: Told) -> None:
    gw, *_ = told
    assert acts(look(gw, person="olive")) == ["notice.read"]
    assert acts(look(gw, partner="333", kind="message.kept")) == ["message.kept", "message.kept"]
    assert look(gw, person="olive", since=gw.now() + timedelta(days=1)).lines == []
    assert look(gw, person="olive", until=gw.now() - timedelta(days=1)).lines == []
    assert acts(look(gw, person="olive", since=gw.now() - timedelta(days=1))) == ["notice.read"]


def test_whoever_reviews_is_in_the_log_with_what_was_looked_for(told: Told) -> None:
    gw, *_ = told
    look(gw, person="olive", kind="readings")
    [line] = look(gw, person="ada").lines
    assert (line.act, line.more) == ("audit.reviewed", {"kind": "readings", "person": "olive"})


def test_what_nobody_did_and_what_nothing_is_about_is_said_so(told: Told) -> None:
    gw, *_ = told
    with pytest.raises(NotFound, match=r"audit\.no-person"):
        look(gw, person="nobody")
    with pytest.raises(NotFound, match=r"audit\.no-reference"):
        look(gw, reference="0" * 12)


def test_pages_follow_each_other_without_a_gap_or_a_double(told: Told) -> None:
    gw, *_ = told
    many = [AuditEntry(("notice.read", "match.read")[n % 2], "percy") for n in range(2 * PAGE + 7)]
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), many))
    numbers: list[int] = []
    below: int | None = None
    while True:
        found = look(gw, below, person="percy", kind="readings")
        numbers += [line.number for line in found.lines]
        below = found.below
        if below is None:
            break
    assert len(numbers) == len(many)
    assert numbers == sorted(set(numbers), reverse=True)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Gateway]:
    gw = make(tmp_path / "885", "885", "Worcestershire")
    there = make(tmp_path / "333", "333", "Sandwell")
    introduce(gw, there)
    yield gw
    for one in (gw, there):
        one.store.close()


async def test_every_entry_is_proved_once_a_checkpoint_lies_over_it(alone: Gateway) -> None:
    gw = alone
    with pytest.raises(NotAllowed, match=r"audit\.not-signed-yet"):
        browse.prove_entry(gw, 1)
    await audit.sign_checkpoint(gw, *[AuditEntry("notice.read", "olive", str(n)) for n in range(20)])
    size = gw.store.look(audit_log.get_tree_head).size
    assert all(browse.prove_entry(gw, number).holds for number in range(size))
    browse.read_entry(gw, 3, "ada")
    assert browse.read_entry(gw, 3, "ada").signed_over == size
    with pytest.raises(NotFound):
        browse.read_entry(gw, 10_000, "ada")


async def test_an_entry_that_was_changed_is_not_proved_and_says_so(alone: Gateway) -> None:
    gw = alone
    await audit.sign_checkpoint(gw, AuditEntry("notice.read", "olive", "m1"))
    number = gw.store.look(audit_log.get_tree_head).size - 1
    text = gw.store.look(partial(audit_log.list_newest_entries, about="m1"))[0].entry.replace("olive", "percy")

    def change(tx: Connection) -> None:
        tx.exec_driver_sql("DROP TRIGGER audit_entries_no_update")
        tx.execute(update(audit_entries).where(audit_entries.c.number == number).values(entry=text))

    gw.store.run(change)
    assert not browse.prove_entry(gw, number).holds
    assert not browse.read_entry(gw, number, "ada").whole


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("DELETE FROM audit_mentions WHERE about = 'm2'", "Entry 2: it cannot be found by the notices"),
        ("INSERT INTO audit_mentions VALUES ('m3', 3)", "Entry 3: it cannot be found by the notices"),
        (
            "UPDATE audit_entries SET at = '2020-01-01 00:00:00.000000' WHERE number = 3",
            "Entry 3: its columns do not match",
        ),
        ("UPDATE audit_entries SET actor = 'nobody' WHERE number = 2", "Entry 2: its columns do not match"),
    ],
)
async def test_a_reading_that_is_hidden_from_a_search_is_named(alone: Gateway, change: str, fault: str) -> None:
    gw = alone
    many = [
        AuditEntry("list.read", "olive", mentions=("m1", "m2")),
        AuditEntry("notice.read", "olive", "m1"),
    ]
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), many))
    await audit.sign_checkpoint(gw)
    trust = Trust({gw.code: gw.own_card})
    assert gw.store.look(lambda tx: audit.verify_log(tx, trust, gw.code)).faults == ()

    def quietly(tx: Connection) -> None:
        for table, forbidden in product(("audit_mentions", "audit_entries"), ("update", "delete")):
            tx.exec_driver_sql(f"DROP TRIGGER {table}_no_{forbidden}")
        tx.exec_driver_sql(change)

    gw.store.run(quietly)
    [said] = gw.store.look(lambda tx: audit.verify_log(tx, trust, gw.code)).faults
    assert said.startswith(fault)


def test_common_and_rare_acts_of_a_person_stand_in_one_order(alone: Gateway) -> None:
    gw = alone
    many = [AuditEntry("notice.read", "percy") for _ in range(RARE + 10)]
    many[-5], many[-7] = AuditEntry("match.read", "percy"), AuditEntry("notice.read", "olive")
    gw.store.run(lambda tx: audit_log.append_entries(tx, gw.now(), many))
    found = acts(look(gw, person="percy", kind="readings"))
    assert found[:6] == ["notice.read"] * 4 + ["match.read", "notice.read"]
    assert len(found) == PAGE
    assert acts(look(gw, person="olive", kind="readings")) == ["notice.read"]
    assert look(gw, partner="333", kind="readings").lines == []
