"""The page of a case that is printed: for who may open the case, also of a search, and with what must be checked."""

from gateway.access import people
from gateway.core.permissions import Role
from gateway.exchange import enquire
from gateway.exchange.receive import receive_parcels
from gateway.store import audit_log
from tests.children import notice
from tests.conftest import introduce, make
from tests.consoles import sign_in_name
from tests.field.test_safeguards_everywhere import contradicted, sealed_by_older_version
from tests.flows.test_console_oversight import Visitor
from tests.flows.test_inbox import came, from_there

OFFICER, OUTREACH = Role.CME_OFFICER, Role.OUTREACH


async def test_a_case_is_printed_by_who_may_open_it_and_that_is_logged(visitor: Visitor) -> None:
    [case] = await came(visitor, from_there(visitor))
    await visitor.get(OUTREACH, f"/cases/{case}/print", 403)
    people.assign_case(visitor.gw, case, sign_in_name(OUTREACH), "mona")
    page = await visitor.get(OUTREACH, f"/cases/{case}/print")
    assert "Ada Testchild-Example" in page
    assert "Otto Testvisitor" in page
    assert f'href="/cases/{case}/print"' in await visitor.get(OUTREACH, f"/cases/{case}")
    readings = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="notice.read"))
    assert [entry.actor for entry in readings] == [sign_in_name(OUTREACH)] * 2
    await visitor.get(OFFICER, "/cases/11111111-1111-4111-8111-111111111111/print", 404)


async def test_a_search_that_went_to_many_says_to_how_many(visitor: Visitor) -> None:
    third = make(visitor.gw.config.home.parent / "330", "330", "Birmingham")
    introduce(visitor.gw, third)
    asked = notice(name="whereabouts-enquiry", now=visitor.gw.now())
    enquire.ask_authorities(visitor.gw, asked, ["885", "330"], {}, by="tara")
    page = await visitor.get(OFFICER, f"/cases/{asked.header.case_id}/print")
    assert "Whereabouts enquiry to 2 authorities" in page
    assert "Eve Testchild-Example" in page
    third.store.close()


async def test_of_a_notice_that_contradicts_itself_no_address_is_printed(visitor: Visitor) -> None:
    message = contradicted("885", "333")
    await receive_parcels(visitor.gw, [sealed_by_older_version(visitor.there, message)], "885")
    page = await visitor.get(OFFICER, f"/cases/{message.header.case_id}/print")
    assert "Check the restriction with Worcestershire." in page
    assert "Placeholder Road" in str(message.body)
    assert "Placeholder Road" not in page
