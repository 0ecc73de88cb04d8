"""What must not leave us does not, whoever sends it: the console, the command line, a case system, a row of an extract.

And a receiver, to whom a partner of an older version may send it all the same, keeps it, hides the place, and asks its
officer to check.
"""

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from gateway.casework import case, compose
from gateway.console import notice_questions
from gateway.context import Gateway
from gateway.core import composition
from gateway.core.calendar import LONDON
from gateway.core.draft_state import DraftState
from gateway.core.inbox_state import InboxState
from gateway.core.permissions import Role
from gateway.errors import NotAllowed, Unconfirmed, Unfit
from gateway.exchange import enquire, respond, send
from gateway.exchange.correct import correct_notice
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.exchange.send_on import send_notice_on
from gateway.one import drafts, imports
from gateway.searches import children_index
from gateway.settings.sections import OneSettings
from gateway.store import audit_log, inbox, outbox
from gateway.store import drafts as kept_drafts
from keys import envelope
from schemas import json, officers, xml
from schemas.message import Acknowledgement, Message, MessageKind, Officer, Restriction, Sibling, TransferNotice
from tests import folders
from tests.children import notice
from tests.command import run_command
from tests.conftest import introduce, make
from tests.consoles import session
from tests.flows.conftest import visitor  # noqa: F401 - a fixture
from tests.flows.reporting import exchange
from tests.flows.test_api import refused, there  # noqa: F401 - a fixture
from tests.flows.test_compose import CHILD, REFUGE, written
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_exchange import Pair
from tests.flows.test_leavers_folder import put
from tests.suppliers import XML, Http, supplier

Served = tuple[Gateway, Gateway, Http]
OFFICER = Role.CME_OFFICER
WITHHELD = Restriction(
    level="address-withheld", reason="refuge", decided_by="Olive Invented", review_on=date(2027, 5, 1)
)


def with_body(message: Message, **values: object) -> Message:
    """The message with these values of its body."""
    return Message(message.header, replace(message.body, **values))  # type: ignore[arg-type]


def contradicted(sender: str = "333", recipient: str = "885") -> Message:
    """F1: no restriction, lives in a refuge, and its address."""
    return with_body(notice(sender, recipient), restriction=Restriction(level="none", reason="refuge"))


def doubtful(sender: str = "333", recipient: str = "885", **values: object) -> Message:
    """Somebody must look at it first."""
    return with_body(notice(sender, recipient), **(values or {"moved_on": date(2031, 1, 1)}))


def closed(sender: str = "333", recipient: str = "885") -> Message:
    """The child of the open sample, whose address is withheld: the sample that is restricted is about another."""
    hidden = notice(sender, recipient, name="transfer-notice-restricted")
    return with_body(hidden, child=notice().body.child)  # type: ignore[union-attr]


def sent_by(gw: Gateway) -> list[outbox.Delivery]:
    """What was queued, the newest first."""
    return gw.store.look(lambda tx: outbox.search_outbox(tx))


def sealed_by_older_version(gw: Gateway, message: Message) -> bytes:
    """The message as a gateway seals it that does not know these rules."""
    head = message.header
    names = envelope.Names(head.message_id, head.sender.authority, head.recipient.authority)
    return envelope.seal(xml.write(message), names=names, ring=gw.ring, trust=gw.trust, now=gw.now())


def transfer_file(folder: Path) -> bytes:
    """What was written for the case system."""
    [file] = folder.glob("*CTF*.xml")
    return file.read_bytes()


# --- flows, whoever calls them


@pytest.mark.parametrize("confirmed", [(), ("restriction.contradicted",), ("move.future",)])
def test_a_contradiction_cannot_be_confirmed(pair: Pair, confirmed: tuple[str, ...]) -> None:
    sandwell, _ = pair
    with pytest.raises(Unfit, match="There is a reason for a restriction"):
        prepare_messages(sandwell, [contradicted()], "olive", confirmed=confirmed)


def test_a_doubt_is_confirmed_by_its_code_and_that_stands_in_the_log(pair: Pair) -> None:
    sandwell, _ = pair
    message = doubtful(moved_on=date(2031, 1, 1), sibling=(Sibling(surname="x2", dob=date(2012, 1, 1)),))
    for confirmed in ((), ("move.future",), ("name.figure", "move.abroad")):
        with pytest.raises(Unconfirmed):
            prepare_messages(sandwell, [message], "olive", confirmed=confirmed)
    [ready] = prepare_messages(sandwell, [message], "olive", confirmed=("move.future", "name.figure", "move.abroad"))
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    [entry] = sandwell.store.look(
        lambda tx: audit_log.list_newest_entries(tx, about=ready.message_id, act="notice.queued")
    )
    assert '"confirmed":"move.future name.figure"' in entry.entry


def test_each_way_on_asks_again(pair: Pair) -> None:
    """To correct, to send on, and to ask more authorities are ways to send too."""
    sandwell, _ = pair
    [ready] = prepare_messages(sandwell, [doubtful()], "olive", confirmed=("move.future",))
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    with pytest.raises(Unconfirmed):
        correct_notice(sandwell, ready.message_id, doubtful(), "olive")
    new = correct_notice(sandwell, ready.message_id, doubtful(), "olive", confirmed=("move.future",))
    assert sandwell.store.look(lambda tx: outbox.get_delivery(tx, new)).state == "queued"

    search = with_body(notice(name="whereabouts-enquiry"), last_seen_on=date(2031, 1, 1))
    with pytest.raises(Unconfirmed):
        enquire.ask_authorities(sandwell, search, ["885"], {}, "olive")
    done = enquire.ask_authorities(sandwell, search, ["885"], {}, "olive", confirmed=("date.future",))
    assert list(done.asked) == ["885"]


def test_what_the_notice_of_before_said_of_the_place_stays_out_of_its_correction(pair: Pair) -> None:
    sandwell, _ = pair
    # To Placeholder Road in Inventchester.
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    withheld = with_body(closed(), note="They went to inventchester.")
    with pytest.raises(Unconfirmed) as why:
        correct_notice(sandwell, ready.message_id, withheld, "olive")
    assert why.value.codes == ("restriction.given-away",)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"forename": "Ben"}, "upn.other-child"),
        ({"dob": date(2012, 1, 1)}, "upn.other-child"),
        ({"surname": "Married-Example"}, None),
        ({}, None),
    ],
)
def test_a_upn_that_another_child_bore_in_a_notice_of_before_is_asked_about(
    pair: Pair, other: dict[str, object], code: str | None
) -> None:
    sandwell, _ = pair
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    again = notice()
    again = with_body(again, child=replace(again.body.child, **other))  # type: ignore[union-attr, type-var]
    if code is None:
        assert prepare_messages(sandwell, [again], "olive")[0].confirmed == ""
        return
    with pytest.raises(Unconfirmed) as why:
        prepare_messages(sandwell, [again], "olive")
    assert why.value.codes == (code,)


def test_two_children_of_one_upn_who_go_together_are_asked_about(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    twin = with_body(notice(), child=replace(notice().body.child, forename="Ben", preferred_forename=None))  # type: ignore[union-attr, type-var]
    with pytest.raises(Unconfirmed) as why:
        prepare_messages(sandwell, [notice(), twin], "olive")
    assert why.value.codes == ("upn.other-child",)
    files = [tmp_path / name for name in ("one.xml", "other.xml")]
    for file, message in zip(files, (notice(), twin), strict=True):
        file.write_bytes(xml.write(message))
    said = run_command("send", *map(str, files), "--home", str(sandwell.config.home))
    assert (said.returncode, "--confirm upn.other-child" in said.stderr) == (5, True)
    assert sent_by(sandwell) == []


def test_a_child_whose_last_notice_was_restricted_is_not_sent_open_without_a_word(pair: Pair) -> None:
    sandwell, _ = pair
    [ready] = prepare_messages(sandwell, [closed()], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    without_upn = with_body(notice(), child=replace(notice().body.child, upn=None, upn_unknown="not-known"))  # type: ignore[union-attr, type-var]
    for message in (notice(), without_upn):
        with pytest.raises(Unconfirmed) as why:
            prepare_messages(sandwell, [message], "olive")
        assert why.value.codes == ("restriction.known",)


def test_a_brother_whose_data_are_restricted_is_not_named_in_an_open_notice_without_a_word(pair: Pair) -> None:
    sandwell, _ = pair
    # About Ada.
    [ready] = prepare_messages(sandwell, [closed()], "olive")
    sandwell.store.run(lambda tx: queue_messages(tx, sandwell, [ready]))
    ada = Sibling(surname="Testchild-Example", forename="Ada", dob=date(2016, 3, 31))
    ben = replace(notice().body.child, forename="Ben", upn="B885400119045", dob=date(2014, 6, 1))  # type: ignore[union-attr, type-var]
    message = with_body(notice(), child=ben, sibling=(ada,))
    with pytest.raises(Unconfirmed) as why:
        prepare_messages(sandwell, [message], "olive")
    assert why.value.codes == ("restriction.sibling",)


INDEX = """UPN,Surname,Forename,Date of Birth,Restricted
X333210123001,Bearer-Example,Ben,2016-03-31,
,Testchild-Example,Ada,2016-03-31,Y
"""


def test_our_own_children_are_asked_who_bears_the_upn_and_who_is_restricted(pair: Pair) -> None:
    sandwell, _ = pair
    children_index.load_extract(sandwell, io.BytesIO(INDEX.encode()), "ines")
    with pytest.raises(Unconfirmed) as why:
        prepare_messages(sandwell, [notice()], "olive")
    assert why.value.codes == ("restriction.known", "upn.other-child")
    other = with_body(notice(), child=replace(notice().body.child, upn="B885400119045", dob=date(2015, 1, 1)))  # type: ignore[union-attr, type-var]
    assert prepare_messages(sandwell, [other], "olive")


@pytest.mark.parametrize("to", ["333", "885"])
async def test_neither_we_nor_the_sender_are_named_as_who_should_have_it(pair: Pair, to: str) -> None:
    sandwell, worcestershire = pair
    [ready] = prepare_messages(sandwell, [notice()], "olive")
    await receive_parcels(worcestershire, [ready.sealed], "333")
    body = Acknowledgement(decision="passed-on", passed_to=to, officer=worcestershire.build_officer("wyn"))
    with pytest.raises(Unfit, match="cannot refer the notice back to your own"):
        respond.acknowledge_notice(worcestershire, ready.message_id, body, "wyn")
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, ready.message_id)).state is InboxState.NEW


# --- a receiver


async def test_a_receiver_keeps_it_hides_the_place_and_asks_to_check(pair: Pair, tmp_path: Path) -> None:
    sandwell, worcestershire = pair
    worcestershire.config = replace(
        worcestershire.config, one=OneSettings(import_folder=str(tmp_path), import_when="arrived")
    )
    message = contradicted()
    [token] = await receive_parcels(worcestershire, [sealed_by_older_version(sandwell, message)], "333")
    name = message.header.message_id
    assert worcestershire.store.look(lambda tx: inbox.list_receipts(tx, name, issuer="885"))[0]["result"] == "accepted"
    assert token
    assert worcestershire.store.look(lambda tx: inbox.get_message(tx, name)).restriction == "address-withheld"

    shown: Any = case.open_case(worcestershire, message.header.case_id, "wyn")
    [one] = shown.notices
    assert (one.must_be_checked, one.restriction, one.message.body.note) == (True, "address-withheld", None)
    assert "44 Placeholder Road" not in repr(one.message.body)
    assert shown.child.surname == "Testchild-Example"

    _, strictly = respond.read_incoming(worcestershire, name, "wyn")
    _, in_full = respond.read_incoming(worcestershire, name, "wyn", in_full=True)
    assert ("44 Placeholder Road" in repr(strictly), in_full) == (False, message)
    acts = [one.act for one in worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, about=name))]
    assert acts.count("notice.read-in-full") == 1
    note = Acknowledgement(decision="accepted", officer=worcestershire.build_officer("wyn"), note="At Placeholder Road")
    with pytest.raises(NotAllowed, match=r"reply\.restricted"):
        respond.acknowledge_notice(worcestershire, name, note, "wyn")
    assert await imports.write_due(worcestershire) == 1
    written = transfer_file(tmp_path)
    assert (b"Testchild-Example" in written, b"Placeholder" in written) == (True, False)


async def test_what_came_before_the_upgrade_is_read_strictly_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, worcestershire = pair
    message = contradicted()
    with monkeypatch.context() as before:
        before.setattr("gateway.core.safeguards.level_as_read", lambda one, _: one.restriction)
        await receive_parcels(worcestershire, [sealed_by_older_version(sandwell, message)], "333")
    [one] = case.open_case(worcestershire, message.header.case_id, "wyn").notices
    assert (one.must_be_checked, one.restriction) == (True, "address-withheld")


# --- rows of extracts


SOON = (datetime.now(UTC) + timedelta(days=90)).strftime("%d/%m/%Y")
# A row, and the words of why it waits.
ROWS = {
    ',Testchild-Example2,Ada,31/03/2016,F,5,23/10/2026,,885,"44 Placeholder Road",WR1 9ZZ,Exampleton': (
        "includes a digit"
    ),
    f",Testchild-Example,Ada,31/03/2016,F,5,{SOON},,885,,,Exampleton": "in the future",
    ',Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,,885,"Women\'s Refuge, 1 Invented Way",,Exampleton': (
        "mentions a refuge"
    ),
}


@pytest.mark.parametrize("row", ROWS)
async def test_a_row_with_a_doubt_waits_and_an_officer_confirms_it(tmp_path: Path, row: str) -> None:
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one")))
    (tmp_path / "one").mkdir()
    put(tmp_path, row, ",Specimen,Ben,2015-06-01,M,6,2026-10-23,,885,,,")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    lines = folders.rows_of(tmp_path / "333", "leavers", "done", "leavers.csv")
    assert [one["Result"] for one in lines] == ["held", "sent"]
    assert ROWS[row] in lines[0]["Reason"]
    assert "Testchild" not in lines[0]["Reason"]

    [draft] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 9))
    level = Restriction(level="none")
    with pytest.raises(Unconfirmed) as why:
        drafts.send_draft(sandwell, draft.draft_id, "885", level, "olive")
    drafts.send_draft(sandwell, draft.draft_id, "885", level, "olive", confirmed=why.value.codes)
    assert len(sent_by(sandwell)) == 2
    for gw in (sandwell, worcestershire):
        gw.store.close()


async def test_a_row_that_becomes_restricted_while_its_notice_is_written_is_not_sent_open(tmp_path: Path) -> None:
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one")))
    (tmp_path / "one").mkdir()
    put(tmp_path, ",Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,,,,,")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [draft] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 9))
    name = compose.begin_from_draft(sandwell, draft.draft_id, "TransferNotice", "olive")
    now = compose.open_composition(sandwell, name, "olive")
    compose.save_composition(sandwell, replace(now, to={"to": "885"}), "olive")
    assert compose.check_composition(sandwell, compose.open_composition(sandwell, name, "olive")).warnings == []

    put(tmp_path, ",Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,Y,,,,", name="later.csv")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    with pytest.raises(NotAllowed, match=r"composition\.unweighed"):
        compose.send_composition(sandwell, name, [], "olive")
    assert compose.send_composition(sandwell, name, ["restriction.known"], "olive").asked == 1
    for gw in (sandwell, worcestershire):
        gw.store.close()


async def test_a_row_that_came_again_is_not_discarded_unseen(tmp_path: Path) -> None:
    sandwell = make(tmp_path / "333", "333", "Sandwell")
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one")))
    (tmp_path / "one").mkdir()
    put(tmp_path, ",Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,,,,,")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [seen] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 9))
    put(tmp_path, ',Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,Y,,"1 Invented Way",,', name="later.csv")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    with pytest.raises(NotAllowed, match=r"draft\.stale"):
        drafts.discard_draft(sandwell, seen.draft_id, "not-moving", "olive", was=seen.said)
    [now] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 9))
    drafts.discard_draft(sandwell, seen.draft_id, "not-moving", "olive", was=now.said)
    sandwell.store.close()


# --- the command line


def test_the_command_line_refuses_asks_and_takes_a_confirmation(pair: Pair, tmp_path: Path) -> None:
    sandwell, _ = pair
    home = str(sandwell.config.home)
    file = tmp_path / "notice.xml"
    file.write_bytes(xml.write(contradicted()))
    said = run_command("send", str(file), "--home", home, "--confirm", "move.future")
    assert (said.returncode, "notice.unfit" in said.stderr) == (5, True)
    assert run_command("validate", str(file)).returncode == 1

    file.write_bytes(xml.write(doubtful()))
    assert "--confirm move.future" in run_command("validate", str(file)).stdout
    said = run_command("send", str(file), "--home", home)
    assert said.returncode == 5
    assert "--confirm move.future" in said.stderr
    assert run_command("send", str(file), "--home", home, "--confirm", "move.futur").returncode == 2
    assert sent_by(sandwell) == []
    assert run_command("send", str(file), "--home", home, "--confirm", "move.future").returncode == 0
    assert len(sent_by(sandwell)) == 1


async def test_show_hides_the_place_until_it_was_checked(pair: Pair) -> None:
    sandwell, worcestershire = pair
    message = contradicted()
    await receive_parcels(worcestershire, [sealed_by_older_version(sandwell, message)], "333")
    home, name = str(worcestershire.config.home), message.header.message_id
    said = run_command("show", name, "--home", home).stdout
    assert "Check the restriction with the sender" in " ".join(said.split())
    assert "Placeholder" not in said
    assert "Placeholder" not in run_command("show", name, "--home", home, "--json").stdout
    assert "44 Placeholder Road" in run_command("show", name, "--home", home, "--in-full").stdout


# --- a case system


async def test_the_api_answers_422_with_the_code_and_takes_a_confirmation(there: Served) -> None:  # noqa: F811
    gw, _, http = there
    one = await supplier(http, gw, name="one-test")
    said = await refused(await one.post("/notices", json.write(contradicted("885", "333"))), 422, "notice.unfit")
    assert [(each["code"], each["confirmable"]) for each in said["errors"]] == [("restriction.contradicted", False)]

    message = doubtful("885", "333")
    said = await refused(await one.post("/notices", json.write(message)), 422, "notice.unconfirmed")
    [fault] = said["errors"]
    assert (fault["code"], fault["pointer"], fault["confirmable"]) == ("move.future", "#/TransferNotice/MovedOn", True)
    await refused(await one.post("/notices", xml.write(message), kind=XML), 422, "notice.unconfirmed")
    wrong = {**json.load_object(json.write(message)), "Confirmed": ["yes"]}
    await refused(await one.post("/notices", wrong), 422, "json.schema")
    await refused(await one.post("/notices?confirmed=yes", xml.write(message), kind=XML), 400, "request.malformed")
    assert sent_by(gw) == []

    right = {**json.load_object(json.write(message)), "Confirmed": ["move.future"]}
    assert (await one.post("/notices", right)).status == 202
    again = doubtful("885", "333")
    assert (await one.post("/notices?confirmed=move.future", xml.write(again), kind=XML)).status == 202
    assert len(sent_by(gw)) == 2


async def test_a_key_of_a_refusal_does_not_confirm(there: Served) -> None:  # noqa: F811
    gw, _, http = there
    one, message = await supplier(http, gw, name="one-test"), doubtful("885", "333")
    text = xml.write(message)
    assert (await one.post("/notices", text, kind=XML, key="a")).status == 422
    await refused(await one.post("/notices?confirmed=move.future", text, kind=XML, key="a"), 422, "once.other-request")
    assert sent_by(gw) == []


async def test_the_api_gives_the_stricter_reading(there: Served) -> None:  # noqa: F811
    gw, sandwell, http = there
    message = contradicted("333", "885")
    await receive_parcels(gw, [sealed_by_older_version(sandwell, message)], "333")
    one, name = await supplier(http, gw, name="one-test"), message.header.message_id
    got = json.read(await (await one.get(f"/notices/{name}")).read())
    assert isinstance(got.body, TransferNotice)
    assert (got.body.destination_address, got.body.restriction.level) == (None, "address-withheld")
    assert json.read(await (await one.get(f"/notices/{name}?in_full=yes")).read()) == message
    stands = await (await one.get(f"/notices/{name}/status")).json()
    assert stands["check"].startswith("Check the restriction with the sender")
    assert stands["notice"]["restriction"] == "address-withheld"


# --- the console


async def begin(visitor: Visitor, kind: MessageKind = "TransferNotice", **said: Any) -> str:  # noqa: F811
    """A notice that is whole, on the list of tasks: its address."""
    return f"/compositions/{written(visitor.gw, kind, **said)}"


def task(page: str, name: str) -> str:
    """How a task stands."""
    [found] = re.findall(rf'href="[^"]*/{name}"(.*?)</li>', page, re.DOTALL)
    return " ".join(re.sub("<[^>]*>", " ", found).split())


def changes(page: str) -> str:
    """How often it had been changed when this page was shown."""
    return str(re.findall(r'name="was" value="([^"]*)"', page)[0])


LEVELS = {
    "refuge, without a level": {"reason": "refuge"},
    "no restriction, and a refuge": {"level": "none", "reason": "refuge"},
    "withheld, and nothing else": {"level": "address-withheld"},
    "withheld, and no such day": {"level": "address-withheld", "reason": "refuge", "decided_by": "Mona", "review_on-day": "31", "review_on-month": "2", "review_on-year": "2027"},
    "phone only, and nothing else": {"level": "phone-only"},
}  # fmt: skip


@pytest.mark.parametrize("typed", LEVELS)
@pytest.mark.parametrize("kind", ["TransferNotice", "WhereaboutsUnknownNotice"])
async def test_a_stricter_answer_that_is_refused_counts_all_the_same(
    visitor: Visitor,  # noqa: F811
    typed: str,
    kind: MessageKind,
) -> None:
    place = await begin(visitor, kind)
    page = await visitor.get(OFFICER, f"{place}/restriction")
    await visitor.post(OFFICER, f"{place}/restriction", 422, was=changes(page), **LEVELS[typed])
    listed = await visitor.get(OFFICER, place)
    assert "Completed" not in task(listed, "restriction")
    assert "Check your answers" not in listed
    assert f"{place}/old-address" not in listed, "no address is asked for"
    name = place.rsplit("/", 1)[1]
    with pytest.raises((NotAllowed, Unfit)):
        compose.send_composition(visitor.gw, name, ["restriction.words", "restriction.known"], "olive")
    assert sent_by(visitor.gw) == []


async def test_a_restriction_that_is_not_complete_is_to_do_and_can_be_completed(visitor: Visitor) -> None:  # noqa: F811
    place = await begin(visitor)
    page = await visitor.get(OFFICER, f"{place}/restriction")
    again = (
        await visitor.post(OFFICER, f"{place}/restriction", 422, was=changes(page), level="address-withheld")
    ).decode()
    assert task(await visitor.get(OFFICER, place), "restriction").endswith("Not yet started")
    whole = {"level": "address-withheld", "reason": "refuge", "decided_by": "Mona", "review_on-day": "1", "review_on-month": "5", "review_on-year": "2031"}  # fmt: skip
    await visitor.post(OFFICER, f"{place}/restriction", 303, was=changes(again), **whole)
    assert task(await visitor.get(OFFICER, place), "restriction").endswith("Completed")


async def test_a_looser_answer_that_is_refused_does_not_take_the_place_of_a_stricter(visitor: Visitor) -> None:  # noqa: F811
    place = await begin(visitor, restriction={"level": "phone-only", **REFUGE})
    page = await visitor.get(OFFICER, f"{place}/restriction")
    await visitor.post(OFFICER, f"{place}/restriction", 422, was=changes(page), level="none", reason="refuge")
    now = compose.open_composition(visitor.gw, place.rsplit("/", 1)[1], "olive")
    assert composition.find_level(now.body) == "phone-only"


async def test_what_is_needed_is_not_called_optional(visitor: Visitor) -> None:  # noqa: F811
    place = await begin(visitor)
    for page, labels in (
        ("restriction", ("Reason for the restriction", "Decided by", "Review date")),
        ("numbers", ("Why is there no UPN?",)),
        ("care", ("Responsible authority",)),
    ):
        shown = await visitor.get(OFFICER, f"{place}/{page}")
        for label in labels:
            assert label in shown
            assert f"{label} (optional)" not in shown
    assert "National curriculum year (optional)" in await visitor.get(OFFICER, f"{place}/numbers")


async def test_the_note_of_f3_is_asked_about_and_then_sent(visitor: Visitor) -> None:  # noqa: F811
    place = await begin(visitor, restriction={"level": "address-withheld", **REFUGE}, note="Ask in Placeholder Rd.")
    check = await visitor.get(OFFICER, f"{place}/check")
    assert "Address withheld: a text includes" in check
    codes = re.findall(r'name="codes" value="([^"]*)"', check)[0]
    assert codes == "restriction.given-away"
    await visitor.post(OFFICER, f"{place}/send", 422, was=changes(check), codes=codes)
    await visitor.post(OFFICER, f"{place}/send", 303, was=changes(check), codes=codes, weighed="yes")


async def test_what_was_checked_is_what_is_sent(visitor: Visitor) -> None:  # noqa: F811
    """F4: two windows."""
    place = await begin(visitor)
    name, check = place.rsplit("/", 1)[1], await visitor.get(OFFICER, f"{place}/check")
    now = compose.open_composition(visitor.gw, name, "olive")
    compose.save_composition(
        visitor.gw, replace(now, body={**now.body, "child": {**CHILD, "forename": "Zoë"}}), "olive"
    )
    said = (await visitor.post(OFFICER, f"{place}/send", 422, was=changes(check))).decode()
    assert "was changed after you opened this page" in said
    assert "Zoë" in said
    assert sent_by(visitor.gw) == []
    # Of a page that does not say what it showed.
    await visitor.post(OFFICER, f"{place}/send", 422)
    await visitor.post(OFFICER, f"{place}/send", 303, was=changes(said))
    assert len(sent_by(visitor.gw)) == 1


def test_a_change_at_the_last_moment_is_not_sent_either(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    sandwell, _ = pair
    name = written(sandwell)
    now, prepare_one = compose.open_composition(sandwell, name, "olive"), prepare_messages

    def meanwhile(*args: Any, **more: Any) -> Any:
        compose.save_composition(sandwell, replace(now, to={"to": "885"}), "percy")
        return prepare_one(*args, **more)

    monkeypatch.setattr(send, "prepare_messages", meanwhile)
    with pytest.raises(NotAllowed, match=r"composition\.stale"):
        compose.send_composition(sandwell, name, [], "olive", was=now.composition.changes)
    assert sent_by(sandwell) == []


async def arrived(visitor: Visitor, message: Message | None = None) -> tuple[str, str]:  # noqa: F811
    """A notice that came: the address of its case, and of its acts."""
    message = message or notice("885", "333", now=visitor.gw.now())
    await receive_parcels(visitor.gw, [sealed_by_older_version(visitor.there, message)], "885")
    place = f"/cases/{message.header.case_id}"
    return place, f"{place}/notices/885-{message.header.message_id}"


@pytest.mark.parametrize("act", ["accept", "reject", "pass-on"])
async def test_each_page_on_which_one_answers_says_about_whom(visitor: Visitor, act: str) -> None:  # noqa: F811
    _, acts = await arrived(visitor)
    page = await visitor.get(OFFICER, f"{acts}/{act}")
    title = unescape(re.findall("<title>(.*?)</title>", page, re.DOTALL)[0])
    heading = " ".join(re.sub("<[^>]*>", " ", re.findall("<h1.*?</h1>", page, re.DOTALL)[0]).split())
    for said in ("Ada Testchild-Example", "31 March 2016", acts[-12:]):
        assert said in title
        assert said in heading


async def test_a_page_on_which_one_searches_says_about_whom_too(visitor: Visitor) -> None:  # noqa: F811
    search = notice("333", "885", name="whereabouts-enquiry", now=visitor.gw.now())
    case_id = enquire.ask_authorities(visitor.gw, search, ["885"], {}, "olive").case
    for page in ("stand-down", "ask", "review"):
        shown = await visitor.get(Role.PUPIL_TRACKING, f"/cases/{case_id}/{page}")
        assert "2 December 2013" in re.findall("<title>(.*?)</title>", shown, re.DOTALL)[0]
    _, acts = await arrived(visitor, notice("885", "333", name="whereabouts-enquiry", now=visitor.gw.now()))
    assert "2 December 2013" in re.findall("<h1.*?</h1>", await visitor.get(OFFICER, f"{acts}/matches"), re.DOTALL)[0]


async def test_of_a_child_who_is_phone_only_the_page_says_the_reference_alone(visitor: Visitor) -> None:  # noqa: F811
    phone_only = notice("885", "333", name="transfer-notice-phone-only", now=visitor.gw.now())
    _, acts = await arrived(visitor, phone_only)
    page = await visitor.get(OFFICER, f"{acts}/accept")
    assert f"This child, reference {acts[-12:]}" in unescape(page)


async def test_a_notice_that_is_written_says_about_whom_it_is(visitor: Visitor) -> None:  # noqa: F811
    place = await begin(visitor)
    for page in ("", "/note", "/whom", "/schools", "/check"):
        shown = await visitor.get(OFFICER, f"{place}{page}")
        assert "Ada Testchild-Example, born 31 March 2016" in re.findall("<title>(.*?)</title>", shown, re.DOTALL)[0]


async def test_neither_list_names_us_or_who_has_it_already(visitor: Visitor) -> None:  # noqa: F811
    _, acts = await arrived(visitor)
    page = await visitor.get(OFFICER, f"{acts}/pass-on")
    assert 'value="Birmingham (330)"' in page
    assert ('value="Sandwell (333)"' in page, 'value="Worcestershire (885)"' in page) == (False, False)
    for code in ("333", "885"):
        await visitor.post(OFFICER, f"{acts}/pass-on", 422, was="new", passed_to=code)
    outcome = {"was": "acknowledged", "result": "moved-on", "on-day": "1", "on-month": "10", "on-year": "2026"}
    await visitor.post(OFFICER, f"{acts}/accept", 303, was="new")
    await visitor.post(OFFICER, f"{acts}/outcome", 422, **outcome, moved_to="333")
    await visitor.post(OFFICER, f"{acts}/outcome", 303, **outcome, moved_to="885")


async def test_what_was_written_on_a_page_that_is_stale_is_shown_again(visitor: Visitor) -> None:  # noqa: F811
    """F18, and its kind: answered, sent or restricted meanwhile."""
    _, acts = await arrived(visitor)
    await visitor.post(OFFICER, f"{acts}/accept", 303, was="new")
    said = await visitor.post(OFFICER, f"{acts}/reject", 409, was="new", reason="other", note="Our <long> note")
    assert b"Our &lt;long&gt; note</textarea>" in said
    place = await begin(visitor)
    was = changes(await visitor.get(OFFICER, f"{place}/note"))
    name = place.rsplit("/", 1)[1]
    now = compose.open_composition(visitor.gw, name, "olive")
    compose.save_composition(
        visitor.gw, replace(now, body={**now.body, "restriction": {"level": "phone-only", **REFUGE}}), "olive"
    )
    assert b"Kept text</textarea>" in await visitor.post(OFFICER, f"{place}/note", 409, was=was, note="Kept text")
    compose.give_up_composition(visitor.gw, name, "olive")
    assert b"Kept text</textarea>" in await visitor.post(OFFICER, f"{place}/note", 409, was=was, note="Kept text")
    contact = {"surname": "Kept-Example", "relationship": "mother"}
    assert b"Kept-Example</textarea>" in await visitor.post(OFFICER, f"{place}/contacts/new", 409, was=was, **contact)


async def test_whom_to_ask_that_was_chosen_on_a_stale_page_is_still_chosen(visitor: Visitor) -> None:  # noqa: F811
    place = await begin(visitor)
    said = (await visitor.post(OFFICER, f"{place}/whom", 422, was="0", to="885")).decode()
    assert re.search(r'id="to"[^>]*value="885"', said)


async def test_the_page_of_a_contradiction_hides_and_then_shows(visitor: Visitor) -> None:  # noqa: F811
    place, acts = await arrived(visitor, contradicted("885", "333"))
    page = await visitor.get(OFFICER, place)
    assert "Check the restriction with the sender" in page
    assert "Placeholder Road" not in page
    assert "Placeholder Road" not in await visitor.get(OFFICER, f"{acts}/in-full")
    assert b"44 Placeholder Road" in await visitor.post(OFFICER, f"{acts}/in-full")
    plain, plain_acts = await arrived(visitor)
    assert "44 Placeholder Road" in await visitor.get(OFFICER, plain)
    # Leads back to the case.
    await visitor.get(OFFICER, f"{plain_acts}/in-full")
    await visitor.post(OFFICER, f"{plain_acts}/in-full", 303)


async def test_a_notice_that_is_sent_on_is_asked_about_again(visitor: Visitor, tmp_path: Path) -> None:  # noqa: F811
    third = make(tmp_path / "330", "330", "Birmingham")
    introduce(visitor.gw, third)
    third.store.close()
    message = doubtful("333", "885")
    name = await exchange(visitor.gw, visitor.there, message, ("move.future",))
    rejected = Acknowledgement(decision="rejected", reason="not-our-area", officer=visitor.there.build_officer("wyn"))
    reply = respond.acknowledge_notice(visitor.there, name, rejected, "wyn")
    sealed = visitor.there.store.look(lambda tx: outbox.get_sealed_notice(tx, reply))
    await receive_parcels(visitor.gw, [sealed], "885")
    acts = f"/cases/{message.header.case_id}/notices/{name}/send-on"
    page = await visitor.get(OFFICER, acts)
    assert ('value="Sandwell (333)"' in page, 'value="Worcestershire (885)"' in page) == (False, False)
    state = changes(page)
    said = (await visitor.post(OFFICER, acts, 422, was=state, to="330")).decode()
    assert "in the future" in said
    codes = re.findall(r'name="codes" value="([^"]*)"', said)[0]
    assert codes == "move.future"
    with pytest.raises(Unconfirmed):
        send_notice_on(visitor.gw, name, "330", "olive")


# --- roles of other services


@pytest.mark.parametrize("role", ["social_worker", "no_role", "cme_officer", "other_service"])
async def test_a_social_worker_has_the_role_that_is_true(visitor: Visitor, role: str) -> None:  # noqa: F811
    place = await begin(visitor)
    page = await visitor.get(OFFICER, f"{place}/social-worker")
    assert 'value="social_worker"' in page
    typed = {"name": "Sam Invented", "role": role, "phone_no": "01632 960202"}
    await visitor.post(OFFICER, f"{place}/social-worker", 303, was=changes(page), **typed)
    check = await visitor.get(OFFICER, f"{place}/check")
    await visitor.post(OFFICER, f"{place}/send", 303, was=changes(check))
    [one] = sent_by(visitor.gw)
    sent: Any = respond.read_outgoing(visitor.gw, one.message_id, "olive").body
    assert officers.as_said(sent.needs.social_worker) == ("Sam Invented", role)
    assert sent.needs.social_worker.role == "cme_officer"
    assert xml.read(xml.write(Message(notice().header, sent))).body == sent, "the schema is as it was"
    shown = await visitor.get(OFFICER, f"/cases/{one.case_id}")
    assert ("Sam Invented (Social worker)" in shown) == (role == "social_worker")
    again = compose.begin_correction(visitor.gw, one.message_id, "olive")
    kept = compose.open_composition(visitor.gw, again, "olive").body["needs"]["social_worker"]
    assert (kept["name"], kept["role"]) == ("Sam Invented", role)


@pytest.mark.parametrize("page", ["lead", "social-worker", "ring"])
def test_each_page_of_a_person_offers_roles_of_other_services(page: str) -> None:
    section = notice_questions.find_section("TransferNotice", page)
    assert section
    [role] = [one for one in notice_questions.list_questions("TransferNotice", section) if one.name == "role"]
    assert role.options
    assert {"cme_officer", "social_worker", "no_role"} <= dict(role.options()).keys()


def test_a_long_name_leaves_room_for_the_role() -> None:
    name, role = officers.on_wire("N" * 150, "social_worker")
    assert (len(name), role) == (150, "cme_officer")
    assert officers.as_said(Officer(name=name, role=role, phone_no="01632 960202"))[1] == "social_worker"


@pytest.mark.parametrize("name", ["Sam (Sandwell)", "Sam Invented", "(Social worker)"])
def test_brackets_that_say_no_role_are_part_of_the_name(name: str) -> None:
    assert officers.as_said(Officer(name=name, role="admin", phone_no="01632 960202")) == (name, "admin")


async def test_no_reason_is_offered_that_the_page_cannot_take(visitor: Visitor) -> None:  # noqa: F811
    _, acts = await arrived(visitor, closed("885", "333"))
    # It needs a note, which may not be said.
    assert 'value="other"' not in await visitor.get(OFFICER, f"{acts}/reject")
    phone_only = notice("885", "333", name="transfer-notice-phone-only", now=visitor.gw.now())
    place, acts = await arrived(visitor, phone_only)
    assert "/pass-on" not in await visitor.get(OFFICER, place)
    await visitor.post(OFFICER, f"{acts}/accept", 303, was="new", without_call="yes")
    assert 'value="moved-on"' not in await visitor.get(OFFICER, f"{acts}/outcome")


async def test_a_phone_only_notice_is_accepted_after_a_call_or_after_a_question(visitor: Visitor) -> None:  # noqa: F811
    phone_only = notice("885", "333", name="transfer-notice-phone-only", now=visitor.gw.now())
    assert isinstance(phone_only.body, TransferNotice)
    ring = replace(phone_only.body.ring, phone_no="01632 960777")
    place, acts = await arrived(visitor, Message(phone_only.header, replace(phone_only.body, ring=ring)))
    page = await visitor.get(OFFICER, place)
    assert re.findall(r"01632 \d+", page) == [ring.phone_no]
    buttons = re.findall(
        r'<a href="[^"]*/notices/[^"/]*/([a-z-]+)" role="button"[^>]*class="govuk-button([^"]*)"', page
    )
    assert [(act, "secondary" in kind) for act, kind in buttons] == [
        ("call", False),
        ("accept", True),
        ("reject", True),
    ]
    unanswered = await visitor.post(OFFICER, f"{acts}/accept", 422, was="new")
    assert b"Select whether to accept the notice without a recorded call" in unanswered
    await visitor.post(OFFICER, f"{acts}/accept", 303, was="new", without_call="no")
    assert "Call recorded?" in await visitor.get(OFFICER, place)
    assert 'name="without_call"' in await visitor.get(OFFICER, f"{acts}/accept")
    on = visitor.gw.now().astimezone(LONDON)
    day = {"on-day": str(on.day), "on-month": str(on.month), "on-year": str(on.year), "time": f"{on:%H:%M}"}
    await visitor.post(OFFICER, f"{acts}/call", 303, was="new", spoken_to="Olive Invented", **day)
    assert 'name="without_call"' not in await visitor.get(OFFICER, f"{acts}/accept")
    await visitor.post(OFFICER, f"{acts}/accept", 303, was="new")


async def test_an_answer_that_says_where_is_asked_about(there: Served) -> None:  # noqa: F811
    gw, sandwell, http = there
    search = notice(name="whereabouts-enquiry")
    await receive_parcels(gw, [sealed_by_older_version(sandwell, search)], "333")
    officer = {"Name": "Olive Testofficer", "Role": "cme_officer", "PhoneNo": "01632 960101"}
    said = {"Result": "found", "AnsweredBy": "officer", "Ring": officer, "Note": "At 1 Refuge Road, B70 9ZZ"}
    one, place = await supplier(http, gw, name="one-test"), f"/notices/{search.header.message_id}/answer"
    await refused(await one.post(place, said), 422, "notice.unconfirmed")
    assert (await one.post(f"{place}?confirmed=answer.given-away", said)).status == 202


async def test_a_reason_without_a_restriction_is_no_restriction_of_a_draft(tmp_path: Path) -> None:
    sandwell, worcestershire = (
        make(tmp_path / "333", "333", "Sandwell"),
        make(tmp_path / "885", "885", "Worcestershire"),
    )
    introduce(sandwell, worcestershire)
    sandwell.config = replace(sandwell.config, one=OneSettings(str(tmp_path / "one")))
    (tmp_path / "one").mkdir()
    put(tmp_path, ",Testchild-Example,Ada,31/03/2016,F,5,23/10/2026,,,,,")
    await folders.take_in_leavers(sandwell, tmp_path / "one")
    [draft] = sandwell.store.look(lambda tx: kept_drafts.list_drafts(tx, DraftState.OPEN, 9))
    words = ("drafts", "send", draft.draft_id, "--to", "885", "--home", str(sandwell.config.home), "--reason", "refuge")
    assert run_command(*words).returncode == 2
    said = run_command(*words, "--restriction", "none")
    assert (said.returncode, "There is a reason for a restriction" in " ".join(said.stderr.split())) == (5, True)
    assert sent_by(sandwell) == []
    for gw in (sandwell, worcestershire):
        gw.store.close()


async def test_a_form_of_a_session_of_before_gives_its_text_back(visitor: Visitor) -> None:  # noqa: F811
    _, acts = await arrived(visitor)
    note = "A note that took some time to write"
    ours = f"http://127.0.0.1:{visitor.client.port}"
    for origin, kept in ((ours, True), ("https://elsewhere.example", False)):
        cookies, _ = session(visitor.gw, OFFICER)
        got = await visitor.client.post(
            f"{acts}/reject",
            cookies=cookies,
            data={"form_token": "of before", "note": note},
            headers={"Origin": origin},
        )
        assert (got.status, note in await got.text()) == (403, kept)
