"""A case system at the API: let in by its secret, it sends, reads, answers and sees how each notice stands."""

import asyncio
import gzip
import json as text_of
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.api import application as api
from gateway.api.application import list_operations
from gateway.api.guard import PARTS
from gateway.case_systems import clients
from gateway.context import Gateway
from gateway.core.permissions import Permission, Role, Scope, is_allowed
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log, inbox, outbox
from keys import api_token
from schemas import json, xml
from schemas.message import Message
from tests.children import notice, sample
from tests.conftest import introduce, make
from tests.consoles import house
from tests.delivering import deliver_now
from tests.suppliers import JSON, PROBLEM, XML, Http, Supplier, served, supplier, token

OFFICER = {"Name": "Olive Testofficer", "Role": "cme_officer", "PhoneNo": "01632 960101"}
Served = tuple[Gateway, Gateway, Http]


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Served]:
    """Worcestershire with its API served, and Sandwell, who trust each other."""
    gw, sandwell = house(tmp_path / "885", "885", "Worcestershire", ()), make(tmp_path / "333", "333", "Sandwell")
    introduce(gw, sandwell)
    async with served(gw) as http:
        yield gw, sandwell, http
    for one in (gw, sandwell):
        one.store.close()


async def came(gw: Gateway, sandwell: Gateway, name: str = "transfer-notice") -> Message:
    """A notice of Sandwell's that has arrived."""
    sent = notice(name=name)
    await receive_parcels(gw, [one.sealed for one in prepare_messages(sandwell, [sent], "test")], "333")
    return sent


async def refused(got: Any, status: int, code: str) -> dict[str, Any]:
    """The problem, which is what it should be and quotes nobody."""
    said: dict[str, Any] = await got.json(content_type=None)
    assert (got.status, got.content_type, said["code"]) == (status, PROBLEM, code), said
    assert said["type"].endswith(code)
    assert said["title"].endswith(".")
    assert "cme-gateway" not in said["next_step"]
    return said


async def test_a_notice_in_json_is_sent_exactly_as_it_was_written(there: Served) -> None:
    gw, _, http = there
    one, sent = await supplier(http, gw, name="one-test"), notice("885", "333")
    got = await one.post("/notices", json.write(sent))
    taken = await got.json()
    assert (got.status, taken["id"], got.headers["Location"]) == (202, sent.header.message_id, taken["status"])
    kept = gw.store.look(lambda tx: outbox.get_delivery(tx, taken["id"]))
    assert (kept.kind, kept.recipient, kept.queued_by) == ("TransferNotice", "333", "api:one-test")
    back = await one.get(f"/notices/{taken['id']}")
    assert json.read(await back.read()) == sent


async def test_a_notice_in_xml_is_read_back_in_either_form(there: Served) -> None:
    gw, _, http = there
    one, sent = await supplier(http, gw), notice("885", "333", name="whereabouts-enquiry")
    assert (await one.post("/notices", xml.write(sent), kind=XML)).status == 202
    as_xml = await one.get(f"/notices/{sent.header.message_id}", accept="text/html;q=0.1, application/xml")
    as_json = await one.get(f"/notices/{sent.header.message_id}", accept="application/*")
    assert (as_xml.content_type, as_json.content_type) == (XML, JSON)
    assert xml.read(await as_xml.read()) == sent == json.read(await as_json.read())
    await refused(
        await one.get(f"/notices/{sent.header.message_id}", accept="image/png"), 406, "request.not-acceptable"
    )


async def test_what_came_is_acknowledged_and_concluded(there: Served) -> None:
    gw, sandwell, http = there
    one, sent = await supplier(http, gw), await came(gw, sandwell)
    address = f"/notices/{sent.header.message_id}"
    accepted = await one.post(f"{address}/acknowledgement", {"Decision": "accepted", "Officer": OFFICER})
    assert accepted.status == 202
    day = gw.now().date().isoformat()
    done = await one.post(f"{address}/outcome", {"Result": "in-education", "ConfirmedOn": day, "Officer": OFFICER})
    assert done.status == 202
    assert gw.store.look(lambda tx: inbox.get_message(tx, sent.header.message_id)).state == "concluded"
    kinds = {
        one.kind
        for one in gw.store.look(lambda tx: outbox.search_outbox(tx, outbox.OutboxQuery(case_id=sent.header.case_id)))
    }
    assert kinds == {"Acknowledgement", "Outcome"}
    again = await one.post(f"{address}/acknowledgement", {"Decision": "accepted", "Officer": OFFICER})
    await refused(again, 409, "reply.already")


async def test_an_enquiry_is_answered(there: Served) -> None:
    gw, sandwell, http = there
    one, sent = await supplier(http, gw), await came(gw, sandwell, "whereabouts-enquiry")
    body = {"Result": "no-trace", "AnsweredBy": "officer", "Ring": OFFICER}
    got = await one.post(f"/notices/{sent.header.message_id}/answer", body)
    assert got.status == 202, await got.text()


async def test_a_restricted_childs_notice_is_answered_without_a_note(there: Served) -> None:
    gw, sandwell, http = there
    one, sent = await supplier(http, gw), await came(gw, sandwell, "transfer-notice-phone-only")
    body = {"Decision": "accepted", "Officer": OFFICER, "Note": "An invented note"}
    got = await one.post(f"/notices/{sent.header.message_id}/acknowledgement", body)
    said = await refused(got, 422, "reply.restricted")
    assert "invented" not in str(said).lower()
    plain = {"Decision": "accepted", "Officer": OFFICER}
    # Whether there was a call, its own system asks.
    assert (await one.post(f"/notices/{sent.header.message_id}/acknowledgement", plain)).status == 202


async def test_a_notice_that_has_not_left_is_withdrawn_without_a_word_to_anybody(there: Served) -> None:
    gw, _, http = there
    one, sent = await supplier(http, gw), notice("885", "333")
    await one.post("/notices", json.write(sent))
    body = {"Reason": "sent-in-error", "Officer": OFFICER}
    got = await one.post(f"/notices/{sent.header.message_id}/withdrawal", body)
    assert (got.status, (await got.json())["id"]) == (202, sent.header.message_id), await got.text()
    assert gw.store.look(lambda tx: outbox.get_delivery(tx, sent.header.message_id)).state == "withdrawn"


async def test_how_a_notice_stands_says_nothing_of_a_child(there: Served) -> None:
    gw, sandwell, http = there
    reader = await supplier(http, gw, [Scope.STATUS_READ])
    sent = await came(gw, sandwell)
    got = await reader.get(f"/notices/{sent.header.message_id}/status")
    said = await got.json()
    assert (said["notice"]["state"], said["notice"]["direction"]) == ("new", "came")
    assert "Testchild" not in str(said)
    receipt = await reader.get(said["receipts"][0]["address"].removeprefix("/api/v1"))
    assert (receipt.status, receipt.content_type) == (200, "application/jwt")
    assert (await receipt.text()).count(".") == 2
    assert not gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))


async def test_every_reading_is_an_entry_that_names_the_client(there: Served) -> None:
    gw, sandwell, http = there
    one, sent = await supplier(http, gw, name="one-test"), await came(gw, sandwell)
    await one.get(f"/notices/{sent.header.message_id}")
    [entry] = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))
    assert (entry.actor, entry.about) == ("api:one-test", sent.header.message_id)


async def test_a_list_is_paged_and_filtered(there: Served) -> None:
    gw, _, http = there
    one = await supplier(http, gw)
    ids = []
    for _ in range(5):
        sent = notice("885", "333")
        assert (await one.post("/notices", json.write(sent))).status == 202
        ids.append(sent.header.message_id)
    found, address, pages = (
        [],
        "/notices?direction=sent&limit=2&partner=333&state=queued&since=2026-01-01T00:00:00.000Z",
        0,
    )
    while address:
        page = await (await one.get(address)).json()
        found += [each["id"] for each in page["notices"]]
        address, pages = (page["next"] or "").removeprefix("/api/v1"), pages + 1
    assert (found, pages) == (ids[::-1], 3)
    for nothing in (
        "direction=came",
        "direction=sent&partner=330",
        "direction=sent&state=new",
        "direction=sent&since=2099-01-01T00:00:00.000Z",
    ):
        assert (await (await one.get(f"/notices?{nothing}")).json())["notices"] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "direction=both",
        "direction=sent&surname=Testchild",
        "direction=sent&cursor=QUJD",
        "direction=sent&direction=came",
        "direction=sent&limit=0",
        "direction=sent&since=2026-13-01T00:00:00.000Z",
    ],
)
async def test_a_query_that_is_not_written_as_described_is_refused(there: Served, query: str) -> None:
    gw, _, http = there
    one = await supplier(http, gw)
    said = await refused(await one.get(f"/notices?{query}"), 400, "request.malformed")
    assert "Testchild" not in str(said)


async def test_authorities_are_listed_with_how_they_are_reached(there: Served) -> None:
    gw, _, http = there
    one = await supplier(http, gw, [Scope.STATUS_READ])
    found = {each["code"]: each for each in (await (await one.get("/authorities")).json())["authorities"]}
    assert found["333"] == {"code": "333", "name": "Sandwell", "reached": "sealed"}
    assert (found["330"]["reached"], "885" in found, len(found) > 150) == ("no", False, True)


async def test_a_rule_that_is_broken_is_named_with_its_place(there: Served) -> None:
    gw, _, http = there
    one, said = await supplier(http, gw), text_of.loads(json.write(notice("885", "333")))
    said["TransferNotice"]["Child"]["UPN"] = "A333210123001"
    problem = await refused(await one.post("/notices", said), 422, "notice.unfit")
    assert [(each["code"], each["pointer"]) for each in problem["errors"]] == [
        ("upn.check-letter", "#/TransferNotice/Child/UPN")
    ]
    said["TransferNotice"]["Child"]["DOB"] = "yesterday"
    problem = await refused(await one.post("/notices", said), 422, "json.schema")
    assert [each["pointer"] for each in problem["errors"]] == ["#/TransferNotice/Child/DOB"]
    problem = await refused(await one.post("/notices", sample("acknowledgement"), kind=XML), 422, "notice.not-alone")


async def test_what_is_not_as_it_must_be_is_a_problem_in_the_same_form(there: Served) -> None:
    gw, _, http = there
    one = await supplier(http, gw)
    await refused(await one.get("/nothing"), 404, "request.no-such-place")
    await refused(await one.get("/notices/01935f6e-0000-7000-8000-000000000000"), 404, "inbox.not-found")
    got = await one.delete("/notices")
    assert got.headers["Allow"] == "GET,POST"
    await refused(got, 405, "request.method")
    await refused(await one.post("/notices", b"x" * 300_000), 413, "request.too-large")
    await refused(await one.post("/notices", b"x", kind="text/csv"), 415, "request.content-type")
    await refused(await one.post("/notices", b"{"), 422, "json.malformed")
    await refused(await one.post("/notices", b"\xff", kind=XML), 422, "xml.not-xml")
    await refused(await one.get("/receipts/99999"), 404, "receipt.not-found")


async def test_nobody_calls_without_a_token_that_counts(there: Served) -> None:
    gw, sandwell, http = there
    ours, now = gw.ring, gw.now()
    audience = clients.get_token_audience(gw)
    clients.add_client(gw, "one-test", "ONE", Scope, "agnes")
    forged = {
        "api-token.malformed": "nonsense",
        "api-token.key": api_token.issue("one-test", ("notices:read",), audience=audience, ring=sandwell.ring, now=now),
        "api-token.other-audience": api_token.issue(
            "one-test", ("notices:read",), audience="elsewhere", ring=ours, now=now
        ),
        "api-token.expired": api_token.issue(
            "one-test", ("notices:read",), audience=audience, ring=ours, now=now - timedelta(minutes=11)
        ),
        "client.ended": api_token.issue("nobody", ("notices:read",), audience=audience, ring=ours, now=now),
    }
    for code, shown in forged.items():
        got = await Supplier(http, shown).get("/notices?direction=came")
        assert got.headers["WWW-Authenticate"].startswith("Bearer ")
        await refused(got, 401, code)
    await refused(await http.get("/api/v1/notices"), 401, "api-token.malformed")


async def test_every_operation_is_open_to_those_scopes_that_the_table_names_and_to_no_other(there: Served) -> None:
    gw, _, http = there
    parts = {
        "notice": "01935f6e-0000-7000-8000-000000000000",
        "receipt": "1",
        "reply": "1",
        "webhook": f"wh-{'0' * 24}",
    }
    assert parts.keys() == PARTS.keys()
    for scope in Scope:
        one = await supplier(http, gw, [scope])
        for operation in list_operations():
            assert operation.act is not None, f"{operation.name} is open to everybody"
            address = operation.path.format(**parts)
            got = await http.request(
                operation.method, f"/api/v1{address}", headers={"Authorization": f"Bearer {one.token}"}
            )
            assert (got.status == 403) == (not is_allowed([scope], operation.act)), (
                f"{scope} at {operation.name}: {got.status}"
            )
            assert got.status < 500


async def test_without_a_token_there_is_only_the_description_and_where_to_get_one(there: Served) -> None:
    gw, _, _ = there
    routes = api.build_application(gw).router.routes()
    open_to_all = {
        f"{one.method} {one.resource.canonical}"
        for one in routes
        if one.resource and not hasattr(one.handler, "operation")
    }
    assert open_to_all == {"POST /token", "GET /openapi.json"}


def test_no_scope_is_more_than_a_person_could_do_and_none_manages_anything() -> None:
    for act in (Permission.MANAGE_PEOPLE, Permission.AUDIT, Permission.INSPECT, Permission.REPLAY, Permission.ASSIGN):
        assert not is_allowed(Scope, act)
    assert {
        act
        for act in (Permission.READ_CHILD, Permission.SEND, Permission.ANSWER)
        if is_allowed([Scope.STATUS_READ, Scope.WEBHOOKS], act)
    } == set()
    assert not set(Scope) & set(Role)


async def test_a_token_is_given_for_the_secret_alone_and_grants_no_more_than_was_asked(there: Served) -> None:
    gw, _, http = there
    secret = clients.add_client(gw, "one-test", "ONE", [Scope.NOTICES_READ, Scope.STATUS_READ], "agnes")
    got = await (await token(http, "one-test", secret)).json()
    assert (got["token_type"], got["expires_in"], got["scope"]) == ("Bearer", 600, "notices:read status:read")
    less = Supplier(http, (await (await token(http, "one-test", secret, scope="status:read")).json())["access_token"])
    await refused(await less.get("/notices/01935f6e-0000-7000-8000-000000000000"), 403, "client.scope")
    more = await token(http, "one-test", secret, scope="notices:send")
    assert (await refused(more, 400, "client.scope"))["error"] == "invalid_scope"
    other = await token(http, "one-test", secret, grant_type="password")
    assert (await refused(other, 400, "token.grant-type"))["error"] == "unsupported_grant_type"
    basic = {"Authorization": "Basic " + b64encode(f"one-test:{secret}".encode()).decode()}
    by_header = await http.post("/api/v1/token", data={"grant_type": "client_credentials"}, headers=basic)
    assert by_header.status == 200


async def test_a_client_that_has_ended_is_refused_at_once(there: Served) -> None:
    gw, _, http = there
    one = await supplier(http, gw, name="one-test")
    assert (await one.get("/authorities")).status == 200
    clients.end_client(gw, "one-test", "agnes")
    await refused(await one.get("/authorities"), 401, "client.ended")


async def test_a_client_that_asks_too_fast_is_told_when_to_come_again(tmp_path: Path) -> None:
    gw = house(tmp_path / "885", "885", "Worcestershire", (), "[api]\nrequests_per_minute = 3")
    async with served(gw) as http:
        # Takes the first, for its token.
        one = await supplier(http, gw)
        assert [(await one.get("/authorities")).status for _ in range(2)] == [200, 200]
        got = await one.get("/authorities")
        assert 1 <= int(got.headers["Retry-After"]) <= 21
        await refused(got, 429, "request.too-fast")
        # Another has its own.
        assert (await (await supplier(http, gw)).get("/authorities")).status == 200
    gw.store.close()


async def test_answers_carry_the_headers_of_the_console_and_another_host_is_not_answered(there: Served) -> None:
    _, _, http = there
    got = await http.get("/api/v1/openapi.json")
    assert (got.status, got.headers["Cache-Control"], got.headers["X-Content-Type-Options"]) == (
        200,
        "no-store",
        "nosniff",
    )
    assert (await http.get("/api/v1/openapi.json", headers={"Host": "evil.example"})).status == 421


async def test_a_notice_that_is_sent_by_the_api_arrives(there: Served) -> None:
    gw, sandwell, http = there
    one, sent = await supplier(http, gw), notice("885", "333")
    await one.post("/notices", json.write(sent))
    await deliver_now(gw)
    said = await (await one.get(f"/notices/{sent.header.message_id}/status")).json()
    assert said["tries"][0]["route"] == "https"
    assert sandwell.code == "333"


async def test_a_body_that_is_compressed_neither_breaks_nor_swells(there: Served) -> None:
    gw, _, http = there
    one = await supplier(http, gw)
    headers = {
        "Authorization": f"Bearer {one.token}",
        "Idempotency-Key": "k",
        "Content-Type": JSON,
        "Content-Encoding": "gzip",
    }
    bomb = gzip.compress(b" " * 50_000_000)
    got = await http.post("/api/v1/notices", data=bomb, headers=headers, skip_auto_headers=["Content-Encoding"])
    await refused(got, 413, "request.too-large")
    got = await http.post("/api/v1/notices", data=b"\x1f\x8b no gzip", headers=headers)
    await refused(got, 400, "request.body")


@pytest.mark.parametrize(
    "path",
    ["/api/v1", "/api/v1/", "/api/v1/notices/..%2f..%2finbox", "/api/v1/notices/%00", "/api/v1/notices/01935F6E-0000-7000-8000-000000000000", "/api/v1/notices/\u0661"],
)  # fmt: skip
async def test_an_address_that_is_none_is_a_problem_and_never_a_page(there: Served, path: str) -> None:
    _, _, http = there
    got = await http.get(path, allow_redirects=False)
    assert (got.status, got.content_type) == (404, PROBLEM), await got.text()


async def test_two_officers_answer_at_once_by_the_api_and_one_is_told(there: Served) -> None:
    gw, sandwell, http = there
    one, other, sent = await supplier(http, gw), await supplier(http, gw), await came(gw, sandwell)
    address = f"/notices/{sent.header.message_id}/acknowledgement"
    body = {"Decision": "accepted", "Officer": OFFICER}
    got = await asyncio.gather(*(each.post(address, body) for each in (one, other)))
    assert sorted(each.status for each in got) == [202, 409]


async def test_what_stands_in_a_notice_is_never_in_the_log_of_operators_nor_in_an_answer_that_refuses_it(
    there: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    gw, _, http = there
    one, said = await supplier(http, gw), text_of.loads(json.write(notice("885", "333")))
    said["TransferNotice"]["Child"]["Surname"] = "Verysecretname\x00"
    got = await one.post("/notices", said)
    assert (got.status, "Verysecretname" in await got.text()) == (422, False)
    assert "Verysecretname" not in "".join(capfd.readouterr())
