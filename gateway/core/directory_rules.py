"""What is wrong with a directory that we joined, and with whom exchange is suspended; and what to do next."""

from collections.abc import Iterator
from datetime import datetime

from gateway.core import labels
from gateway.core.expiry import CALL_KEEPER, RULES, ExpiryKind, ExpiryLevel, get_expiry_level
from gateway.core.findings import HealthFinding, fail_check, pass_check, warn_check
from gateway.core.health import DirectoryHealth, MemberHealth, SuspendedHealth
from gateway.core.moments import format_moment


def list_directory_findings(its: DirectoryHealth, own: str, now: datetime) -> Iterator[HealthFinding]:
    """Yield how one directory stands. `own`: our DfE code."""
    yield _check_age(its, now)
    if its.trouble or its.refused:
        at = f" on {format_moment(its.asked_at)}" if its.asked_at and its.trouble else ""
        says = its.refused or f"It was not fetched{at}: {its.trouble}."
        fetch = f"{CALL_KEEPER} Then run `cme-gateway directory fetch {its.scheme}`."
        yield warn_check(f"fetching the directory of {its.scheme}", says, CALL_KEEPER, fetch)
    for fork in its.forks:
        shown = f" {labels.name_authority_in_full(fork.source)} has the other one." if fork.source else ""
        says = f"The keeper signed two different directories under number {fork.version}.{shown}"
        on_page = f"{CALL_KEEPER} Tell the other members. Do not rely on new partners from this directory."
        yield fail_check(
            f"keeper of {its.scheme}", says, on_page, f"{on_page} Both are in `cme-gateway directory status --json`."
        )
    for code in its.doubted_by:
        says = "They say that they hold another directory under a number that is known here, and have not shown it."
        yield warn_check(f"word of {code} on {its.scheme}", says, "Call them, and compare.", "Call them, and compare.")
    if its.lacks_our_identity:
        says = "The directory does not list this authority's new identity key yet."
        read = f"{CALL_KEEPER} Send the card that `cme-gateway card export --next` shows, and read out its fingerprint."
        yield warn_check(f"this authority in {its.scheme}", says, CALL_KEEPER, read)
    for member in its.unlike:
        yield from _check_member(its, member, own)


def check_suspended(suspended: SuspendedHealth) -> HealthFinding:
    """Return that exchange with a partner is suspended, by whom, and what waits."""
    who = suspended.by or f"the directory of {suspended.scheme}"
    says = f"Exchange has been suspended since {format_moment(suspended.since)} by {who}."
    if suspended.waiting:
        says = f"{says} Messages that wait: {suspended.waiting}. After 5 days they count as not delivered."
    if suspended.successor and suspended.following:
        after = labels.name_authority_in_full(suspended.successor)
        says = f"{says} It has ended, and {after} follows it. Open transfer notices to it: {suspended.following}."
        follow = f"Run `cme-gateway partner follow {suspended.authority}`."
        return warn_check(f"suspended: {suspended.authority}", says, f"Redirect them to {after}.", follow)
    resume = f"Run `cme-gateway partner resume {suspended.authority}` when it may go on."
    on_page = "Tell your officers to call them about what waits."
    return warn_check(f"suspended: {suspended.authority}", says, on_page, resume if suspended.by else CALL_KEEPER)


def _check_age(its: DirectoryHealth, now: datetime) -> HealthFinding:
    name = f"directory of {its.scheme}"
    what = f"Number {its.version} of {its.created_at:%d %b %Y}, members: {its.members}"
    level = get_expiry_level(its.expires_at, now, its.expires_at - its.created_at)
    if level is not ExpiryLevel.NOT_YET:
        says = f"{what}. It expires on {its.expires_at:%d %b %Y}."
        if level is ExpiryLevel.ENDED:
            says = (
                f"{what}. It expired on {its.expires_at:%d %b %Y}. Partners go on, but no change reaches this gateway."
            )
        rule = RULES[ExpiryKind.DIRECTORY]
        return warn_check(name, says, rule.on_page, rule.in_terminal)
    agreeing = f". The same is held by {its.agreeing} partners" if its.agreeing else ""
    return pass_check(name, f"{what}, until {its.expires_at:%d %b %Y}{agreeing}")


def _check_member(its: DirectoryHealth, member: MemberHealth, own: str) -> Iterator[HealthFinding]:
    """Yield where we do not follow what a directory says of an authority."""
    if member.authority == own:
        name = f"this authority in {its.scheme}"
        if member.conflict:
            says = "The directory has another identity key for this authority than its own."
            yield fail_check(name, says, f"{CALL_KEEPER} Members may be sending to someone else.")
        elif member.status != "active":
            says = f"The directory has this authority as {member.status}. Members do not exchange with it."
            yield fail_check(name, says, CALL_KEEPER)
        return
    name = f"{member.authority} in {its.scheme}"
    call = f"Call {labels.name_authority_in_full(member.authority)} on a number you know, and compare fingerprints."
    if member.conflict == "identity":
        says = "The directory has another identity key than the one that was confirmed here. The confirmed one stays."
        yield fail_check(name, says, call)
    elif member.conflict == "revoked":
        says = "The directory has an identity key of this authority that was revoked here. It was not taken."
        yield fail_check(name, says, f"{CALL_KEEPER} The keeper must list the new card of this authority.")
    elif member.conflict:
        says = "Its card in the directory names the gateway of another authority as its own. It was not taken."
        yield warn_check(name, says, CALL_KEEPER)
    else:
        says = f"The directory has it as {member.status}. You confirmed it by phone, so exchange goes on."
        stop = f"{call} To end exchange: `cme-gateway partner suspend {member.authority}`."
        if member.successor:
            says = f"{says} {labels.name_authority_in_full(member.successor)} follows it."
            stop = f"{stop} To send open notices on: `cme-gateway partner follow {member.authority}`."
        yield warn_check(name, says, call, stop)
