"""What is wrong with the figures, and what to do next. The alert rules in docs/monitoring/alerts.yml draw the same lines."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median

from gateway.core.delivery import State
from gateway.core.findings import Finding, Level, ends, fail, lasted, ok, warn
from gateway.core.health import PASSWORDS, Disk, Folder, Health, LoopHealth, PartnerHealth, RouteHealth

LATE = timedelta(hours=1)  # what has not left by then is worth a look
PARTNER_LATE = timedelta(minutes=15)  # so is a partner that has failed for so long: a restart takes less
NOT_TAKEN = frozenset({"refused.400", "refused.405", "refused.415"})  # their gateway said so: `adapters.statuses`
REFUSED_BY_MAIL = "email."  # with the code of SMTP: `adapters.email`
NOT_BELIEVED = frozenset({f"{who}.{status}" for who in ("refused", "answered") for status in (401, 403)})
FOLDER_LATE = timedelta(days=1)
STATEMENT_LATE = timedelta(days=2)  # statements are compared each day
CHECKPOINT_LATE = timedelta(minutes=10)  # one is signed every ten seconds in which the log grew
SKEW = timedelta(minutes=2)  # from five on, messages are refused
OVERTAKEN = timedelta(minutes=10)  # a reply may come before what it is about, by another route
LITTLE_SPACE, NO_SPACE = 2**30, 2**27  # bytes free
LITTLE_SHARE = 0.1  # of the disk
FULL_SHARE = 0.9  # of a mailbox
SET_CLOCKS = "Have both clocks set by NTP."
RENEW_CARD = ("Renew the card on the server.", "Run `cme-gateway card renew`.")


def judge(found: Health) -> Iterator[Finding]:
    """Every finding that follows from the figures, in the order in which an operator would mend things."""
    yield from _database(found)
    yield _space(found.disk)
    yield from _loops(found)
    for expiry in found.expiries:
        yield ends(f"our {expiry.what}", expiry.ends_at, found.at, *RENEW_CARD)
    yield from _queue(found)
    yield from _clock(found)
    yield from _not_believed(found)
    if found.partners:
        yield ok("partners", f"{len(found.partners)} confirmed")
    else:
        add = ("Add a card on the server.", "Use `cme-gateway partner add CARD`.")
        yield warn("partners", "No partner authority has been confirmed.", *add)
    for partner in found.partners:
        yield from _partner(partner, found.at)
    for folder in found.folders:
        yield _folder(folder, found.at)
        yield from _left(folder)
    yield from _mailboxes(found)
    yield from _index(found)
    yield from _log(found)


def _database(found: Health) -> Iterator[Finding]:
    base = found.database
    if base.trouble:
        yield fail("database", base.trouble, "Look up the codes that begin with store. in the operator's guide.")
    elif not base.current:
        yield fail("database", "It does not have the tables that this version needs.", "Restart the gateway.")
    else:
        yield ok("database", f"Working, {base.size / 2**20:.0f} MiB")


def _space(disk: Disk) -> Finding:
    share = disk.free / disk.size if disk.size else 0.0
    says = f"{disk.free / 2**30:.1f} GiB, {share:.0%} of the disk"
    if disk.free < NO_SPACE:
        return fail("free space", says, "Free some space. Nothing can be saved on a full disk.")
    if disk.free < LITTLE_SPACE or share < LITTLE_SHARE:
        return warn("free space", says, "Free some space.")
    return ok("free space", says)


def _loops(found: Health) -> Iterator[Finding]:
    for one in found.stopped:
        yield _stopped(one)
    if found.loops and not found.stopped:
        yield ok("loops", f"All {len(found.loops)} running")


def _stopped(one: LoopHealth) -> Finding:
    if one.name == PASSWORDS:
        says = f"A password check that started on {one.looked_at:%d %b %Y %H:%M} took far too long."
        return fail("signing in", says, "If nobody can sign in, restart the gateway. Report what its log says.")
    since = f"Has not run since {one.looked_at:%d %b %Y %H:%M}."
    return fail(f"loop: {one.name}", since, "Restart the gateway, and report what its log says.")


def _queue(found: Health) -> Iterator[Finding]:
    oldest = found.oldest_waiting
    if oldest is None:
        yield ok("undelivered notices", "None")
    elif found.at - oldest > LATE:
        show = (
            "See which partner authorities have a problem.",
            "Run `cme-gateway outbox --state queued --state sent`.",
        )
        yield warn("undelivered notices", f"The oldest has been waiting {_since(oldest)}.", *show)
    else:
        yield ok("undelivered notices", f"The oldest has been waiting {_since(oldest)}.")
    failed, rejected = found.counts[State.FAILED], found.counts[State.REJECTED]
    retry = ("Retry them, or tell the officers who sent them.", "Run `cme-gateway retry --list`.")
    name = "notices given up"
    yield warn(name, f"{failed} not delivered", *retry) if failed else ok(name, "None")
    name = "notices refused by partners"
    show = ("Tell the officers who sent them.", "Run `cme-gateway outbox --state rejected`.")
    yield warn(name, f"{rejected} rejected", *show) if rejected else ok(name, "None")


def _since(moment: datetime) -> str:
    return f"since {moment:%d %b %Y %H:%M}"


def _clock(found: Health) -> Iterator[Finding]:
    """Where most partners' clocks are wrong by the same, it is ours that is wrong."""
    ahead = [one.clock_ahead for one in found.partners if one.clock_ahead is not None]
    if not ahead:
        return
    ours = timedelta(seconds=-median(one.total_seconds() for one in ahead))
    if len(ahead) > 1 and abs(ours) > SKEW:
        yield fail("our clock", f"{lasted(abs(ours))} {_fast(ours)}, compared with most partners.", SET_CLOCKS)
    else:
        yield ok("our clock", f"Agrees with {len(ahead)} partner{'s' * (len(ahead) > 1)}")


def _fast(by: timedelta) -> str:
    return "fast" if by > timedelta(0) else "slow"


def _before(by: timedelta) -> str:
    return "ahead of" if by > timedelta(0) else "behind"


def _partner(one: PartnerHealth, now: datetime) -> Iterator[Finding]:
    for expiry in one.expiries:
        renew = (
            "Ask for their new card, and add it.",
            "Ask for their new card. Add it with `cme-gateway partner add CARD`.",
        )
        check = ends(f"{expiry.what} of {one.authority}", expiry.ends_at, now, *renew)
        if check.level is not Level.OK:
            yield check
    failing = one.failing
    if failing and failing.failing_since and _is_worth_a_look(failing, now):
        since = f"{one.waiting} waiting. {failing.route} has failed {_since(failing.failing_since)}"
        says = f"{since} ({failing.reason})." if failing.reason else f"{since}."
        retry = f"Call them. Then run `cme-gateway retry --to {one.authority}`."
        yield warn(f"delivery to {one.authority}", says, "Call them. Then retry what was not delivered.", retry)
    yield from _weak_routes(one)
    if one.about_nothing and one.about_nothing_since and now - one.about_nothing_since > OVERTAKEN:
        are = "reply is about a notice that is" if one.about_nothing == 1 else "replies are about notices that are"
        yield warn(
            f"replies of {one.authority}",
            f"{one.about_nothing} {are} not known here, {_since(one.about_nothing_since)}.",
            "Ask an officer to call them, and to mark the replies as dealt with.",
            "Call them. See `cme-gateway inbox --state about-nothing`, then use `cme-gateway put-aside`.",
        )
    ahead = one.clock_ahead
    if ahead is not None and abs(ahead) > SKEW:
        yield warn(f"clock of {one.authority}", f"{lasted(abs(ahead))} {_before(ahead)} ours.", SET_CLOCKS)
    compared = max(filter(None, (one.compared_at, one.due_since)), default=None)
    if one.due_since and compared and now - compared > STATEMENT_LATE:
        says = f"Records were last compared {lasted(now - compared)} ago."
        see = f"Run `cme-gateway compare {one.authority}` to see if they answer."
        yield warn(f"statement of {one.authority}", says, "Call them, and ask if their gateway is running.", see)


def _is_worth_a_look(failing: RouteHealth, now: datetime) -> bool:
    """At once where a server does not take what we send, for waiting does not help; else after a while."""
    assert failing.failing_since is not None  # noqa: S101 - or it would not fail
    by_mail = (failing.code or "").startswith(REFUSED_BY_MAIL)
    return by_mail or failing.code in NOT_TAKEN or now - failing.failing_since > PARTNER_LATE


def _not_believed(found: Health) -> Iterator[Finding]:
    """Partners do not believe who we are: every one of them to whom something waits, or some."""
    failing = {one.authority: one.failing.code for one in found.partners if one.failing}
    who = [authority for authority, code in failing.items() if code in NOT_BELIEVED]
    if who:
        level = fail if len(who) == len(failing) and len(who) > 1 else warn
        on_page = "Check this server's clock. Then renew the card, and send it to them."
        in_terminal = "Check this server's clock. Then run `cme-gateway card renew`, and send them the new card."
        yield level("who we are", f"{', '.join(who)} answer 401 or 403 to every message.", on_page, in_terminal)


def _weak_routes(one: PartnerHealth) -> Iterator[Finding]:
    """A route that fails while another takes its place."""
    last = one.succeeded_at
    for route in one.routes:
        since, failed = route.failing_since, route.failed_at
        if last and since and failed and last - since > LATE and last - failed < LATE:
            says = f"Has failed {_since(since)} ({route.reason}). Another route is used instead."
            yield warn(f"route {route.route} to {one.authority}", says, "Call them.")


def _folder(one: Folder, now: datetime) -> Finding:
    if one.trouble:
        return fail(one.name, one.trouble, "Mount the folder, or let the gateway's user use it.")
    if one.doubted:
        says = f"Files that need to be checked: {one.doubted}."
        return warn(one.name, says, 'Check them in "Files to check".', "Run `cme-gateway one waiting`.")
    if one.failed:
        return warn(one.name, f"Files that could not be read: {one.failed}.", f"See the reports in {one.home}/failed.")
    if one.oldest and now - one.oldest > FOLDER_LATE:
        return warn(
            one.name, f"A file has been there for {lasted(now - one.oldest)}.", f"Look in {one.path} for the reason."
        )
    return ok(one.name, one.path)


def _left(one: Folder) -> Iterator[Finding]:
    """What is not taken, each kind by itself: how many, since when."""
    for left in one.left:
        says = f"{left.count} not processed since {left.since:%d %b %Y %H:%M}: {left.why}."
        yield warn(f"left in {one.name}", says, f"Find out who puts them in {one.path}, and remove them.")


def _mailboxes(found: Health) -> Iterator[Finding]:
    for one in found.mailboxes:
        name = f"mailbox of {one.owner}"
        says = f"{one.bundles} bundles, {one.size / 2**20:.1f} MiB"
        more_room = (
            "Call its owner, who must collect. Or give it more room.",
            "Call its owner, who must collect. Or raise [hosting] megabytes.",
        )
        if one.room and one.size > FULL_SHARE * one.room:
            yield warn(name, f"Almost full: {says}.", *more_room)
        elif one.oldest and found.at - one.oldest > FOLDER_LATE:
            waited = f"{says}. The oldest has been there for {lasted(found.at - one.oldest)}."
            yield warn(name, waited, "Call its owner, who must collect.")
        else:
            yield ok(name, says)


def _index(found: Health) -> Iterator[Finding]:
    if index := found.index:
        says = f"{index.children} children, from {index.at:%d %b %Y}"
        old = (found.at - index.at).days >= index.most_days
        name = "index of our children"
        yield warn(name, f"Too old: {says}.", "Have ONE write a new extract.") if old else ok(name, says)


def _log(found: Health) -> Iterator[Finding]:
    log = found.log
    behind = log.size > log.covered and (log.checkpoint_at is None or found.at - log.checkpoint_at > CHECKPOINT_LATE)
    says = f"{log.covered} of {log.size} entries signed"
    sign = ("Start the gateway, which signs the rest.", "Run `cme-gateway serve`, which signs the rest.")
    yield warn("checkpoint", f"{says}.", *sign) if behind else ok("checkpoint", says)
    for one in log.alarms:
        says = f"{one.sentence[:1].upper()}{one.sentence[1:]}. They may have restored a backup."
        clear = f"Call {one.ring}. When you know the cause, run `cme-gateway audit clear-warning {one.authority}`."
        on_page = f"Call {one.ring}. Do not rely on their records until this is explained."
        yield fail(f"audit log of {one.authority}", says, on_page, clear)
