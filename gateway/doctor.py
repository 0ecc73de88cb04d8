"""What must hold for the gateway to do its work, each as a check with its result and a sentence."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from adapters import email
from gateway import agreed, audit, letters, reconcile, review, setup
from gateway.authority import Authority
from gateway.core.delivery import State
from gateway.core.duties import Step
from gateway.errors import ConfigProblem
from gateway.store import children, drafts, outbox, searches, transfer_files, webhooks, witnessed
from gateway.store import partners as kept_partners
from gateway.store.searches import Found
from gateway.store.transfer_files import Stage
from keys import card, smime, tls
from keys.card import Route
from keys.errors import Refusal
from keys.ring import IDENTITY_FILE
from keys.trust import Trust

NOTICE = timedelta(days=60)  # how long before an end a person is warned: partners need the new card before it
LATE = timedelta(hours=1)  # a notice that has not left by then is worth a look
LITTLE_SPACE, NO_SPACE = 2**30, 2**27  # bytes free
ANSWER_SECONDS = 2.0

Result = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold. `fail`: the gateway cannot do its work; `warn`: soon it cannot, or somebody should look."""

    name: str
    result: Result
    detail: str


def examine(here: Authority) -> list[Check]:
    """Every check, in the order in which an operator would mend things. That it opened at all is the first."""
    return [
        Check("settings, keys, database", "ok", "they open"),
        _calendars(here),
        _card(here),
        _certificate(here),
        *_files(here.config.home, here),
        _telephone(here),
        _space(here.config.home),
        _answers(here),
        *_one(here),
        *_imports(here),
        *_drafts(here),
        *_children(here),
        *_webhooks(here),
        *_enquire_of(here),
        *_mailbox(here),
        *_sftp(here),
        *_email(here),
        *_partners(here),
        *_deliveries(here),
        *_owed(here),
        _reviews(here),
        _log(here),
        *_witnessed(here),
    ]


def _ends(name: str, ends: datetime, here: Authority, renew: str) -> Check:
    left = ends - here.now()
    if left <= timedelta(0):
        return Check(name, "fail", f"ended on {ends:%d %b %Y}: {renew}")
    return Check(name, "warn" if left < NOTICE else "ok", f"ends on {ends:%d %b %Y}" + (f": {renew}" * (left < NOTICE)))


def _calendars(here: Authority) -> Check:
    try:
        known = agreed.read(here.config).calendars
    except ConfigProblem as why:
        return Check("calendars", "fail", why.sentence)
    return Check("calendars", "ok", f"of {', '.join(known)}" if known else "bank holidays in England")


def _card(here: Authority) -> Check:
    if not here.card_has_our_keys():
        return Check("our card", "fail", "the card lacks our newest keys: cme-gateway card renew")
    return _ends("our card", here.own_card.expires_at, here, "cme-gateway card renew")


def _certificate(here: Authority) -> Check:
    name = "our certificate"
    try:
        pem = setup.read_certificate(here.config.home)
    except ConfigProblem as why:
        return Check(name, "fail", why.sentence)
    pinned = {route.certificate for route in here.own_card.routes if route.kind == "https"}
    if tls.der_base64(pem) not in pinned:
        return Check(name, "fail", "it is not the one on our card, so no partner reaches us: cme-gateway card renew")
    return _ends(name, tls.ends(pem), here, "cme-gateway card renew")


def _files(home: Path, here: Authority) -> Iterator[Check]:
    for name, path in (
        (setup.TLS_KEY, home / setup.TLS_KEY),
        ("passphrase", home / here.config.keys.passphrase_file),
        ("keys", home / setup.KEYS),
    ):
        if not path.exists():
            yield Check(name, "fail", f"{path} is not there: restore it from backup")
        elif path.stat().st_mode & 0o077:
            yield Check(name, "warn", f"other users of this machine may read it: chmod go-rwx {path}")
        else:
            yield Check(name, "ok", "only its owner may read it")
    if (home / setup.KEYS / IDENTITY_FILE).exists():
        yield Check("identity key", "ok", "is here; it is needed only to renew our card")
    else:
        yield Check("identity key", "ok", "is kept elsewhere; bring it back to renew our card")


def _telephone(here: Authority) -> Check:
    number = here.config.authority.telephone
    return (
        Check("telephone", "ok", number) if number else Check("telephone", "warn", "not set: no notice can be answered")
    )


def _space(home: Path) -> Check:
    free = shutil.disk_usage(home).free
    result: Result = "fail" if free < NO_SPACE else "warn" if free < LITTLE_SPACE else "ok"
    return Check("free space", result, f"{free / 2**30:.1f} GiB")


def _answers(here: Authority) -> Check:
    listen = here.config.listen
    try:
        with closing(socket.create_connection((listen.host, listen.port), ANSWER_SECONDS)):
            return Check("gateway", "ok", f"answers on port {listen.port}")
    except OSError:
        return Check("gateway", "warn", f"nothing answers on port {listen.port}: cme-gateway serve")


def _one(here: Authority) -> Iterator[Check]:
    if not here.config.one.folder:
        return
    folder = here.config.home / here.config.one.folder
    failed = len(list((folder / "failed").glob("*.report.csv")))
    if not folder.is_dir():
        yield Check("ONE's folder", "fail", f"{folder} is not there")
    elif failed:
        yield Check("ONE's folder", "warn", f"{failed} files could not be read: see the reports in {folder / 'failed'}")
    else:
        yield Check("ONE's folder", "ok", str(folder))


def _imports(here: Authority) -> Iterator[Check]:
    settings = here.config.one
    for name, setting in (
        ("import folder", settings.import_folder),
        ("answers folder", settings.answers_folder),
        ("children folder", settings.children_folder),
    ):
        folder = here.config.home / setting
        if setting and not folder.is_dir():
            yield Check(f"ONE's {name}", "fail", f"{folder} is not there")
        elif setting and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Check(f"ONE's {name}", "fail", f"this user may not write into {folder}")
        elif setting and (failed := len(list((folder / "failed").glob("*.report.csv")))):
            yield Check(
                f"ONE's {name}", "warn", f"{failed} files could not be read: see the reports in {folder / 'failed'}"
            )
        elif setting:
            yield Check(f"ONE's {name}", "ok", str(folder))
    if not settings.import_folder:
        return
    oldest = here.store.look(transfer_files.oldest_waiting)
    late = oldest is not None and here.now() - oldest > LATE
    counts = here.store.look(transfer_files.counts)
    since = f"{counts[Stage.WAITING]} since {oldest:%d %b %Y %H:%M}" if oldest else "none"
    yield Check("notices to be imported", "warn" if late else "ok", since)
    unmatched = counts.get(Stage.UNMATCHED, 0)
    detail = f"{unmatched}: cme-gateway one imports --state unmatched" if unmatched else "none"
    yield Check("imports without a match", "ok", detail)


def _drafts(here: Authority) -> Iterator[Check]:
    if not here.config.one.folder:
        return
    count, oldest = here.store.look(drafts.waiting)
    if not count or not oldest:
        yield Check("drafts", "ok", "none waits")
        return
    late = _a_working_day_ago(here, oldest)
    detail = f"{count} wait for an officer since {oldest:%d %b %Y %H:%M}: cme-gateway drafts list"
    yield Check("drafts", "warn" if late else "ok", detail)


def _a_working_day_ago(here: Authority, moment: datetime) -> bool:
    return here.now() > agreed.read(here.config).calendar(here.code).add_working_days(moment, 1)


def _children(here: Authority) -> Iterator[Check]:
    index = here.store.look(children.current)
    if index is None:
        if here.config.one.children_folder:
            yield Check("index of our children", "warn", "no extract was taken in yet: no search is matched")
        return
    days = (here.now() - index.at).days
    old = days >= here.config.search.index_days
    detail = f"{index.children} children, of {index.at:%d %b %Y}"
    yield Check("index of our children", "warn" if old else "ok", f"{detail}: too old" if old else detail)
    waiting, oldest = here.store.look(lambda tx: searches.count(tx, Found.MATCHED))
    if waiting and oldest:
        late = _a_working_day_ago(here, oldest)
        since = f"{waiting} since {oldest:%d %b %Y %H:%M}: cme-gateway matches list"
        yield Check("possible matches", "warn" if late else "ok", since)


def _enquire_of(here: Authority) -> Iterator[Check]:
    known = {kept.authority for kept in here.store.look(kept_partners.every)} | here.correspondents.keys()
    if missing := [code for code in here.config.one.enquire_of.split() if code not in known]:
        detail = f"{', '.join(missing)} in [one] enquire_of is no partner: every enquiry becomes a draft"
        yield Check("enquiries", "warn", detail)


def _mailbox(here: Authority) -> Iterator[Check]:
    host = here.config.mailbox.host
    if not host:
        return
    ours = {route.certificate for route in here.own_card.routes if route.kind == "mailbox"}
    theirs = {route.certificate for route in here.trust.card(host).routes if route.kind == "https"}
    if ours and ours <= theirs:
        yield Check("our mailbox", "ok", f"is held by {host}")
    else:
        yield Check("our mailbox", "fail", f"our card does not name {host}'s gateway as it is: cme-gateway card renew")


def _sftp(here: Authority) -> Iterator[Check]:
    if here.config.sftp.url:
        login = here.logins.get(here.code)
        missing = f"no login for our own server: set [logins.{here.code}] in gateway.toml"
        yield Check("our SFTP folder", "ok" if login else "fail", here.config.sftp.url if login else missing)
    for partner in here.store.look(kept_partners.every):
        kinds = {route.kind for route in card.read(partner.card).routes}
        if "sftp" in kinds and partner.authority not in here.logins:
            missing = f"no login for their SFTP server: set [logins.{partner.authority}] in gateway.toml"
            yield Check(f"route to {partner.authority}", "warn" if "https" in kinds else "fail", missing)


def _email(here: Authority) -> Iterator[Check]:
    """That our servers let us in is tried; nothing is sent."""
    if here.mail is None:
        if here.correspondents:
            whom = ", ".join(here.correspondents)
            yield Check("letters", "fail", f"[email] is not set, so nothing is written to {whom}")
        return
    for server, why in email.try_servers(here.mail):
        yield Check(server, "fail" if why else "ok", why or "lets us in")
    wanted = Route("email", f"mailto:{here.mail.address}", "sealed")
    if wanted in here.own_card.routes:
        yield Check("our mailbox by mail", "ok", here.mail.address)
    else:
        yield Check("our mailbox by mail", "fail", "our card does not name it as it is: cme-gateway card renew")
    if here.config.email.smime_certificate_file:
        try:
            ends = letters.signer(here).certificate.not_valid_after_utc
            yield _ends("certificate for letters", ends, here, "get a new one for [email] smime_certificate_file")
        except (Refusal, ConfigProblem) as why:
            yield Check("certificate for letters", "fail", why.sentence)
    for to in here.correspondents.values():
        if to.protection == "person-tls" and to.domain not in here.mail.tls_domains:
            missing = "nobody vouches for TLS to their mailbox any more: [email] tls_domains, or another --protection"
            yield Check(f"letters to {to.authority}", "fail", missing)
        if to.certificate:
            try:
                ends = smime.check_recipient(to.certificate.encode(), address=to.address, now=here.now())
                yield _ends(f"certificate of {to.authority}", ends, here, "ask for their new one, and enter it")
            except Refusal as why:
                yield Check(f"certificate of {to.authority}", "fail", why.sentence)


def _partners(here: Authority) -> Iterator[Check]:
    found = [card.read(kept.card) for kept in here.store.look(kept_partners.every)]
    yield Check("partners", "ok" if found else "warn", f"{len(found)} confirmed")
    for theirs in found:
        check = _ends(
            f"card of {theirs.authority}", theirs.expires_at, here, "ask for their new one, and partner add it"
        )
        if check.result != "ok":
            yield check


def _deliveries(here: Authority) -> Iterator[Check]:
    oldest = here.store.look(outbox.oldest_open)
    late = oldest is not None and here.now() - oldest > LATE
    since = f"since {oldest:%d %b %Y %H:%M}" if oldest else "none"
    yield Check("undelivered notices", "warn" if late else "ok", since)
    counts = here.store.look(outbox.counts)
    for state, words in ((State.FAILED, "given up"), (State.REJECTED, "refused by partners")):
        count = counts.get(state, 0)
        detail = f"{count}: cme-gateway outbox --state {state.value}" if count else "none"
        yield Check(f"notices {words}", "warn" if count else "ok", detail)


def _owed(here: Authority) -> Iterator[Check]:
    late = [one for one in reconcile.owed(here) if one.step is not Step.WAIT]
    above = sum(one.step is Step.ESCALATE for one in late)
    detail = (
        f"{len(late)} late, {above} of them for the service manager: cme-gateway reconcile"
        if late
        else "nothing is late"
    )
    yield Check("what is owed", "warn" if late else "ok", detail)
    if here.config.deadlines.service_manager and here.mail is None:
        yield Check("service manager", "warn", "[email] is not set, so no mail tells of what is overdue")
    if here.config.calendars:
        yield _terms(here)


def _terms(here: Authority) -> Check:
    terms = agreed.read(here.config).calendar(here.code).terms
    ends = max((term.last for term in terms), default=None)
    if ends is None or ends < here.now().date():
        return Check("term dates", "warn", "none are ahead, so every working day counts as a school day: [calendars]")
    return Check("term dates", "ok", f"known to {ends:%d %b %Y}")


def _reviews(here: Authority) -> Check:
    count = review.overdue(here)
    detail = f"{count} overdue: cme-gateway review list" if count else "none is overdue"
    return Check("reviews of searches", "warn" if count else "ok", detail)


def _log(here: Authority) -> Check:
    trust = Trust({here.code: here.own_card})
    verdict = here.store.look(lambda tx: audit.verify(tx, trust, here.code))
    if verdict.faults:
        return Check("audit log", "fail", f"{verdict.faults[0]} See cme-gateway audit verify.")
    return Check("audit log", "ok", f"{verdict.size} entries, whole")


def _webhooks(here: Authority) -> Iterator[Check]:
    try:
        here.config.webhook_ca()
    except ConfigProblem as why:
        yield Check("webhooks", "warn", why.sentence)
    found = here.store.look(webhooks.every)
    ended = [one for one in found if not one.active]
    late = [one for one in found if one.active and one.failing_since and here.now() - one.failing_since >= LATE]
    for one in ended:
        yield Check(
            "webhooks",
            "warn",
            f"{one.client} was told nothing more: {one.failed_as}; `cme-gateway api resume {one.id}`",
        )
    for one in late:
        yield Check(
            "webhooks", "warn", f"{one.client} has not taken what it is told for an hour or more: {one.failed_as}"
        )
    if found and not (ended or late):
        yield Check("webhooks", "ok", f"{len(found)} are told of what happens")


def _witnessed(here: Authority) -> Iterator[Check]:
    for one in here.store.look(witnessed.alarms):
        detail = f"{one.alarm.sentence}: ring {here.whom_to_ring(one.authority) or one.authority}; they may have restored a backup"
        yield Check(f"audit log of {one.authority}", "fail", f"{detail}. Then cme-gateway audit accept {one.authority}")
