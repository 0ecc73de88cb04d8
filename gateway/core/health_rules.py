"""What is wrong with the figures, and what to do next.

The alert rules in docs/monitoring/alerts.yml draw the same lines.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from gateway.core import labels
from gateway.core.connection_causes import find_proxy_cause
from gateway.core.delivery import DeliveryState
from gateway.core.directory_rules import check_suspended, list_directory_findings
from gateway.core.expiry import RULES, ExpiryKind, check_expiry, check_own_expiry
from gateway.core.findings import (
    FindingLevel,
    HealthFinding,
    fail_check,
    format_duration,
    pass_check,
    warn_check,
)
from gateway.core.health import (
    PASSWORDS,
    CardHealth,
    DiskHealth,
    FolderHealth,
    Health,
    LogAlarm,
    LoopHealth,
    PartnerHealth,
    RestoreHealth,
    RouteHealth,
    WitnessedHealth,
)
from gateway.core.moments import format_moment
from gateway.core.storage_rotation import find_active, find_unfinished, find_waiting
from gateway.core.witness_answers import ALARMS, WitnessTrouble

# The purge runs every night.
PURGE_LATE = timedelta(hours=36)
# What has not left by then is worth a look.
LATE = timedelta(hours=1)
# So is a partner that has failed for so long: a restart takes less.
PARTNER_LATE = timedelta(minutes=15)
# Their gateway said so: `adapters.statuses`.
NOT_TAKEN = frozenset({"refused.400", "refused.405", "refused.415"})
# With the code of SMTP: `adapters.email`.
REFUSED_BY_MAIL = "email."
NOT_BELIEVED = frozenset({f"{who}.{status}" for who in ("refused", "answered") for status in (401, 403)})
FOLDER_LATE = timedelta(days=1)
# Statements are compared each day.
STATEMENT_LATE = timedelta(days=2)
# One is signed every ten seconds in which the log grew.
CHECKPOINT_LATE = timedelta(minutes=10)
# Outside witnesses are asked each hour.
COSIGNED_LATE = timedelta(days=1)
# Each process takes up new keys within seconds.
TAKEN_UP = timedelta(minutes=2)
# From five on, messages are refused.
SKEW = timedelta(minutes=2)
# A reply may come before what it is about, by another route.
OVERTAKEN = timedelta(minutes=10)
# Bytes free.
LITTLE_SPACE, NO_SPACE = 2**30, 2**27
# Of the disk.
LITTLE_SHARE = 0.1
# Of a mailbox.
FULL_SHARE = 0.9
INTRODUCE_LOG = (
    "Your IT team gives the outside witness the keys of this audit log.",
    "Run `cme-gateway audit log-keys`, and give each line to the operator of the outside witness.",
)
ASK_WITNESS = (
    "Your IT team calls the operator of the outside witness.",
    "Check its address in the policy file. Then call its operator.",
)
EXPLAIN_TO_WITNESS = (
    "Tell your IT team at once. The database was restored, or audit entries were changed.",
    "Run `cme-gateway audit verify --ask`. If the database was restored, tell the operator of the outside witness.",
)
SET_CLOCKS = "Have both clocks set by NTP."
RENEW_CARD = ("Renew the card on the server.", "Run `cme-gateway card renew`.")


def list_findings(health: Health) -> Iterator[HealthFinding]:
    """Yield every finding that follows from the figures, in the order in which an operator would mend things."""
    yield from _check_database(health)
    yield _check_space(health.disk)
    yield from _check_loops(health)
    yield from _check_processes(health)
    yield from _check_storage_keys(health)
    for expiry in health.expiries:
        # A directory has a finding of its own, with how it stands.
        if expiry.kind is not ExpiryKind.DIRECTORY:
            yield check_own_expiry(expiry, health.at)
    yield from _check_queue(health)
    yield from _check_clock(health)
    yield from _check_believed(health)
    yield from _check_proxy(health)
    if health.partners:
        yield pass_check("partners", f"{len(health.partners)} confirmed")
    else:
        add = ("Add a card on the server.", "Use `cme-gateway partner add CARD`.")
        yield warn_check("partners", "No partner authority has been confirmed.", *add)
    for its_directory in health.directories:
        yield from list_directory_findings(its_directory, health.authority, health.at)
    yield from map(check_suspended, health.suspended)
    for partner in health.partners:
        yield from _check_partner(partner, health.at)
    for folder in health.folders:
        yield _check_folder(folder, health.at)
        yield from _check_left_behind(folder)
    yield from _check_mailboxes(health)
    yield from _check_index(health)
    yield from _check_retention(health)
    yield from _check_log(health)


def _check_database(health: Health) -> Iterator[HealthFinding]:
    base = health.database
    if base.trouble:
        yield fail_check("database", base.trouble, "Look up the codes that begin with store. in the operator's guide.")
    elif not base.current:
        yield fail_check("database", "It does not have the tables that this version needs.", "Restart the gateway.")
    else:
        yield pass_check("database", f"Working, {base.size / 2**20:.0f} MiB")


def _check_space(disk: DiskHealth) -> HealthFinding:
    share = disk.free / disk.size if disk.size else 0.0
    says = f"{disk.free / 2**30:.1f} GiB, {share:.0%} of the disk"
    if disk.free < NO_SPACE:
        return fail_check("free space", says, "Free some space. Nothing can be saved on a full disk.")
    if disk.free < LITTLE_SPACE or share < LITTLE_SHARE:
        return warn_check("free space", says, "Free some space.")
    return pass_check("free space", says)


def _check_loops(health: Health) -> Iterator[HealthFinding]:
    for loop in health.stopped:
        yield _find_stopped(loop)
    if health.loops and not health.stopped:
        yield pass_check("loops", f"All {len(health.loops)} running")


def _check_processes(health: Health) -> Iterator[HealthFinding]:
    """Yield each process that has an older card or other keys than the one with the newest, and other settings."""
    newest = max(health.processes, key=lambda process: process.card_serial, default=None)
    if newest is None:
        return
    for process in health.processes:
        if (process.card_serial, process.signing_key) != (newest.card_serial, newest.signing_key):
            says = f"It runs with card {process.card_serial} and its keys. {newest.name} has card {newest.card_serial}."
            if not process.signs:
                says = f"{says} Its signing key has ended, so it sends nothing and accepts nothing."
            copy = f"Copy keys/, card.jwt, tls.key and tls.pem from the home folder of {newest.name}."
            yield fail_check(f"process: {process.name}", says, "Copy the newest keys and card to it.", copy)
    if len({process.settings for process in health.processes}) > 1:
        says = f"Not the same: {', '.join(process.name for process in health.processes)}."
        compare = "Compare gateway.toml in their home folders. Only ports may differ. Then restart them."
        yield warn_check("settings of processes", says, "Make the settings the same, and restart them.", compare)


def _check_storage_keys(health: Health) -> Iterator[HealthFinding]:
    """Yield how far a rotation of the storage key is, and what holds it up."""
    name, keys = "encryption of stored data", health.storage_keys
    waiting, active = find_waiting(keys), find_unfinished(keys)
    wanted = waiting or find_active(keys)
    without = [it.name for it in health.processes if wanted and wanted.kid not in it.storage_keys]
    if wanted and without and health.at - wanted.added_at > TAKEN_UP:
        says = f"These processes do not have the storage key {wanted.kid}: {', '.join(without)}."
        copy = "Copy keys/ to their home folders from the one in which it was made."
        yield warn_check(name, says, "Copy the newest keys to them.", copy)
    elif waiting:
        wait = "It is used once every process that runs has it."
        yield pass_check(name, f"A new storage key was made on {format_moment(waiting.added_at)}. {wait}")
    elif active and active.unopened:
        says = f"{active.unopened} stored copies cannot be opened with any of this gateway's keys."
        on_page = "Ask your IT team which keys are missing."
        look = "Run `cme-gateway audit verify`, which names them. Restore keys/ from a backup that has their key."
        yield warn_check(name, says, on_page, look)
    elif active:
        left = "" if active.remaining is None else f", {active.remaining} are left"
        yield pass_check(name, f"{active.rewrapped} stored copies are under the new storage key{left}")


def _find_stopped(loop: LoopHealth) -> HealthFinding:
    if loop.name == PASSWORDS:
        says = f"A password check that started on {format_moment(loop.looked_at)} took far too long."
        return fail_check("signing in", says, "If nobody can sign in, restart the gateway. Report what its log says.")
    since = f"Has not run since {format_moment(loop.looked_at)}."
    name = f"{loop.name} on {loop.process}" if loop.process else loop.name
    return fail_check(f"loop: {name}", since, "Restart the gateway, and report what its log says.")


def _check_queue(health: Health) -> Iterator[HealthFinding]:
    oldest = health.oldest_waiting
    if oldest is None:
        yield pass_check("undelivered notices", "None")
    elif health.at - oldest > LATE:
        show = (
            "See which partner authorities have a problem.",
            "Run `cme-gateway outbox --state queued --state sent`.",
        )
        yield warn_check("undelivered notices", f"The oldest has been waiting {_format_since(oldest)}.", *show)
    else:
        yield pass_check("undelivered notices", f"The oldest has been waiting {_format_since(oldest)}.")
    failed, rejected = health.counts[DeliveryState.FAILED], health.counts[DeliveryState.REJECTED]
    retry = ("Retry them, or tell the officers who sent them.", "Run `cme-gateway retry --list`.")
    name = "notices given up"
    yield warn_check(name, f"{failed} not delivered", *retry) if failed else pass_check(name, "None")
    name = "notices refused by partners"
    show = ("Tell the officers who sent them.", "Run `cme-gateway outbox --state rejected`.")
    yield warn_check(name, f"{rejected} rejected", *show) if rejected else pass_check(name, "None")


def _format_since(moment: datetime) -> str:
    return f"since {format_moment(moment)}"


def _check_clock(health: Health) -> Iterator[HealthFinding]:
    """Yield whether our clock is right: where most partners' are wrong by the same, it is ours."""
    ahead = [partner_ahead.clock_ahead for partner_ahead in health.partners if partner_ahead.clock_ahead is not None]
    if not ahead:
        return
    ours = timedelta(seconds=-median(partner_ahead.total_seconds() for partner_ahead in ahead))
    if len(ahead) > 1 and abs(ours) > SKEW:
        yield fail_check(
            "our clock", f"{format_duration(abs(ours))} {_fast_or_slow(ours)}, compared with most partners.", SET_CLOCKS
        )
    else:
        yield pass_check("our clock", f"Agrees with {len(ahead)} partner{'s' * (len(ahead) > 1)}")


def _fast_or_slow(by: timedelta) -> str:
    return "fast" if by > timedelta(0) else "slow"


def _ahead_or_behind(by: timedelta) -> str:
    return "ahead of" if by > timedelta(0) else "behind"


def _check_partner(partner: PartnerHealth, now: datetime) -> Iterator[HealthFinding]:
    yield from _check_expiries(partner, now)
    yield from _check_cards(partner)
    if partner.is_withdrawn:
        says = "Their identity key was revoked. Nothing from them is accepted, and what is for them waits."
        add = "Call them for their new card, then run `cme-gateway partner add FILE --new-identity`."
        yield warn_check(f"identity of {partner.authority}", says, f"{_say_call(partner)} Ask for their new card.", add)
    elif partner.is_identity_waiting:
        says = "They have a new identity key that nobody here has confirmed. Until then their present card counts."
        compare = f"Call them. Then run `cme-gateway partner confirm-identity {partner.authority}`."
        on_page = f"{_say_call(partner)} Your IT team compares the new fingerprint with them."
        yield warn_check(f"identity of {partner.authority}", says, on_page, compare)
    if partner.lacks_our_identity:
        says = "They have not confirmed this authority's new identity key. Until then they use its present card."
        on_page = f"{_say_call(partner)} Your IT team reads them the new fingerprint."
        read = "Call them and read out the fingerprint that `cme-gateway card export --next` shows."
        yield warn_check(f"our identity at {partner.authority}", says, on_page, read)
    failing = partner.failing
    if failing and failing.failing_since and _is_worth_a_look(failing, now):
        since = f"{_count_not_there(partner)} {failing.route} has failed {_format_since(failing.failing_since)}"
        says = f"{since} ({failing.reason})." if failing.reason else f"{since}."
        retry = f"Then run `cme-gateway retry --to {partner.authority}`."
        on_page, in_terminal = f"{_say_call(partner)} Then retry what was not delivered.", f"Call them. {retry}"
        if cause := find_proxy_cause(failing.code):
            on_page, in_terminal = cause.next_on_page, f"{cause.next_in_terminal} {retry}"
        yield warn_check(f"delivery to {partner.authority}", says, on_page, in_terminal)
    yield from _check_weak_routes(partner)
    if partner.about_nothing and partner.about_nothing_since and now - partner.about_nothing_since > OVERTAKEN:
        are = "reply is about a notice that is" if partner.about_nothing == 1 else "replies are about notices that are"
        yield warn_check(
            f"replies of {partner.authority}",
            f"{partner.about_nothing} {are} not known here, {_format_since(partner.about_nothing_since)}.",
            f"{_say_call(partner)} Ask an officer to mark the replies as checked.",
            "Call them. See `cme-gateway inbox --state about-nothing`, then use `cme-gateway put-aside`.",
        )
    ahead = partner.clock_ahead
    if ahead is not None and abs(ahead) > SKEW:
        yield warn_check(
            f"clock of {partner.authority}",
            f"{format_duration(abs(ahead))} {_ahead_or_behind(ahead)} ours.",
            SET_CLOCKS,
        )
    compared = max(filter(None, (partner.compared_at, partner.due_since)), default=None)
    if partner.due_since and compared and now - compared > STATEMENT_LATE:
        says = f"Records were last compared {format_duration(now - compared)} ago."
        see = f"Run `cme-gateway compare {partner.authority}` to see if they answer."
        yield warn_check(
            f"statement of {partner.authority}", says, f"{_say_call(partner)} Ask if their gateway is running.", see
        )


def _check_expiries(partner: PartnerHealth, now: datetime) -> Iterator[HealthFinding]:
    """Yield what of theirs expires soon, and why nothing newer has come."""
    for expiry in partner.expiries:
        must = RULES[expiry.kind].theirs
        if expiry.kind is ExpiryKind.LETTER_CERTIFICATE:
            yield check_expiry(f"certificate of {partner.authority}", expiry.ends_at, now, must)
            continue
        renew = (
            f"{_say_call(partner)} {must} The new card comes by itself if their gateway can be reached.",
            f"Call them. {must} Then run `cme-gateway partner fetch-card {partner.authority}`.",
        )
        check = check_expiry(f"{expiry.kind} of {partner.authority}", expiry.ends_at, now, *renew)
        if check.level is not FindingLevel.OK:
            yield replace(check, sentence=f"{check.sentence} {_explain_not_renewed(partner.card)}")


def _explain_not_renewed(card: CardHealth) -> str:
    """Say why no newer card has come."""
    if card.refused:
        return f"A newer card was refused. {card.refused}"
    if card.asked_at is None:
        return "They have not been asked for a newer card yet."
    asked = f"They were last asked for a newer card on {format_moment(card.asked_at)}"
    return f"{asked}, and it could not be fetched: {card.trouble}." if card.trouble else f"{asked}, and have none."


def _check_cards(partner: PartnerHealth) -> Iterator[HealthFinding]:
    """Yield that a card of theirs was refused here, or that they hold one of ours that we do not know."""
    if partner.card.refused:
        name = f"newer card of {partner.authority}"
        yield warn_check(name, partner.card.refused, _say_call(partner), "Call them on a number you know.")
    if partner.card.ahead:
        says = "They hold a newer card of this authority than this gateway has. A backup may have been restored here."
        yield fail_check(f"our card at {partner.authority}", says, *RENEW_CARD)


def _say_call(partner: PartnerHealth) -> str:
    """Say whom to call there, and the number."""
    return f"Call {partner.ring}." if partner.ring else "Call them: no telephone number of theirs is known here."


def _count_not_there(partner: PartnerHealth) -> str:
    given_up = f"{partner.given_up} given up." if partner.given_up else ""
    return f"{partner.waiting} waiting. {given_up}".strip() if partner.waiting else given_up


def _is_worth_a_look(failing: RouteHealth, now: datetime) -> bool:
    """Tell whether to look: at once where a server does not take what we send, as waiting does not help; else later."""
    assert failing.failing_since is not None  # noqa: S101 - or it would not fail
    by_mail = (failing.code or "").startswith(REFUSED_BY_MAIL)
    return by_mail or failing.code in NOT_TAKEN or now - failing.failing_since > PARTNER_LATE


def _check_believed(health: Health) -> Iterator[HealthFinding]:
    """Yield that partners do not believe who we are: every one of them to whom something waits, or some."""
    failing = {partner.authority: partner.failing.code for partner in health.partners if partner.failing}
    who = [authority for authority, code in failing.items() if code in NOT_BELIEVED]
    if who:
        level = fail_check if len(who) == len(failing) and len(who) > 1 else warn_check
        on_page = "Check this server's clock. Then renew the card: they fetch it by themselves."
        in_terminal = "Check this server's clock. Then run `cme-gateway card renew`: they fetch it by themselves."
        named = ", ".join(map(labels.name_authority_in_full, who))
        yield level("who we are", f"{named} answer 401 or 403 to every message.", on_page, in_terminal)


def _check_proxy(health: Health) -> Iterator[HealthFinding]:
    """Yield each kind of trouble with the council's own proxy, as tries to reach partners met it; at once."""
    failing = {
        partner.authority: route.code
        for partner in health.partners
        for route in partner.routes
        if (partner.waiting or partner.given_up) and route.failing_since and find_proxy_cause(route.code)
    }
    for code in sorted(set(filter(None, failing.values()))):
        if cause := find_proxy_cause(code):
            who = [authority for authority, its_code in failing.items() if its_code == code]
            named = ", ".join(map(labels.name_authority_in_full, who))
            says = f"{cause.name_as(code)} Not reached: {named}."
            yield fail_check("proxy", says, cause.next_on_page, cause.next_in_terminal)


def _check_weak_routes(partner: PartnerHealth) -> Iterator[HealthFinding]:
    """Yield a route that fails while another takes its place."""
    last = partner.succeeded_at
    for route in partner.routes:
        since, failed = route.failing_since, route.failed_at
        if last and since and failed and last - since > LATE and last - failed < LATE:
            says = f"Has failed {_format_since(since)} ({route.reason}). Another route is used instead."
            yield warn_check(f"route {route.route} to {partner.authority}", says, _say_call(partner), "Call them.")


def _check_folder(folder: FolderHealth, now: datetime) -> HealthFinding:
    if folder.trouble:
        return fail_check(folder.name, folder.trouble, "Mount the folder, or let the gateway's user use it.")
    if folder.doubted:
        says = f"Files that need to be checked: {folder.doubted}."
        return warn_check(folder.name, says, 'Check them in "Files to check".', "Run `cme-gateway one waiting`.")
    if folder.failed:
        return warn_check(
            folder.name, f"Files that could not be read: {folder.failed}.", f"See the reports in {folder.home}/failed."
        )
    if folder.oldest and now - folder.oldest > FOLDER_LATE:
        return warn_check(
            folder.name,
            f"A file has been there for {format_duration(now - folder.oldest)}.",
            f"Look in {folder.path} for the reason.",
        )
    since = folder.quiet_since
    if since and folder.quiet_days and now - since > timedelta(days=folder.quiet_days):
        says = f"No file has come {_format_since(since)}, for {format_duration(now - since)}."
        look = "Check that ONE still makes its extract, and that it writes to this folder."
        in_terminal = f"{look} [one] extract_days sets after how many days this is a warning."
        return warn_check(folder.name, says, look, in_terminal)
    last = f". The last file came on {format_moment(folder.taken_at)}" if folder.taken_at else ""
    return pass_check(folder.name, f"{folder.path}{last}")


def _check_left_behind(folder: FolderHealth) -> Iterator[HealthFinding]:
    """Yield what is not taken, each kind by itself: how many, since when."""
    for left in folder.left:
        says = f"{left.count} not processed since {format_moment(left.since)}: {left.why}."
        yield warn_check(f"left in {folder.name}", says, f"Find out who puts them in {folder.path}, and remove them.")


def _check_mailboxes(health: Health) -> Iterator[HealthFinding]:
    for mailbox in health.mailboxes:
        name = f"mailbox of {mailbox.owner}"
        says = f"{mailbox.bundles} bundles, {mailbox.size / 2**20:.1f} MiB"
        more_room = (
            "Call its owner, who must collect. Or give it more room.",
            "Call its owner, who must collect. Or raise [hosting] megabytes.",
        )
        if mailbox.room and mailbox.size > FULL_SHARE * mailbox.room:
            yield warn_check(name, f"Almost full: {says}.", *more_room)
        elif mailbox.oldest and health.at - mailbox.oldest > FOLDER_LATE:
            waited = f"{says}. The oldest has been there for {format_duration(health.at - mailbox.oldest)}."
            yield warn_check(name, waited, "Call its owner, who must collect.")
        else:
            yield pass_check(name, says)


def _check_index(health: Health) -> Iterator[HealthFinding]:
    if index := health.index:
        says = f"{index.children} children, from {index.at:%d %b %Y}"
        old = (health.at - index.at).days >= index.most_days
        name = "index of our children"
        yield warn_check(name, f"Too old: {says}.", "Have ONE write a new extract.") if old else pass_check(name, says)


def _check_retention(health: Health) -> Iterator[HealthFinding]:
    if (run := health.retention) is None:
        return
    name = "deletion of old cases"
    says = "Has never run" if run.never else f"Last finished on {format_moment(run.since)}"
    if run.trouble:
        says = f"{says}. {run.trouble.removesuffix('.')}"
    if health.at - run.since > PURGE_LATE:
        again = (
            "It runs each night while the gateway runs. Report what its log says.",
            "Run `cme-gateway retention purge`, and report what it says.",
        )
        yield warn_check(name, f"{says}.", *again)
    else:
        yield pass_check(name, says)


def _check_log(health: Health) -> Iterator[HealthFinding]:
    log = health.log
    behind = log.size > log.covered and (log.checkpoint_at is None or health.at - log.checkpoint_at > CHECKPOINT_LATE)
    says = f"{log.covered} of {log.size} entries signed"
    sign = ("Start the gateway, which signs the rest.", "Run `cme-gateway serve`, which signs the rest.")
    yield warn_check("checkpoint", f"{says}.", *sign) if behind else pass_check("checkpoint", says)
    for alarm in log.alarms:
        says = f"{alarm.sentence[:1].upper()}{alarm.sentence[1:]}. {_explain_alarm(alarm)}"
        clear = f"Call {alarm.ring}. When you know the cause, run `cme-gateway audit clear-warning {alarm.authority}`."
        on_page = f"Call {alarm.ring}. Do not rely on their records until this is explained."
        check = warn_check if alarm.restored else fail_check
        yield check(f"audit log of {alarm.authority}", says, on_page, clear)
    for restore in log.restores:
        yield _check_restore(restore)
    if log.witnessed:
        yield from _check_witnessed(log.witnessed, log.size, health.at)


def _check_witnessed(witnessed: WitnessedHealth, size: int, at: datetime) -> Iterator[HealthFinding]:
    for witness in witnessed.witnesses:
        if witness.trouble in ALARMS:
            holds = "" if witness.holds is None else f": it cosigned {witness.holds:,} entries, and there are {size:,}"
            says = f"{witness.name} cosigned an audit log that this one does not continue{holds}."
            yield fail_check(f"outside witness {witness.name}", says, *EXPLAIN_TO_WITNESS)
        elif witness.trouble:
            since = f" since {format_moment(witness.since)}" if witness.since else ""
            says = f"{labels.explain_witness_trouble(witness.trouble)}{since}."
            unknown = witness.trouble in (WitnessTrouble.UNKNOWN_LOG, WitnessTrouble.UNKNOWN_KEY)
            next_step = INTRODUCE_LOG if unknown else ASK_WITNESS
            yield warn_check(f"outside witness {witness.name}", says, *next_step)
    if not witnessed.needed:
        return
    if witnessed.at is None or at - witnessed.at > COSIGNED_LATE:
        last = f" since {format_moment(witnessed.at)}" if witnessed.at else " yet"
        yield warn_check(
            "outside witnesses", f"Not enough outside witnesses have cosigned the audit log{last}.", *ASK_WITNESS
        )
    else:
        yield pass_check("outside witnesses", f"{witnessed.size:,} entries cosigned by enough outside witnesses")


def _explain_alarm(alarm: LogAlarm) -> str:
    if alarm.restored is None:
        return "They may have restored a backup."
    return f"They signed that they were restored on {alarm.restored.at:%d %b %Y}{_name_backup(alarm.restored)}."


def _name_backup(restore: RestoreHealth) -> str:
    return f" from the backup of {format_moment(restore.backup_at)}" if restore.backup_at else ""


def _check_restore(restore: RestoreHealth) -> HealthFinding:
    on_page = "Ask your IT team whether everything that is to be done after a restore is done."
    in_terminal = 'Do what "After a restore" in the operator\'s guide lists. This is shown for 30 days.'
    if not restore.holder:
        says = f"This gateway was restored on {restore.at:%d %b %Y}{_name_backup(restore)}."
        return warn_check("restored", says, on_page, in_terminal)
    says = (
        f"{labels.name_authority_in_full(restore.holder)} holds a later audit log of this gateway. Its database was"
        " restored, or its machine copied."
    )
    return warn_check("restored by hand", says, on_page, in_terminal)
