"""What waits on our side, for an officer, for ONE, or to be told: drafts, imports, possible matches, webhooks.

Counts and ages only.
"""

from collections.abc import Iterator
from datetime import datetime

from gateway import home_folder
from gateway.access.tell_manager import TOLD_WITHIN
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.contact_ages import CHECK_EVERY, list_due_roles
from gateway.core.findings import FindingLevel, HealthFinding, fail_check, pass_check, warn_check
from gateway.core.health_rules import LATE, PARTNER_LATE
from gateway.core.match_state import MatchState
from gateway.core.moments import format_moment
from gateway.core.transfer_stage import TransferStage
from gateway.errors import ConfigProblem
from gateway.reconciliation import deadlines
from gateway.store import (
    access_changes,
    audit_log,
    blind_index,
    children,
    drafts,
    left_behind,
    mail_replies,
    officer_mails,
    outbox,
    partner_health,
    people,
    searches,
    transfer_files,
    webhooks,
)
from gateway.store.database import Tx
from keys import card
from keys.errors import CardRoute
from keys.jose import CLOCK_SKEW

# Beyond it, it does not matter how many: a look must stay small.
MOST_COUNTED = 10_000


def check_queues(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Yield every check of what waits on our side."""
    if gw.config.one.import_folder:
        yield from _check_imports(tx, gw)
    if gw.config.one.folder:
        yield _check_drafts(tx, gw)
    yield from _check_replies(tx, gw)
    yield from _check_clock(tx, gw)
    yield from _check_find_index(tx)
    yield from _check_matches(tx, gw)
    yield from _check_webhooks(tx, gw)
    yield from _check_officer_mails(tx, gw)
    yield from _check_left_behind(tx, gw)
    yield from _check_own_routes(tx, gw)
    yield from _check_unbelieved(tx, gw)
    yield from _check_cards(gw)
    yield from _check_contact_dates(tx, gw)
    yield from _check_own_access(tx, gw)


def _check_contact_dates(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Remind people to check whom partners may ring here; how old theirs are, partners' pages say."""
    began = next((entry.at for entry in audit_log.list_entries_from(tx, 0, 1)), gw.now())
    checked = home_folder.find_contact_checks(tx, gw.config)
    due = list_due_roles(home_folder.digest_contacts(gw.config), checked, since=began, now=gw.now())
    if due:
        named = ", ".join(map(labels.name_contact_role, due))
        says = f"Not checked for {CHECK_EVERY.days} days, or changed since: {named}."
        ask = "Ask each if the name, phone number and email on your own card are right."
        on_page = f"{ask} Then an administrator confirms it there."
        run = "Ask each if the name, phone number and email are right, then run `cme-gateway card confirm-contacts`."
        yield warn_check("contacts on our card", says, on_page, run)
    elif checked and (old := home_folder.list_old_readers(tx, gw)):
        named = ", ".join(map(labels.name_authority_in_full, old))
        says = f"Checked, but the card does not say when: older gateways could not read it ({named})"
        yield pass_check("contacts on our card", says)
    elif checked and checked != card.read_contact_dates(gw.own_card):
        yield pass_check("contacts on our card", "Checked. Partners see the date once the card is renewed")


def _check_own_access(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Yield administrators who gave themselves access to children's records, as there was nobody else to do it."""
    for change in access_changes.list_access_changes(tx, gw.now() - TOLD_WITHIN):
        if change.is_own:
            person = people.find_person(tx, change.person)
            says = labels.describe_own_access(
                person.called if person else change.person,
                format_moment(change.at),
                sorted(change.roles),
                told=change.told_at is not None,
            )
            yield warn_check("own access", says, "If this was not agreed, have the role taken away.")


def _check_unbelieved(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """They answer, and their receipts do not hold: among good traffic nothing else would show it."""
    for code, count, since, why in outbox.list_unbelieved_receipts(tx, gw.now() - PARTNER_LATE):
        says = f"{count} waiting since {format_moment(since)}: {why}."
        retry = f"Call them and compare the cards. Then run `cme-gateway retry --to {code}`."
        call = f"Call {gw.whom_to_ring(code) or 'them'}. Compare the cards. Then retry."
        yield warn_check(f"receipts of {code}", says, call, retry)


def _check_cards(gw: Gateway) -> Iterator[HealthFinding]:
    """Cards from before their routes were checked: what such a route names is not called."""
    for code in sorted(gw.trust.list_authorities()):
        try:
            card.check_routes(gw.trust.get_card(code))
        except CardRoute:
            says = "A route on it is not a plain address, so it is not used."
            add = ("Ask for a new card, and add it.", "Ask for a new card. Add it with `cme-gateway partner add CARD`.")
            yield warn_check(f"card of {code}", says, *add)


def _check_own_routes(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Yield a server at which partners leave things for us, and into which we cannot look."""
    kinds = {route.kind for route in gw.own_card.routes}
    for reach in partner_health.list_route_reach(tx).get(gw.code, []):
        if reach.route in kinds and reach.failing_since and gw.now() - reach.failing_since > PARTNER_LATE:
            says = f"Nothing has been collected there since {format_moment(reach.failing_since)}: {reach.reason}."
            yield fail_check(f"our {reach.route} route", says, "Check the server, or call the team that runs it.")


def _check_left_behind(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Yield what lies at our routes and at partners', and is not handled; it holds up nothing else."""
    for leftover in left_behind.list_left_behind(tx):
        place = "our" if leftover.authority == gw.code else f"{leftover.authority}'s"
        says = f"{leftover.count} since {format_moment(leftover.since)}: {leftover.why}."
        yield warn_check(
            f"left at {place} {leftover.route} route", says, "Look there, or call the team that runs the server."
        )


def _check_replies(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    count, oldest = mail_replies.count_waiting_replies(tx)
    if count and oldest:
        says = f"{count} to be read by an officer since {format_moment(oldest)}."
        show = ("Ask an officer to read them.", "Run `cme-gateway replies list`.")
        yield _by_age(gw, "replies by mail", says, oldest, show)


def _check_clock(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Yield our clock ran fast, or runs slow now."""
    if count := outbox.count_queued_ahead(tx, gw.now() + CLOCK_SKEW):
        says = f"{count} notices have a time in the future, because the clock of this server was or is wrong."
        yield warn_check("clock", says, "Set the clock. Each notice then gets the right time when it is retried.")


def _check_find_index(tx: Tx) -> Iterator[HealthFinding]:
    """Yield that old notices are being added to the search, as after an update; nothing where all are."""
    if count := blind_index.count_waiting(tx, MOST_COUNTED):
        more = "or more " if count == MOST_COUNTED else ""
        says = f"{count:,} {more}older notices are still being added. Until then, some cannot be found by everything."
        yield pass_check("search for notices", says)


def _check_imports(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    oldest, name = transfer_files.find_oldest_file_due(tx), "notices to be imported"
    if oldest is None:
        yield pass_check(name, "None")
    else:
        says = f"{transfer_files.count_files(tx, TransferStage.WAITING)} since {format_moment(oldest)}."
        late = gw.now() - oldest > LATE
        yield warn_check(name, says, "Check ONE's import folder.") if late else pass_check(name, says)
    unmatched = transfer_files.count_files(tx, TransferStage.UNMATCHED)
    show = "Run `cme-gateway one imports --state unmatched`."
    yield HealthFinding(
        "imports without a match", FindingLevel.OK, str(unmatched or "None"), "", show if unmatched else ""
    )


def _check_drafts(tx: Tx, gw: Gateway) -> HealthFinding:
    count, oldest = drafts.count_open_drafts(tx)
    if not count or not oldest:
        return pass_check("drafts", "None")
    says = f"{count} to be checked by an officer since {format_moment(oldest)}."
    show = ('Ask an officer to check them in "Leavers to check".', "Run `cme-gateway leavers list`.")
    return _by_age(gw, "drafts", says, oldest, show)


def _check_matches(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    if children.find_current_load(tx) is None:
        if gw.config.one.children_folder:
            says = "None has been loaded, so notices are not checked against pupil records."
            load = (
                "Have ONE write an extract of all pupils.",
                "Have ONE write an extract, or use `cme-gateway one pupils FILE`.",
            )
            yield warn_check("index of our children", says, *load)
        return
    count, oldest = searches.count_searches(tx, MatchState.MATCHED)
    if count and oldest:
        says = f"{count} since {format_moment(oldest)}."
        show = ('Ask an officer to check them in "Possible matches".', "Run `cme-gateway matches list`.")
        yield _by_age(gw, "possible matches", says, oldest, show)


def _by_age(gw: Gateway, name: str, says: str, oldest: datetime, show: tuple[str, str]) -> HealthFinding:
    """Warn after a working day."""
    try:
        late = gw.now() > deadlines.read_terms(gw.config).get_calendar(gw.code).add_working_days(oldest, 1)
    except ConfigProblem:
        return warn_check(name, f"{says} The calendars cannot be read, so it may be overdue.", *show)
    return warn_check(name, says, *show) if late else HealthFinding(name, FindingLevel.OK, says, *show)


def _check_webhooks(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    try:
        gw.config.webhook_ca()
    except ConfigProblem as why:
        yield warn_check("webhooks", why.sentence, why.next_on_page, why.next_in_terminal)
    hooks = webhooks.list_webhooks(tx)
    ended = [webhook for webhook in hooks if not webhook.active]
    late = [
        webhook
        for webhook in hooks
        if webhook.active and webhook.failing_since and gw.now() - webhook.failing_since >= LATE
    ]
    for webhook in ended:
        says = f"Notifications to {webhook.client} stopped after repeated failures ({webhook.failed_as})."
        resume = ('Restart them in "Connected systems".', f"Run `cme-gateway api resume {webhook.id}`.")
        yield warn_check("webhooks", says, *resume)
    for webhook in late:
        says = f"Notifications to {webhook.client} have failed for an hour or more ({webhook.failed_as})."
        yield warn_check("webhooks", says, "Call the team that runs that system.")
    if hooks and not (ended or late):
        yield pass_check("webhooks", f"{len(hooks)} working")


def _check_officer_mails(tx: Tx, gw: Gateway) -> Iterator[HealthFinding]:
    """Yield whether the emails to officers about new work leave."""
    chosen = officer_mails.list_officer_mails(tx)
    failing = [mail for mail in chosen if mail.failing_since]
    name = "emails to officers"
    if chosen and gw.mail is None:
        says = f"{len(chosen)} asked for them, and this gateway has no email account."
        yield warn_check(name, says, "Complete [email] in gateway.toml.")
    elif failing:
        since = min(mail.failing_since for mail in failing if mail.failing_since)
        says = f"{len(failing)} not sent since {format_moment(since)}: {failing[0].failed_as}."
        yield warn_check(name, says, "Check the address in Users, and your email server.")
    elif chosen:
        yield pass_check(name, f"{len(chosen)} asked for them")
