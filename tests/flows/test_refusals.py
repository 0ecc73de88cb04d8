"""What the exchange port, the store and the command line refuse: a code, a sentence, an audit
entry, and no traceback.
"""

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import jwt
import pytest
from sqlalchemy import Connection

from adapters.https import MESSAGES_TYPE
from gateway import app, home_folder
from gateway.cli import main
from gateway.context import Gateway
from gateway.core import labels
from gateway.errors import ConfigProblem, StoreUnavailable, Unusable
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.exchange.send import queue_messages
from gateway.partner_api.callers import MessageBudget
from gateway.settings.file import parse
from gateway.store import audit_log, inbox
from keys import bearer
from keys.errors import RefusalCode
from tests.children import notice, sample
from tests.conftest import introduce, make
from tests.refusals import expect_refusal

Pair = tuple[Gateway, Gateway]


async def post(there: Gateway, body: bytes, token: str, kind: str = MESSAGES_TYPE) -> tuple[int, dict[str, str]]:
    trusted = ssl.create_default_context(cafile=str(there.config.home / home_folder.TLS_CERTIFICATE))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{there.config.exchange_url}/messages", data=body, headers=headers, ssl=trusted) as answer,
    ):
        text = await answer.text()
        return answer.status, json.loads(text) if "json" in answer.content_type else {}


def good_token(gw: Gateway, there: Gateway) -> str:
    return bearer.issue(there.code, ring=gw.ring, now=gw.now())


async def test_a_caller_who_does_not_prove_who_they_are_is_turned_away_and_noted(pair: Pair) -> None:
    sandwell, worcestershire = pair
    claims = {"iss": "333", "aud": "885", "iat": 0, "exp": 99999999999, "jti": "x"}
    public = worcestershire.trust.get_card("333").keys[0].public
    tokens = {
        "bearer.malformed": "",
        "bearer.other-audience": bearer.issue("330", ring=sandwell.ring, now=sandwell.now()),
    }
    forged = [jwt.encode(claims, "", algorithm="none"), jwt.encode(claims, public + b"-" * 32, algorithm="HS256")]
    async with app.run_gateway(worcestershire):
        for code, token in tokens.items():
            status, problem = await post(worcestershire, b"x", token)
            assert (status, problem["type"]) == (401, f"urn:cme-exchange:problem:{code}")
        for token in forged:
            status, problem = await post(worcestershire, b"x", token)
            assert status == 401
    refused = worcestershire.store.look(lambda tx: audit_log.list_newest_entries(tx, act="caller.refused"))
    details = [json.loads(one.entry)["detail"] for one in refused]
    assert sum(one.get("count", 1) for one in details) == len(tokens) + len(forged)
    assert set(" ".join(one["code"] for one in details).split()) >= set(tokens)


async def test_a_request_that_is_too_large_or_of_the_wrong_kind_is_refused(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.partner_api.exchange.MAX_BODY_BYTES", 1000)
    sandwell, worcestershire = pair
    token = good_token(sandwell, worcestershire)
    async with app.run_gateway(worcestershire):
        assert (await post(worcestershire, b"x", token, "text/xml"))[0] == 415
        assert (await post(worcestershire, b"x\n" * 101, token))[0] == 413
        assert (await post(worcestershire, b"x" * 1001, token))[0] == 413
    assert worcestershire.store.look(lambda tx: inbox.search_inbox(tx, worcestershire.now())) == []


def test_a_partner_that_sends_too_fast_waits() -> None:
    budget = MessageBudget(60)
    assert budget.take_messages(60, now=0.0) == 0
    assert budget.take_messages(1, now=0.0) == 1
    assert budget.take_messages(1, now=1.0) == 0


async def test_a_port_in_use_is_named(pair: Pair) -> None:
    sandwell, _ = pair
    with socket.socket() as taken:
        taken.bind((sandwell.config.listen.host, sandwell.config.listen.port))
        taken.listen()
        with pytest.raises(Unusable, match=str(sandwell.config.listen.port)):
            async with app.run_gateway(sandwell):
                pass


def test_missing_keys_are_named(tmp_path: Path) -> None:
    home_folder.create_gateway(tmp_path / "333", home_folder.NewGateway(code="333", name="Sandwell"))
    (tmp_path / "333" / "keys" / "ring.json").unlink()
    with expect_refusal(RefusalCode.RING_MISSING):
        home_folder.open_gateway(tmp_path / "333")


async def test_a_full_database_refuses_everything_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    home_folder.create_gateway(tmp_path / "333", home_folder.NewGateway(code="333", name="Sandwell"))
    gw = home_folder.open_gateway(tmp_path / "333")

    def fill(tx: Connection) -> None:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar()
        tx.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        audit_log.append_entries(
            tx, gw.now(), [audit_log.AuditEntry("test", "x" * 70, detail={"much": "y" * 4000})] * 200
        )

    before = gw.store.look(audit_log.get_tree_head).size
    with pytest.raises(StoreUnavailable) as caught:
        await gw.store.write(fill)
    assert caught.value.code == "store.full"
    assert gw.store.look(audit_log.get_tree_head).size == before
    gw.store.close()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('[authority]\ncode = "33"\nname = "S"', "line 2"),
        ('[authority]\ncode = "333"\nname = "S"\n[listen]\nprot = 8443', "line 5"),
        ('[authority]\ncode = "333"\nname = "S"\n[listen]\nport = "8443"', "line 5"),
        ('[athority]\ncode = "333"', "line 1"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(line: str, says: str) -> None:
    with pytest.raises(ConfigProblem, match=says):
        parse(line, Path())


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["cme-gateway", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_command_line_from_init_to_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, other = str(tmp_path / "333"), str(tmp_path / "885")
    assert run(monkeypatch, "init", "--authority", "333", "--name", "Sandwell", "--home", home, "--json") == 0
    assert run(monkeypatch, "init", "--authority", "885", "--name", "Worcestershire", "--home", other, "--json") == 0
    shown = json.loads(capsys.readouterr().out.splitlines()[1])
    add = ["partner", "add", shown["card"], "--home", home]
    assert run(monkeypatch, *add, "--fingerprint", "00000 " * 8) == 5
    assert run(monkeypatch, *add, "--fingerprint", shown["fingerprint"]) == 0
    # The same card is held already.
    assert run(monkeypatch, *add, "--fingerprint", shown["fingerprint"]) == 0

    draft = tmp_path / "notice.xml"
    draft.write_bytes(sample("transfer-notice"))
    assert run(monkeypatch, "validate", str(draft)) == 0
    assert run(monkeypatch, "send", str(draft), "--new-id", "--home", home, "--json") == 0
    queued = json.loads(capsys.readouterr().out.splitlines()[-1])["queued"][0]
    assert run(monkeypatch, "show", queued["message_id"], "--home", home) == 0
    assert "Testchild-Example" in capsys.readouterr().out
    for words in (
        ("outbox",),
        ("inbox",),
        ("partner", "list"),
        ("partner", "show", "885"),
        ("audit", "search"),
        ("doctor",),
    ):
        assert run(monkeypatch, *words, "--home", home) == 0
        assert run(monkeypatch, *words, "--home", home, "--json") == 0
    assert run(monkeypatch, "show", "nothing-like-it", "--home", home) == 4
    assert run(monkeypatch, "audit", "export", str(tmp_path / "export"), "--home", home) == 0
    card_file = str(Path(home) / home_folder.CARD_FILE)
    offline = ("audit", "verify", "--export", str(tmp_path / "export"), "--card", card_file)
    assert run(monkeypatch, *offline) == 0
    entries = tmp_path / "export" / "entries.jsonl"
    entries.write_text(entries.read_text().replace("notice.read", "notice.sent"))
    assert run(monkeypatch, *offline) == 1
    assert "Traceback" not in capsys.readouterr().err


async def test_nothing_personal_stands_in_the_audit_log(pair: Pair) -> None:
    sandwell, worcestershire = pair
    sealed = prepare_messages(sandwell, [notice()], "test")[0].sealed
    await receive_parcels(worcestershire, [sealed, sealed[:-9], b"\xff\xfe"], "333")
    entries = worcestershire.store.look(lambda tx: [kept.entry for kept in audit_log.list_entries(tx)])
    assert len(entries) >= 4
    assert not [
        entry for entry in entries if any(word in entry for word in ("Testchild", "Ada", "X333210123001", "Specimen"))
    ]


def test_a_list_fits_on_eighty_columns_and_shows_ids_whole(
    tmp_path: Path,
) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    message = notice(name="transfer-notice-restricted")
    gw.store.run(lambda tx: queue_messages(tx, gw, prepare_messages(gw, [message], "olive")))
    for one in (gw, there):
        one.store.close()
    line = [sys.executable, "-m", "gateway", "outbox", "--home", str(tmp_path / "333")]
    shown = subprocess.run(line, capture_output=True, text=True, check=True, env={"COLUMNS": "80", "PATH": ""}).stdout
    assert message.header.message_id in shown
    assert max(len(row) for row in shown.splitlines()) <= 80
    line[3:4] = ["show", message.header.message_id]
    shown = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert labels.describe_act("notice.queued", "TransferNotice") in shown
    assert "Sandwell (333)" in shown
