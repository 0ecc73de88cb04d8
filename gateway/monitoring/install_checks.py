"""What of our own must be right before anything can go: settings, card, certificate, files, and the routes that we offer."""

from collections.abc import Iterator
from pathlib import Path

from gateway import home_folder
from gateway.context import Authority
from gateway.core import labels
from gateway.core.findings import HealthFinding, check_expiry, fail_check, pass_check, warn_check
from gateway.errors import ConfigProblem
from gateway.exchange import letters
from gateway.reconciliation import deadlines
from keys import smime, tls
from keys.card import Route
from keys.errors import Refusal
from keys.ring import IDENTITY_FILE

RENEW = ("Renew the card on the server.", "Run `cme-gateway card renew`.")
ADD_LOGIN = "Complete [logins.{code}] in gateway.toml."


def installed(here: Authority) -> Iterator[HealthFinding]:
    """Yield every check of what is ours, in the order in which an operator would mend things."""
    yield pass_check("settings, keys, database", "Can be read")
    yield _calendars(here)
    if here.config.calendars:
        yield _terms(here)
    if not here.card_has_our_keys():
        yield fail_check("card and keys", "The card does not have this authority's newest keys.", *RENEW)
    if here.ring.has_one_key_for_two:
        yield warn_check(
            "storage key",
            "One key encrypts stored messages and also recognises them, as in version 0.1.",
            "Replace the keys when it suits you.",
            "When it suits you, stop the gateway and run `cme-gateway keys rotate`. Then start it, send the new card to "
            "every partner, and back up.",
        )
    yield from _certificate(here)
    yield from _files(here.config.home, here)
    yield _telephone(here)
    if here.config.deadlines.service_manager and here.mail is None:
        yield warn_check(
            "service manager",
            "No email about overdue notices is sent, because there is no email account.",
            "Complete [email] in gateway.toml.",
        )
    yield from _enquire_of(here)
    yield from _mailbox(here)
    yield from _sftp(here)
    yield from _email(here)


def _calendars(here: Authority) -> HealthFinding:
    try:
        known = deadlines.read_terms(here.config).calendars
    except ConfigProblem as why:
        return fail_check("calendars", why.sentence, why.next_on_page, why.next_in_terminal)
    return pass_check("calendars", f"Known for {', '.join(known)}" if known else "Bank holidays in England")


def _terms(here: Authority) -> HealthFinding:
    try:
        terms = deadlines.read_terms(here.config).calendar(here.code).terms
    except ConfigProblem:
        return fail_check("term dates", "They cannot be read.", "See the check of the calendars.")
    last = max((term.last for term in terms), default=None)
    if last is None or last < here.now().date():
        says = "No future term dates are known, so every working day counts as a school day."
        return warn_check("term dates", says, "Add the file with the next term dates to [calendars] in gateway.toml.")
    return pass_check("term dates", f"Known to {last:%d %b %Y}")


def _certificate(here: Authority) -> Iterator[HealthFinding]:
    """That it is the one by which partners know us; when it ends, the figures say."""
    name = "card and certificate"
    try:
        pem = home_folder.read_certificate(here.config.home)
    except ConfigProblem as why:
        yield fail_check(name, why.sentence, why.next_on_page, why.next_in_terminal)
        return
    pinned = {route.certificate for route in here.own_card.routes if route.kind == "https"}
    if tls.der_base64(pem) not in pinned:
        yield fail_check(name, "The server certificate is not the one on the card, so no partner can connect.", *RENEW)


def _files(home: Path, here: Authority) -> Iterator[HealthFinding]:
    for name, path in (
        (home_folder.TLS_KEY, home / home_folder.TLS_KEY),
        ("passphrase", home / here.config.keys.passphrase_file),
        ("keys", home / home_folder.KEYS),
    ):
        if not path.exists():
            yield fail_check(name, f"{path} does not exist.", "Restore it from backup.")
        elif path.stat().st_mode & 0o077:
            yield warn_check(
                name,
                "Other users of this server can read it.",
                f"Let only its owner read {path}.",
                f"Run `chmod go-rwx {path}`.",
            )
        else:
            yield pass_check(name, "Only its owner can read it")
    here_or_not = (home / home_folder.KEYS / IDENTITY_FILE).exists()
    is_here = "On this server. It is needed only to renew the card"
    is_away = "Kept somewhere else. Bring it back to renew the card"
    yield pass_check("identity key", is_here if here_or_not else is_away)


def _telephone(here: Authority) -> HealthFinding:
    number = here.config.authority.telephone
    missing = ("Not set, so no notice can be sent or answered.", "Set [authority] telephone in gateway.toml.")
    return pass_check("telephone", number) if number else warn_check("telephone", *missing)


def _enquire_of(here: Authority) -> Iterator[HealthFinding]:
    known = {*here.trust.authorities(), *here.correspondents}
    if missing := [code for code in here.config.one.enquire_of.split() if code not in known]:
        says = f"Every enquiry waits as a leaver to check: {', '.join(missing)} in [one] enquire_of cannot be reached."
        yield warn_check("enquiries", says, "Add their cards on the server.", "Use `cme-gateway partner add CARD`.")


def _mailbox(here: Authority) -> Iterator[HealthFinding]:
    host = here.config.mailbox.host
    if not host:
        return
    ours = {route.certificate for route in here.own_card.routes if route.kind == "mailbox"}
    theirs = {route.certificate for route in here.trust.card(host).routes if route.kind == "https"}
    if ours and ours <= theirs:
        yield pass_check("our mailbox", f"Hosted by {labels.name_authority_in_full(host)}")
    else:
        says = f"The card does not have the current address of {labels.name_authority_in_full(host)}."
        yield fail_check("our mailbox", says, *RENEW)


def _sftp(here: Authority) -> Iterator[HealthFinding]:
    if here.config.sftp.url:
        name, missing = "our SFTP folder", "There is no login for this authority's own server."
        login = here.logins.get(here.code)
        yield (
            pass_check(name, here.config.sftp.url)
            if login
            else fail_check(name, missing, ADD_LOGIN.format(code=here.code))
        )
    for code in here.trust.authorities():
        kinds = {route.kind for route in here.trust.card(code).routes}
        if "sftp" in kinds and code not in here.logins:
            says = warn_check if "https" in kinds else fail_check
            yield says(f"route to {code}", "There is no login for their SFTP server.", ADD_LOGIN.format(code=code))


def _email(here: Authority) -> Iterator[HealthFinding]:
    """That our servers let us in, `doctor` tries."""
    if here.mail is None:
        if here.correspondents:
            missing = f"No emails are sent to {', '.join(here.correspondents)}, because there is no email account."
            yield fail_check("letters", missing, "Complete [email] in gateway.toml.")
        return
    wanted = Route("email", f"mailto:{here.mail.address}", "sealed")
    name = "our mailbox by mail"
    is_named = wanted in here.own_card.routes
    yield (
        pass_check(name, here.mail.address)
        if is_named
        else fail_check(name, "The card does not have this address.", *RENEW)
    )
    if here.config.email.smime_certificate_file:
        yield _signer(here)
    yield from _correspondents(here)


def _signer(here: Authority) -> HealthFinding:
    name = "certificate for letters"
    try:
        end = letters.get_signer(here).certificate.not_valid_after_utc
    except (Refusal, ConfigProblem) as why:
        return fail_check(name, why.sentence, why.next_on_page, why.next_in_terminal)
    return check_expiry(name, end, here.now(), "Get a new one for [email] smime_certificate_file in gateway.toml.")


def _correspondents(here: Authority) -> Iterator[HealthFinding]:
    domains = here.mail.tls_domains if here.mail else frozenset()
    for to in here.correspondents.values():
        if to.protection == "person-tls" and to.domain not in domains:
            missing = "It is no longer confirmed that your mail server requires TLS to their domain."
            confirm = (
                "Confirm the domain in gateway.toml, or change the protection.",
                "Add the domain to [email] tls_domains, or add the address again with another `--protection`.",
            )
            yield fail_check(f"letters to {to.authority}", missing, *confirm)
        if to.certificate:
            name = f"certificate of {to.authority}"
            try:
                end = smime.pick_recipient(to.certificate.encode(), address=to.address, now=here.now()).ends
                yield check_expiry(name, end, here.now(), "Ask for their new certificate, and add it.")
            except Refusal as why:
                yield fail_check(name, why.sentence, why.next_on_page, why.next_in_terminal)
