"""What was recognised before an upgrade, or before a change of keys, is recognised after it: nothing is done twice.

`tests/homes/made_by_0.1.zip` is the home of Sandwell as version 0.1 made it (commit af17218) on 24 November 2026: of an
extract with two leavers one was sent and one waits for an officer, a case system's request was answered, and the pupil
index holds one child. Its passphrase lies in it. Everything in it is invented.
"""

import asyncio
import io
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.authorities.partners import add_partner
from gateway.case_systems import idempotency
from gateway.case_systems.idempotency import StoredAnswer
from gateway.casework import case, find
from gateway.context import Gateway
from gateway.core.findings import FindingLevel
from gateway.exchange import letters
from gateway.monitoring import install_checks
from gateway.searches import children_index
from gateway.settings.sections import OneSettings
from gateway.store import children, drafts, outbox
from keys import at_rest
from keys.errors import RefusalCode
from keys.ring import RING_FILE, Ring
from schemas.message import Child
from tests import folders
from tests.conftest import free_port
from tests.refusals import expect_refusal
from tests.storage_keys import count_under, replace_storage_key

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOME = Path(__file__).parents[1] / "homes" / "made_by_0.1.zip"
HEAD = (
    "UPN,Surname,Forename,Date of Birth,Gender,NC Year,Date of Leaving,Restricted,Destination LA,New Address,"
    "New Postcode,School Name"
)
ADA = (
    "X333210123001,Testchild-Example,Ada,31/03/2016,F,Year 5,23/10/2026,,885,"
    '"44 Placeholder Road, Inventchester",WR1 9ZZ,Exampleton'
)
RESTRICTED = ",Hidden-Example,Cyd,2014-01-15,F,7,2026-10-23,Y,885,,,"
INDEX = (
    b"UPN,Surname,Forename,Date of Birth,Gender,NC Year,Restricted\r\nX333210123002,Specimen,Ben,2015-06-01,M,6,N\r\n"
)

# Where the reference that a letter about the sent leaver had before is noted, beside the home.
REFERENCE = "reference"
REQUEST = (b"POST", b"/api/v1/notices", b"application/json", b"{}")

Change = Callable[[Path], None]


def rotate(home: Path, *, revoke: bool = False) -> None:
    passphrase = (home / "passphrase").read_bytes()
    Ring.rotate(home / home_folder.KEYS, passphrase=passphrase, now=NOW, revoke=revoke)


def replace_storage(home: Path) -> None:
    gw = home_folder.open_gateway(home, now=lambda: NOW)
    before = gw.ring.storage_key.kid
    assert count_under(gw, before) > 0
    replace_storage_key(gw)
    assert count_under(gw, before) == 0
    # So that nothing can hang on it.
    Ring.drop_storage_key(home / home_folder.KEYS, before, passphrase=gw.config.read_passphrase())
    gw.store.close()


CHANGES: dict[str, tuple[Change, ...]] = {
    "only the upgrade": (),
    "a change of keys": (rotate,),
    "two changes of keys": (rotate, rotate),
    "a new storage key, and the old one destroyed": (replace_storage,),
    "a change of keys after a theft": (lambda home: rotate(home, revoke=True),),
}


@pytest.fixture
def home_of_0_1(tmp_path: Path) -> Path:
    """The home that version 0.1 made."""
    home = tmp_path / "333"
    with zipfile.ZipFile(HOME) as packed:
        packed.extractall(home)
    for path in (home, *home.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    (tmp_path / REFERENCE).write_text("CME-L2DB-S3EK-QM54-JSFR")
    return home


@pytest.fixture
def new_home(tmp_path: Path) -> Path:
    """A home that this version makes, in which the same was done as in the other."""
    home = tmp_path / "333"
    for code, name in (("885", "Worcestershire"), ("333", "Sandwell")):
        folder = tmp_path / code
        home_folder.create_gateway(
            folder,
            home_folder.NewGateway(code=code, name=name, port=free_port(), telephone="01632 960101"),
            now=lambda: NOW,
        )
    gw = home_folder.open_gateway(home, now=lambda: NOW)
    add_partner(gw, (tmp_path / "885" / home_folder.CARD_FILE).read_text("ascii"), by="ines")
    read_leavers(gw)
    claim = idempotency.begin_request(gw, "1", "8e03978e-40d5", REQUEST)
    assert isinstance(claim, idempotency.RequestClaim)
    idempotency.settle_request(gw, claim, StoredAnswer(202, b'{"id":"as it was"}', "/api/v1/notices/1"))
    children_index.load_extract(gw, io.BytesIO(INDEX), "ines")
    [sent] = gw.store.look(outbox.search_outbox)
    (tmp_path / REFERENCE).write_text(letters.build_reference(sent.message_id, gw.ring))
    gw.store.close()
    return home


@pytest.fixture(params=["0.1", "this version"])
def home(request: pytest.FixtureRequest) -> Path:
    """Either home."""
    made: Path = request.getfixturevalue("home_of_0_1" if request.param == "0.1" else "new_home")
    return made


@pytest.fixture(params=list(CHANGES.values()), ids=list(CHANGES))
def gw(home: Path, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """The gateway in it, after the change."""
    for change in request.param:
        change(home)
    opened = home_folder.open_gateway(home, now=lambda: NOW)
    yield opened
    opened.store.close()


def read_leavers(gw: Gateway) -> list[tuple[str, str]]:
    """Put the extract into the watched folder; what became of each row, and of which message its report tells."""
    folder = gw.config.home.parent / "one"
    folder.mkdir(exist_ok=True)
    gw.config = replace(gw.config, one=OneSettings(str(folder)))
    file = folder / "leavers.csv"
    file.write_text("\r\n".join([HEAD, ADA, RESTRICTED, ""]))
    os.utime(file, (time.time() - 60, time.time() - 60))
    asyncio.run(folders.take_in_leavers(gw, folder))
    rows = folders.rows_of(gw.config.home, "leavers", name="leavers.csv")
    return [(row["Result"], row["MessageId"]) for row in rows]


def test_a_leaver_is_sent_once_and_waits_for_an_officer_once(gw: Gateway) -> None:
    [sent] = gw.store.look(outbox.search_outbox)
    waiting = gw.store.look(lambda tx: drafts.count_open_drafts(tx)[0])
    assert read_leavers(gw) == [("before", sent.message_id), ("held", "")]
    assert [one.message_id for one in gw.store.look(outbox.search_outbox)] == [sent.message_id]
    assert gw.store.look(lambda tx: drafts.count_open_drafts(tx)[0]) == waiting == 1


def test_a_notice_is_found(gw: Gateway) -> None:
    [sent] = gw.store.look(outbox.search_outbox)
    for typed in ("testchild", "X333210123001", "Ada 31/03/2016"):
        assert [hit.message_id for hit in find.find_notices(gw, typed, by="olive").hits] == [sent.message_id]


def test_a_request_that_is_repeated_gets_the_answer_of_before(gw: Gateway) -> None:
    again = idempotency.begin_request(gw, "1", "8e03978e-40d5", REQUEST)
    assert again == StoredAnswer(202, b'{"id":"as it was"}', "/api/v1/notices/1")
    with pytest.raises(idempotency.OtherRequest):
        idempotency.begin_request(gw, "1", "8e03978e-40d5", (*REQUEST, b"changed"))


def test_a_child_of_ours_is_found_in_the_pupil_index(gw: Gateway) -> None:
    index = gw.store.look(children.find_current_load)
    assert index is not None
    [child] = gw.store.look(lambda tx: children_index.list_near_children(tx, gw, index.load, {"u|X333210123002"}))
    assert child.fields["surname"] == "Specimen"


def test_a_letter_keeps_its_reference(gw: Gateway) -> None:
    [sent] = gw.store.look(outbox.search_outbox)
    assert letters.build_reference(sent.message_id, gw.ring) == (gw.config.home.parent / REFERENCE).read_text()


def test_what_was_kept_is_opened_and_what_is_kept_now_too(gw: Gateway) -> None:
    [sent] = gw.store.look(outbox.search_outbox)
    notice = case.open_case(gw, sent.case_id, "olive").notices[-1]
    assert notice.message is not None
    assert next(iter(notice.message.list_all(Child))).surname == "Testchild-Example"
    locked = at_rest.lock(b"a notice", about="m-1", ring=gw.ring)
    gw.ring = Ring.unlock(gw.config.home / home_folder.KEYS, passphrase=gw.config.read_passphrase())
    assert at_rest.unlock(locked, about="m-1", ring=gw.ring) == b"a notice"


def warnings(home: Path) -> set[str]:
    gw = home_folder.open_gateway(home, now=lambda: NOW)
    found = {one.name for one in install_checks.check_installation(gw) if one.level is FindingLevel.WARN}
    gw.store.close()
    return found


def test_keys_of_0_1_are_written_anew_by_a_change_of_keys_alone(home_of_0_1: Path) -> None:
    file = home_of_0_1 / home_folder.KEYS / RING_FILE
    before = file.read_bytes()
    home_folder.open_gateway(home_of_0_1, now=lambda: NOW).store.close()
    assert file.read_bytes() == before
    assert "storage key" in warnings(home_of_0_1)
    rotate(home_of_0_1)
    assert "storage key" not in warnings(home_of_0_1)
    text = file.read_text()
    assert '"v": 2' in text
    assert ['"use": "root"' in text, '"alg": "HMAC-SHA256"' in text] == [True, True]


def test_copies_made_after_a_change_of_keys_do_not_open_with_the_keys_of_before(home: Path) -> None:
    """So a process that was not restarted, or a backup of keys that is too old, is told what is wrong."""
    passphrase = (home / "passphrase").read_bytes()
    old = Ring.unlock(home / home_folder.KEYS, passphrase=passphrase)
    rotate(home)
    locked = at_rest.lock(b"a notice", about="m-1", ring=Ring.unlock(home / home_folder.KEYS, passphrase=passphrase))
    with expect_refusal(RefusalCode.AT_REST_UNKNOWN_KEY):
        at_rest.unlock(locked, about="m-1", ring=old)
