"""An administrator ends and resumes exchange with a partner in the browser, and confirms whom partners may ring here."""

import pytest

from gateway import home_folder
from gateway.core.findings import FindingLevel
from gateway.core.permissions import Permission, Reach, Role, get_reach
from gateway.exchange.send import send_notices
from gateway.monitoring import health
from gateway.store import audit_log, partner_cards, partners
from keys import card
from keys.errors import CardRefused
from keys.ring import IDENTITY_FILE
from tests.children import notice
from tests.consoles import sign_in_name
from tests.flows.test_console_oversight import Visitor

ADMIN = Role.ADMIN
OTHERS = [role for role in Role if get_reach([role], Permission.MANAGE_PARTNERS) is Reach.NONE]


def list_acts(visitor: Visitor, act: str) -> list[tuple[str, str | None]]:
    """Who did this, about which partner, the newest first."""
    entries = visitor.gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act=act))
    return [(it.actor, it.partner) for it in entries]


async def test_exchange_is_suspended_and_resumed_and_each_is_asked_first(visitor: Visitor) -> None:
    who = sign_in_name(ADMIN)
    page = await visitor.get(ADMIN, "/partners/885")
    assert ('href="/partners/885/suspend"' in page, 'href="/partners/885/resume"' in page) == (True, False)
    asked = await visitor.get(ADMIN, "/partners/885/suspend")
    assert "After 5 days they count as not delivered" in asked
    # To ask does nothing.
    assert list_acts(visitor, "partner.suspended") == []
    await visitor.post(ADMIN, "/partners/885/suspend", 303)
    assert list_acts(visitor, "partner.suspended") == [(who, "885")]
    with pytest.raises(CardRefused, match="suspended"):
        send_notices(visitor.gw, [notice()], by="olive")
    page = await visitor.get(ADMIN, "/partners/885?done=suspended")
    assert "is suspended." in page
    assert f"by {who}" in page
    assert ('href="/partners/885/suspend"' in page, 'href="/partners/885/resume"' in page) == (False, True)
    # Twice, as from two tabs, is told and not done.
    await visitor.post(ADMIN, "/partners/885/suspend", 409)
    await visitor.post(ADMIN, "/partners/885/resume", 303)
    assert list_acts(visitor, "partner.resumed") == [(who, "885")]
    await visitor.post(ADMIN, "/partners/885/resume", 409)
    assert len(send_notices(visitor.gw, [notice()], by="olive")) == 1
    await visitor.get(ADMIN, "/partners/330/suspend", 404)
    # Only what we say ourselves is shown, whatever stands in the address.
    assert "govuk-notification-banner" in await visitor.get(ADMIN, "/partners/885?done=resumed")
    assert "govuk-notification-banner" not in await visitor.get(ADMIN, "/partners/885?done=<b>resumed</b>")


async def test_where_a_directory_still_suspends_it_that_is_said(visitor: Visitor) -> None:
    now = visitor.gw.now()
    visitor.gw.store.run(lambda tx: partners.note_partner(tx, "885", switched_off_at=now, trusted_by="west-midlands"))
    await visitor.post(ADMIN, "/partners/885/suspend", 303)
    await visitor.post(ADMIN, "/partners/885/resume", 303)
    assert "call the keeper" in await visitor.get(ADMIN, "/partners/885?done=still-suspended")
    with pytest.raises(CardRefused, match="suspended"):
        send_notices(visitor.gw, [notice()], by="olive")


async def test_the_contacts_are_confirmed_and_the_identity_key_is_not_needed(visitor: Visitor) -> None:
    gw, who = visitor.gw, sign_in_name(ADMIN)
    gw.store.run(lambda tx: partner_cards.note_card_exchange(tx, "885", answered_at=gw.now()))
    keys = gw.config.home / home_folder.KEYS
    (keys / IDENTITY_FILE).rename(keys / "away")
    asked = await visitor.get(ADMIN, "/partners/own/contacts")
    assert "CME Officer" in asked
    assert list_acts(visitor, "card.contacts-checked") == []
    await visitor.post(ADMIN, "/partners/own/contacts", 303)
    assert list_acts(visitor, "card.contacts-checked") == [(who, None)]
    page = await visitor.get(ADMIN, "/partners/own?done")
    assert "Last checked on" in page
    assert "Partners see the date once your IT team renews the card." in page
    [found] = [it for it in health.measure_health(gw).findings if it.name == "contacts on our card"]
    assert (found.level, "once the card is renewed" in found.sentence) == (FindingLevel.OK, True)
    (keys / "away").rename(keys / IDENTITY_FILE)
    renewed = home_folder.renew_card(gw.config.home, by="ines")
    assert "cme_officer" in card.read_contact_dates(renewed)


@pytest.mark.parametrize("path", ["/partners/885/suspend", "/partners/885/resume", "/partners/own/contacts"])
async def test_nobody_else_may_and_no_page_elsewhere_can_have_it_done(visitor: Visitor, path: str) -> None:
    for role in OTHERS:
        await visitor.get(role, path, 403)
        await visitor.post(role, path, 403)
    await visitor.post(ADMIN, path, 403, form_token="of another page")
    acts = ("partner.suspended", "partner.resumed", "card.contacts-checked")
    assert [list_acts(visitor, act) for act in acts] == [[], [], []]
    for page in ("/partners/885", "/partners/own"):
        assert f'href="{path}"' not in await visitor.get(Role.SERVICE_MANAGER, page)
