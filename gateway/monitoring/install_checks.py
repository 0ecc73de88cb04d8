"""What of our own must be right before anything can go: settings, card, certificate, files, and the routes that we offer."""

from collections.abc import Iterator
from pathlib import Path

from gateway import home_folder
from gateway.context import Authority
from gateway.core.findings import Finding, ends, fail, ok, warn
from gateway.errors import ConfigProblem
from gateway.exchange import letters
from gateway.reconciliation import deadlines
from keys import smime, tls
from keys.card import Route
from keys.errors import Refusal
from keys.ring import IDENTITY_FILE

RENEW = "cme-gateway card renew"
ENQUIRIES = "every enquiry becomes a draft"


def installed(here: Authority) -> Iterator[Finding]:
    """Every check of what is ours, in the order in which an operator would mend things."""
    yield ok("settings, keys, database", "they open")
    yield _calendars(here)
    if here.config.calendars:
        yield _terms(here)
    if not here.card_has_our_keys():
        yield fail("card and keys", "the card lacks our newest keys", RENEW)
    yield from _certificate(here)
    yield from _files(here.config.home, here)
    yield _telephone(here)
    if here.config.deadlines.service_manager and here.mail is None:
        yield warn("service manager", "[email] is not set, so no mail tells of what is overdue")
    yield from _enquire_of(here)
    yield from _mailbox(here)
    yield from _sftp(here)
    yield from _email(here)


def _calendars(here: Authority) -> Finding:
    try:
        known = deadlines.read(here.config).calendars
    except ConfigProblem as why:
        return fail("calendars", why.sentence, why.next_step)
    return ok("calendars", f"of {', '.join(known)}" if known else "bank holidays in England")


def _terms(here: Authority) -> Finding:
    try:
        terms = deadlines.read(here.config).calendar(here.code).terms
    except ConfigProblem:
        return fail("term dates", "they cannot be read", "see calendars")
    last = max((term.last for term in terms), default=None)
    if last is None or last < here.now().date():
        return warn("term dates", "none are ahead, so every working day counts as a school day", "[calendars]")
    return ok("term dates", f"known to {last:%d %b %Y}")


def _certificate(here: Authority) -> Iterator[Finding]:
    """That it is the one by which partners know us; when it ends, the figures say."""
    name = "card and certificate"
    try:
        pem = home_folder.read_certificate(here.config.home)
    except ConfigProblem as why:
        yield fail(name, why.sentence, why.next_step)
        return
    pinned = {route.certificate for route in here.own_card.routes if route.kind == "https"}
    if tls.der_base64(pem) not in pinned:
        yield fail(name, "it is not the one on our card, so no partner reaches us", RENEW)


def _files(home: Path, here: Authority) -> Iterator[Finding]:
    for name, path in (
        (home_folder.TLS_KEY, home / home_folder.TLS_KEY),
        ("passphrase", home / here.config.keys.passphrase_file),
        ("keys", home / home_folder.KEYS),
    ):
        if not path.exists():
            yield fail(name, f"{path} is not there", "restore it from backup")
        elif path.stat().st_mode & 0o077:
            yield warn(name, "other users of this machine may read it", f"chmod go-rwx {path}")
        else:
            yield ok(name, "only its owner may read it")
    here_or_not = (home / home_folder.KEYS / IDENTITY_FILE).exists()
    is_here, is_away = (
        "is here; it is needed only to renew our card",
        "is kept elsewhere; bring it back to renew our card",
    )
    yield ok("identity key", is_here if here_or_not else is_away)


def _telephone(here: Authority) -> Finding:
    number = here.config.authority.telephone
    return ok("telephone", number) if number else warn("telephone", "not set: no notice can be answered")


def _enquire_of(here: Authority) -> Iterator[Finding]:
    known = {*here.trust.authorities(), *here.correspondents}
    if missing := [code for code in here.config.one.enquire_of.split() if code not in known]:
        yield warn("enquiries", f"{', '.join(missing)} in [one] enquire_of is no partner: {ENQUIRIES}", "partner add")


def _mailbox(here: Authority) -> Iterator[Finding]:
    host = here.config.mailbox.host
    if not host:
        return
    ours = {route.certificate for route in here.own_card.routes if route.kind == "mailbox"}
    theirs = {route.certificate for route in here.trust.card(host).routes if route.kind == "https"}
    if ours and ours <= theirs:
        yield ok("our mailbox", f"is held by {host}")
    else:
        yield fail("our mailbox", f"our card does not name {host}'s gateway as it is", RENEW)


def _sftp(here: Authority) -> Iterator[Finding]:
    if here.config.sftp.url:
        name, missing = "our SFTP folder", "no login for our own server"
        login = here.logins.get(here.code)
        yield ok(name, here.config.sftp.url) if login else fail(name, missing, _set_login(here.code))
    for code in here.trust.authorities():
        kinds = {route.kind for route in here.trust.card(code).routes}
        if "sftp" in kinds and code not in here.logins:
            says = warn if "https" in kinds else fail
            yield says(f"route to {code}", "no login for their SFTP server", _set_login(code))


def _set_login(code: str) -> str:
    return f"set [logins.{code}] in gateway.toml"


def _email(here: Authority) -> Iterator[Finding]:
    """That our servers let us in, `doctor` tries."""
    if here.mail is None:
        if here.correspondents:
            yield fail("letters", f"[email] is not set, so nothing is written to {', '.join(here.correspondents)}")
        return
    wanted = Route("email", f"mailto:{here.mail.address}", "sealed")
    name = "our mailbox by mail"
    is_named = wanted in here.own_card.routes
    yield ok(name, here.mail.address) if is_named else fail(name, "our card does not name it as it is", RENEW)
    if here.config.email.smime_certificate_file:
        yield _signer(here)
    yield from _correspondents(here)


def _signer(here: Authority) -> Finding:
    name = "certificate for letters"
    try:
        end = letters.signer(here).certificate.not_valid_after_utc
    except (Refusal, ConfigProblem) as why:
        return fail(name, why.sentence, why.next_step)
    return ends(name, end, here.now(), "get a new one for [email] smime_certificate_file")


def _correspondents(here: Authority) -> Iterator[Finding]:
    domains = here.mail.tls_domains if here.mail else frozenset()
    for to in here.correspondents.values():
        if to.protection == "person-tls" and to.domain not in domains:
            missing = "nobody vouches for TLS to their mailbox any more"
            yield fail(f"letters to {to.authority}", missing, "[email] tls_domains, or another --protection")
        if to.certificate:
            name = f"certificate of {to.authority}"
            try:
                end = smime.pick_recipient(to.certificate.encode(), address=to.address, now=here.now()).ends
                yield ends(name, end, here.now(), "ask for their new one, and enter it")
            except Refusal as why:
                yield fail(name, why.sentence, why.next_step)
