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
MIND_CLOCK = "have both clocks kept by NTP"


def judge(found: Health) -> Iterator[Finding]:
    """Every finding that follows from the figures, in the order in which an operator would mend things."""
    yield from _database(found)
    yield _space(found.disk)
    yield from _loops(found)
    for expiry in found.expiries:
        yield ends(f"our {expiry.what}", expiry.ends_at, found.at, "cme-gateway card renew")
    yield from _queue(found)
    yield from _clock(found)
    yield from _not_believed(found)
    yield ok("partners", f"{len(found.partners)} known") if found.partners else warn("partners", "0 confirmed")
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
        yield fail("database", base.trouble, "see the codes that begin with store. in docs/operators.md")
    elif not base.current:
        yield fail("database", "it has not the shape that this version needs", "restart the gateway")
    else:
        yield ok("database", f"answers; {base.size / 2**20:.0f} MiB")


def _space(disk: Disk) -> Finding:
    share = disk.free / disk.size if disk.size else 0.0
    says = f"{disk.free / 2**30:.1f} GiB, {share:.0%} of the disk"
    if disk.free < NO_SPACE:
        return fail("free space", says, "make room: nothing is taken in on a full disk")
    if disk.free < LITTLE_SPACE or share < LITTLE_SHARE:
        return warn("free space", says, "make room")
    return ok("free space", says)


def _loops(found: Health) -> Iterator[Finding]:
    for one in found.stopped:
        yield _stopped(one)
    if found.loops and not found.stopped:
        yield ok("loops", f"all {len(found.loops)} run")


def _stopped(one: LoopHealth) -> Finding:
    if one.name == PASSWORDS:
        says = f"a password check that began on {one.looked_at:%d %b %Y %H:%M} took far too long"
        return fail("signing in", says, "if nobody can sign in, restart the gateway; report what its log says")
    since = f"has not looked since {one.looked_at:%d %b %Y %H:%M}"
    return fail(f"loop: {one.name}", since, "restart the gateway, and report what its log says")


def _queue(found: Health) -> Iterator[Finding]:
    oldest = found.oldest_waiting
    if oldest is None:
        yield ok("undelivered notices", "none")
    elif found.at - oldest > LATE:
        yield warn("undelivered notices", _since(oldest), "cme-gateway outbox --state queued --state sent")
    else:
        yield ok("undelivered notices", _since(oldest))
    failed, rejected = found.counts[State.FAILED], found.counts[State.REJECTED]
    retry = "cme-gateway retry --list"
    yield warn("notices given up", f"{failed}", retry) if failed else ok("notices given up", "none")
    name, show = "notices refused by partners", "cme-gateway outbox --state rejected"
    yield warn(name, f"{rejected}", show) if rejected else ok(name, "none")


def _since(moment: datetime) -> str:
    return f"since {moment:%d %b %Y %H:%M}"


def _clock(found: Health) -> Iterator[Finding]:
    """Where most partners' clocks are wrong by the same, it is ours that is wrong."""
    ahead = [one.clock_ahead for one in found.partners if one.clock_ahead is not None]
    if not ahead:
        return
    ours = timedelta(seconds=-median(one.total_seconds() for one in ahead))
    if len(ahead) > 1 and abs(ours) > SKEW:
        yield fail("our clock", f"is {lasted(abs(ours))} {_fast(ours)}, as most partners' clocks show", MIND_CLOCK)
    else:
        yield ok(
            "our clock", f"held against {len(ahead)} partners'" if len(ahead) > 1 else "held against one partner's"
        )


def _fast(by: timedelta) -> str:
    return "fast" if by > timedelta(0) else "slow"


def _before(by: timedelta) -> str:
    return "ahead of" if by > timedelta(0) else "behind"


def _partner(one: PartnerHealth, now: datetime) -> Iterator[Finding]:
    for expiry in one.expiries:
        renew = "ask for their new card, and partner add it"
        check = ends(f"{expiry.what} of {one.authority}", expiry.ends_at, now, renew)
        if check.level is not Level.OK:
            yield check
    failing = one.failing
    if failing and failing.failing_since and _is_worth_a_look(failing, now):
        since = f"{one.waiting} wait; {failing.route} fails {_since(failing.failing_since)}"
        says = f"{since} ({failing.reason})" if failing.reason else since
        yield warn(f"delivery to {one.authority}", says, f"ring them; then cme-gateway retry --to {one.authority}")
    yield from _weak_routes(one)
    if one.about_nothing and one.about_nothing_since and now - one.about_nothing_since > OVERTAKEN:
        count = f"{one.about_nothing} {'is' if one.about_nothing == 1 else 'are'} about nothing that is known here"
        yield warn(
            f"replies of {one.authority}",
            f"{count}, {_since(one.about_nothing_since)}",
            "ring them: cme-gateway inbox --state about-nothing; then cme-gateway put-aside",
        )
    ahead = one.clock_ahead
    if ahead is not None and abs(ahead) > SKEW:
        yield warn(f"clock of {one.authority}", f"is {lasted(abs(ahead))} {_before(ahead)} ours", MIND_CLOCK)
    compared = max(filter(None, (one.compared_at, one.due_since)), default=None)
    if one.due_since and compared and now - compared > STATEMENT_LATE:
        yield warn(
            f"statement of {one.authority}", f"was last had {lasted(now - compared)} ago", "see whether they answer"
        )


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
        mend = "see that our clock is right; then cme-gateway card renew, and send them the new card"
        yield level("who we are", f"{', '.join(who)} answer 401 or 403 to all that we send", mend)


def _weak_routes(one: PartnerHealth) -> Iterator[Finding]:
    """A route that fails while another takes its place."""
    last = one.succeeded_at
    for route in one.routes:
        since, failed = route.failing_since, route.failed_at
        if last and since and failed and last - since > LATE and last - failed < LATE:
            says = f"fails {_since(since)} ({route.reason}); another route takes its place"
            yield warn(f"route {route.route} to {one.authority}", says, "ring them")


def _folder(one: Folder, now: datetime) -> Finding:
    if one.trouble:
        return fail(one.name, one.trouble)
    if one.doubted:
        says = f"files that wait for a person to look at them: {one.doubted}"
        return warn(one.name, says, "see cme-gateway one waiting, or Files under Drafts in the console")
    if one.failed:
        return warn(one.name, f"{one.failed} files could not be read", f"see the reports in {one.home}/failed")
    if one.oldest and now - one.oldest > FOLDER_LATE:
        return warn(one.name, f"a file has lain there for {lasted(now - one.oldest)}", f"see why in {one.path}")
    return ok(one.name, one.path)


def _left(one: Folder) -> Iterator[Finding]:
    """What is not taken, each kind by itself: how many, since when."""
    for left in one.left:
        says = f"{left.count} left there since {left.since:%d %b %Y %H:%M}: {left.why}"
        yield warn(f"left in {one.name}", says, f"see who puts them into {one.path}, and take them away")


def _mailboxes(found: Health) -> Iterator[Finding]:
    for one in found.mailboxes:
        name = f"mailbox of {one.owner}"
        says = f"{one.bundles} bundles, {one.size / 2**20:.1f} MiB"
        if one.room and one.size > FULL_SHARE * one.room:
            yield warn(name, f"{says}: almost full", "ring its owner, who must fetch; or [hosting] megabytes")
        elif one.oldest and found.at - one.oldest > FOLDER_LATE:
            yield warn(
                name, f"{says}, the oldest for {lasted(found.at - one.oldest)}", "ring its owner, who must fetch"
            )
        else:
            yield ok(name, says)


def _index(found: Health) -> Iterator[Finding]:
    if index := found.index:
        says = f"{index.children} children, of {index.at:%d %b %Y}"
        old = (found.at - index.at).days >= index.most_days
        name = "index of our children"
        yield warn(name, f"{says}: too old", "have ONE write a new extract") if old else ok(name, says)


def _log(found: Health) -> Iterator[Finding]:
    log = found.log
    behind = log.size > log.covered and (log.checkpoint_at is None or found.at - log.checkpoint_at > CHECKPOINT_LATE)
    says = f"{log.covered} of {log.size} entries are covered"
    yield warn("checkpoint", says, "cme-gateway serve signs the rest") if behind else ok("checkpoint", says)
    for one in log.alarms:
        says = f"{one.sentence}: ring {one.ring}; they may have restored a backup"
        yield fail(f"audit log of {one.authority}", says, f"then cme-gateway audit accept {one.authority}")
