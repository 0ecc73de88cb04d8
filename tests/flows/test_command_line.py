"""What a person meets at the command line: each refusal is a sentence with its code, and the exit code that was
promised.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from gateway import home_folder
from gateway.core import labels
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.store import outbox
from schemas.shapes import MessageId
from tests.children import notice, sample
from tests.command import run_command
from tests.conftest import introduce, make


def in_a_process(*words: str) -> subprocess.CompletedProcess[str]:
    """The same as a process of its own, for what takes signals or a whole process."""
    line = [sys.executable, "-m", "gateway", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "80"})


def cme_gateway(*words: str, say: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    done = run_command(*words, say=say, **env)
    assert "Traceback" not in done.stderr
    assert "internal" not in done.stderr
    return done


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """Sandwell's and Worcestershire's folders, and a notice that Worcestershire has and one that Sandwell sent."""
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    message = notice(message_id=MessageId("019aaf00-0000-7000-8000-000000000001"))
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [message], "olive")))
    for one in (gw, there):
        one.store.close()
    return tmp_path / "333", tmp_path / "885"


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("init", "--authority", "999"), 2, "DfE code"),
        (("init", "--authority", "333", "--host", "no host!"), 2, "host name"),
        (("init", "--authority", "333", "--telephone", "ring me"), 2, "telephone number"),
        (("init", "--authority", "333", "--email", "nobody"), 2, "email address"),
        (("init", "--authority", "333", "--store-url", "nonsense"), 2, "postgresql+psycopg"),
        (("init", "--authority", "333"), 5, "home.exists"),
        (("acknowledge", "x", "--reject", "no-such-reason"), 2, "not-our-area"),
        (("acknowledge", "x", "--reject", "other", "--pass-to", "330"), 2, "not both"),
        (("outcome", "x", "no-such-outcome"), 2, "in-education"),
        (("withdraw", "x", "no-such-reason"), 2, "sent-in-error"),
        (("respond", "x", "perhaps"), 2, "no-trace"),
        (("acknowledge", "x", "--by", "o" * 81), 2, "80 characters"),
        (("acknowledge", "x"), 4, "inbox.not-found"),
        (("located", "x", "in-education"), 4, "outbox.not-found"),
        (("retry", "--to", "999"), 4, "partner.not-found"),
        (("outbox", "--limit", "-1"), 2, "--limit"),
        (("audit", "verify", "--card", "x"), 2, "--export"),
        (("send", "no-such-file.xml"), 4, "file.not-found"),
        (("validate", "no-such-file.xml"), 4, "file.not-found"),
    ],
)
def test_what_cannot_be_is_said(homes: tuple[Path, Path], words: tuple[str, ...], exit_code: int, says: str) -> None:
    place = () if words[0] == "validate" else ("--home", str(homes[0]))
    done = cme_gateway(*words, *place)
    assert done.returncode == exit_code
    assert says in " ".join(done.stderr.replace("│", " ").split())


def test_the_officers_list_of_what_is_to_do(homes: tuple[Path, Path]) -> None:
    """From the list to the answer; the reply that comes back is filed and waits for nobody."""
    gw, there = (home_folder.open_gateway(home) for home in homes)
    came = notice()
    [ready] = prepare_messages(gw, [came], "olive")
    asyncio.run(receive_parcels(there, [ready.sealed], "333"))
    for one in (gw, there):
        one.store.close()
    home = ("--home", str(homes[1]))
    assert came.header.message_id in cme_gateway("inbox", "--waiting", *home).stdout
    long = cme_gateway("acknowledge", came.header.message_id, "--note-file", "-", *home, say="n" * 3000)
    assert (long.returncode, "xml.schema" in long.stderr) == (5, True)
    done = cme_gateway("acknowledge", came.header.message_id, "--note-file", "-", *home, say="We visit\ntomorrow.\n")
    assert done.returncode == 0
    assert cme_gateway("outcome", came.header.message_id, "in-education", *home).returncode == 0
    assert "No notices you need to deal with." in cme_gateway("inbox", "--waiting", *home).stdout


def test_in_json_the_case_id_of_a_message_keeps_its_name(homes: tuple[Path, Path]) -> None:
    name = "019aaf00-0000-7000-8000-000000000001"
    listed = json.loads(cme_gateway("outbox", "--json", "--home", str(homes[0])).stdout)["outbox"]
    shown = json.loads(cme_gateway("show", name, "--json", "--home", str(homes[0])).stdout)["standing"]
    assert [message["message_id"] for message in (*listed, shown)] == [name, name]
    assert [str(UUID(message["conversation_id"])) for message in listed] == [shown["conversation_id"]]
    assert not [message for message in (*listed, shown) if "case_id" in message]


def test_a_script_is_told_of_the_option_that_it_needs(homes: tuple[Path, Path], tmp_path: Path) -> None:
    make(tmp_path / "330", "330", "Birmingham").store.close()
    card = str(tmp_path / "330" / home_folder.CARD_FILE)
    done = cme_gateway("partner", "add", card, "--home", str(homes[0]))
    assert done.returncode == 5
    assert "--fingerprint" in done.stderr


def test_the_same_card_again_is_held_already(homes: tuple[Path, Path]) -> None:
    done = cme_gateway("partner", "add", str(homes[1] / home_folder.CARD_FILE), "--home", str(homes[0]))
    assert done.returncode == 0
    assert "You already have this card" in done.stdout


def test_an_export_without_a_gateway_asks_for_the_card(homes: tuple[Path, Path], tmp_path: Path) -> None:
    export, nowhere = str(tmp_path / "export"), str(tmp_path / "nowhere")
    assert cme_gateway("audit", "export", export, "--home", str(homes[0])).returncode == 0
    again = cme_gateway("audit", "export", export, "--home", str(homes[0]))
    assert "audit.export-exists" in again.stderr
    done = cme_gateway("audit", "verify", "--export", export, "--home", nowhere)
    assert "--card" in done.stderr
    whole = cme_gateway("audit", "verify", "--export", export, "--card", str(homes[0] / home_folder.CARD_FILE))
    assert whole.returncode == 0
    assert "No problems found" in whole.stdout


def test_a_second_gateway_in_one_folder_is_told_that_one_runs_already(homes: tuple[Path, Path]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--with-parent", "--home", str(homes[0])],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as first:  # fmt: skip
        assert first.stderr is not None
        assert b"serving" in first.stderr.readline()
        done = in_a_process("serve", "--home", str(homes[0]))
        first.terminate()
    assert done.returncode == 5
    assert "already running" in done.stderr


def test_output_that_cannot_be_written_is_said(homes: tuple[Path, Path]) -> None:
    with Path("/dev/full").open("w") as full:
        line = [sys.executable, "-m", "gateway", "outbox", "--home", str(homes[0])]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The command ran, but its output could not be written")
    assert len(done.stderr.splitlines()) == 2


def test_a_terminal_that_knows_ascii_only_shows_what_it_can(homes: tuple[Path, Path]) -> None:
    done = cme_gateway(
        "show", "019aaf00-0000-7000-8000-000000000001", "--home", str(homes[0]), PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 0
    assert labels.describe_act("notice.queued", "TransferNotice") in done.stdout
    for words in ("SEN provision", "National curriculum year"):
        assert words in done.stdout


def test_the_demo_stays_out_of_a_real_gateways_folder(homes: tuple[Path, Path], tmp_path: Path) -> None:
    assert "demo.real" in cme_gateway("demo", "--folder", str(homes[0])).stderr
    (tmp_path / "a-file").write_text("x")
    assert "demo.unwritable" in cme_gateway("demo", "--folder", str(tmp_path / "a-file")).stderr


def test_a_notice_sent_with_a_new_id_is_a_case_of_its_own(homes: tuple[Path, Path], tmp_path: Path) -> None:
    draft = tmp_path / "draft.xml"
    draft.write_bytes(sample("transfer-notice"))
    for _ in range(2):
        assert cme_gateway("send", str(draft), "--new-id", "--home", str(homes[0])).returncode == 0
    gw = home_folder.open_gateway(homes[0])
    cases = {one.case_id for one in gw.store.look(outbox.search_outbox)}
    gw.store.close()
    assert len(cases) == 3


def test_a_notice_is_found_by_what_is_typed_asked_for_or_piped(homes: tuple[Path, Path]) -> None:
    home, sent = ("--home", str(homes[0])), "019aaf00-0000-7000-8000-000000000001"
    for done in (
        cme_gateway("find", "testchild 31/3/2016", *home),
        cme_gateway("find", *home, say="TESTCHILD-EXAMPLE, Ada\n"),
        cme_gateway("find", *home, say="…000000000001"),
        cme_gateway("find", "--alike", *home, say="Adda Example"),
    ):
        assert done.returncode == 0
        assert sent in done.stdout
        assert "Testchild-Example, Ada" in done.stdout
        assert "Ada" not in done.stderr
    said = json.loads(cme_gateway("find", "X333210123001", "--json", *home).stdout)
    assert [(hit["message_id"], hit["reasons"]) for hit in said["found"]] == [(sent, ["upn"])]
    assert (said["more"], said["complete"], said["similar"]) == (None, True, False)
    similar = cme_gateway("find", *home, say="testchilt 31.3.2016")
    assert (sent in similar.stdout, "Nothing has exactly this." in similar.stderr) == (True, True)
    assert cme_gateway("find", *home, say="nobody").stdout == "No notices found.\n"


@pytest.mark.parametrize(
    ("say", "code"),
    [("", "find.too-little"), ("a", "find.too-little"), ("x" * 5000, "find.too-much"), ("a%1", "find.not-understood")],
)
def test_what_cannot_be_found_by_is_refused(homes: tuple[Path, Path], say: str, code: str) -> None:
    done = cme_gateway("find", "--home", str(homes[0]), say=say)
    assert done.returncode == 1
    assert code in done.stderr


def test_bytes_that_are_no_text_are_refused(homes: tuple[Path, Path]) -> None:
    line = [sys.executable, "-m", "gateway", "find", "--home", str(homes[0])]
    done = subprocess.run(line, input=b"mal\xff\xfek", capture_output=True, check=False)
    assert b"find.not-understood" in done.stderr
