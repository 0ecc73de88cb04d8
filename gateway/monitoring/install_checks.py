"""What of our own must be right before anything can go: settings, card, certificate, files, and the routes that we
offer.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway import home_folder
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.findings import HealthFinding, fail_check, pass_check, warn_check
from gateway.errors import ConfigProblem, HsmUnavailable
from gateway.exchange import letters
from gateway.reconciliation import deadlines
from keys import smime, tls
from keys.card import Route
from keys.errors import Refusal
from keys.ring import IDENTITY_FILE

RENEW = ("Renew the card on the server.", "Run `cme-gateway card renew`.")
ADD_LOGIN = "Complete [logins.{code}] in gateway.toml."


def check_installation(gw: Gateway) -> Iterator[HealthFinding]:
    """Yield every check of what is ours, in the order in which an operator would mend things."""
    yield pass_check("settings, keys, database", "Can be read")
    yield _check_calendars(gw)
    if gw.config.calendars:
        yield _check_terms(gw)
    if not gw.card_has_our_keys():
        yield fail_check("card and keys", "The card does not have this authority's newest keys.", *RENEW)
    if gw.ring.has_one_key_for_two:
        yield warn_check(
            "storage key",
            "One key encrypts stored messages and also recognises them, as in version 0.1.",
            "Replace the keys when it suits you.",
            "When it suits you, run `cme-gateway keys rotate`, then back up.",
        )
    if gw.ring.is_in_hsm:
        yield _check_hsm(gw)
    yield from _check_signatures_read(gw)
    yield from _check_suites(gw)
    yield from _check_versions(gw)
    yield from _check_certificate(gw)
    yield from _check_files(gw.config.home, gw)
    yield _check_telephone(gw)
    yield from _check_contacts(gw)
    if gw.config.deadlines.service_manager and gw.mail is None:
        yield warn_check(
            "service manager",
            "No email about overdue notices is sent, because there is no email account.",
            "Complete [email] in gateway.toml.",
        )
    yield from _enquire_of(gw)
    yield from _check_mailbox(gw)
    yield from _check_sftp(gw)
    yield from _check_email(gw)


def _check_calendars(gw: Gateway) -> HealthFinding:
    try:
        known = deadlines.read_terms(gw.config).calendars
    except ConfigProblem as why:
        return fail_check("calendars", why.sentence, why.next_on_page, why.next_in_terminal)
    return pass_check("calendars", f"Known for {', '.join(known)}" if known else "Bank holidays in England")


def _check_terms(gw: Gateway) -> HealthFinding:
    try:
        terms = deadlines.read_terms(gw.config).get_calendar(gw.code).terms
    except ConfigProblem:
        return fail_check("term dates", "They cannot be read.", "See the check of the calendars.")
    last = max((term.last for term in terms), default=None)
    if last is None or last < gw.now().date():
        says = "No future term dates are known, so every working day counts as a school day."
        return warn_check("term dates", says, "Add the file with the next term dates to [calendars] in gateway.toml.")
    return pass_check("term dates", f"Known to {last:%d %b %Y}")


def _check_hsm(gw: Gateway) -> HealthFinding:
    """Check that the HSM has our keys and works with them now."""
    try:
        gw.ring.try_keys()
    except (HsmUnavailable, ConfigProblem) as why:
        return fail_check("HSM", why.sentence, why.next_on_page, why.next_in_terminal)
    return pass_check("HSM", f"Has the newest keys, and works with them: {gw.config.hsm.token}")


def _check_signatures_read(gw: Gateway) -> Iterator[HealthFinding]:
    """Yield that a partner, added since, cannot read our card, whose signing key is of a kind that it does not know."""
    signs_with = {key.alg for key in gw.own_card.keys if key.use == "sig"}
    if named := home_folder.name_partners_without(gw, signs_with):
        says = f"These partners have an older version that may be unable to read this authority's card: {named}."
        yield warn_check("signatures", says, "Ask them to upgrade their gateway and to renew their card.")


def _check_suites(gw: Gateway) -> Iterator[HealthFinding]:
    """Yield the partners to whom nothing can be encrypted any more, or soon, because of the kind of their keys."""
    for kind, since in gw.config.find_forbidden_suites().items():
        cards = map(gw.trust.get_card, gw.trust.list_authorities())
        kinds = {
            it.authority: {key.alg for key in it.keys if (key.use, key.status) == ("enc", "active")} for it in cards
        }
        if held_up := [code for code, has in kinds.items() if has == {kind}]:
            named = ", ".join(map(labels.name_authority_in_full, held_up))
            call = "Call them: they must make new keys of another kind, and renew their card."
            if gw.now() >= since:
                yield fail_check("encryption", f"Nothing is sent to {named}: their only keys are {kind}.", call)
            else:
                yield warn_check("encryption", f"From {since:%d %b %Y}, nothing is sent to {named}: {kind} ends.", call)


def _check_versions(gw: Gateway) -> Iterator[HealthFinding]:
    """Yield the partners with which nothing is exchanged any more, or soon, because their gateways are too old."""
    minimum = gw.config.find_minimum_version()
    if minimum is None:
        return
    cards = map(gw.trust.get_card, gw.trust.list_authorities())
    if below := [labels.name_authority_in_full(it.authority) for it in cards if not minimum.is_met(it)]:
        named, ours = ", ".join(below), gw.config.versions.minimum
        call = "Call them: they must upgrade their gateway, and renew their card."
        if gw.now() >= minimum.since:
            says = f"Nothing is sent to or accepted from {named}: their version is below {ours}."
            yield fail_check("versions of partners", says, call)
        else:
            says = f"From {minimum.since:%d %b %Y}, nothing is sent to or accepted from {named}: below {ours}."
            yield warn_check("versions of partners", says, call)


def _check_certificate(gw: Gateway) -> Iterator[HealthFinding]:
    """That it is the one by which partners know us; when it ends, the figures say."""
    name = "card and certificate"
    try:
        pem = home_folder.read_certificate(gw.config.home)
    except ConfigProblem as why:
        yield fail_check(name, why.sentence, why.next_on_page, why.next_in_terminal)
        return
    pinned = {route.certificate for route in gw.own_card.routes if route.kind == "https"}
    if tls.der_base64(pem) not in pinned:
        yield fail_check(name, "The server certificate is not the one on the card, so no partner can connect.", *RENEW)


def _check_files(home: Path, gw: Gateway) -> Iterator[HealthFinding]:
    for name, path in (
        (home_folder.TLS_KEY, home / home_folder.TLS_KEY),
        ("passphrase", home / gw.config.keys.passphrase_file),
        ("keys", home / home_folder.KEYS),
        *((("PIN of the HSM", home / gw.config.hsm.pin_file),) if gw.config.hsm.pin_file else ()),
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
    is_here = "On this server. It is only needed to renew the card"
    is_away = "Kept somewhere else. Bring it back to renew the card"
    yield pass_check("identity key", is_here if here_or_not else is_away)


def _check_telephone(gw: Gateway) -> HealthFinding:
    number = gw.config.authority.telephone
    missing = ("Not set, so no notice can be sent or answered.", "Set [authority] telephone in gateway.toml.")
    return pass_check("telephone", number) if number else warn_check("telephone", *missing)


def _check_contacts(gw: Gateway) -> Iterator[HealthFinding]:
    """Check that our card says whom to call as the settings do; that no MASH is set, the console says itself."""
    if not home_folder.has_card_contacts(gw.config, gw.own_card):
        yield warn_check("card and contacts", "The card does not have the contacts of the settings.", *RENEW)


def _enquire_of(gw: Gateway) -> Iterator[HealthFinding]:
    known = {*gw.trust.list_authorities(), *gw.correspondents}
    if missing := [code for code in gw.config.one.enquire_of.split() if code not in known]:
        named = ", ".join(map(labels.name_authority_in_full, missing))
        says = f"Every enquiry waits as a leaver to check: {named} in [one] enquire_of cannot be reached."
        yield warn_check("enquiries", says, "Add their cards on the server.", "Use `cme-gateway partner add CARD`.")


def _check_mailbox(gw: Gateway) -> Iterator[HealthFinding]:
    host = gw.config.mailbox.host
    if not host:
        return
    ours = {route.certificate for route in gw.own_card.routes if route.kind == "mailbox"}
    theirs = {route.certificate for route in gw.trust.get_card(host).routes if route.kind == "https"}
    # One of the two is shown, while the host's certificate changes.
    if ours & theirs:
        yield pass_check("our mailbox", f"Hosted by {labels.name_authority_in_full(host)}")
    else:
        says = f"The card does not have the current address of {labels.name_authority_in_full(host)}."
        yield fail_check("our mailbox", says, *RENEW)


def _check_sftp(gw: Gateway) -> Iterator[HealthFinding]:
    if gw.config.sftp.url:
        name, missing = "our SFTP folder", "There is no login for this authority's own server."
        login = gw.logins.get(gw.code)
        yield (
            pass_check(name, gw.config.sftp.url) if login else fail_check(name, missing, ADD_LOGIN.format(code=gw.code))
        )
    for code in gw.trust.list_authorities():
        kinds = {route.kind for route in gw.trust.get_card(code).routes}
        if "sftp" in kinds and code not in gw.logins:
            says = warn_check if "https" in kinds else fail_check
            yield says(f"route to {code}", "There is no login for their SFTP server.", ADD_LOGIN.format(code=code))


def _check_email(gw: Gateway) -> Iterator[HealthFinding]:
    """That our servers let us in, `doctor` tries."""
    if gw.mail is None:
        if gw.correspondents:
            named = ", ".join(map(labels.name_authority_in_full, gw.correspondents))
            missing = f"No emails are sent to {named}, because there is no email account."
            yield fail_check("letters", missing, "Complete [email] in gateway.toml.")
        return
    wanted = Route("email", f"mailto:{gw.mail.address}", "sealed")
    name = "our mailbox by mail"
    is_named = wanted in gw.own_card.routes
    yield (
        pass_check(name, gw.mail.address)
        if is_named
        else fail_check(name, "The card does not have this address.", *RENEW)
    )
    if gw.config.email.smime_certificate_file:
        yield from _check_signer(gw)
    yield from _check_correspondents(gw)


def _check_signer(gw: Gateway) -> Iterator[HealthFinding]:
    """That it can be used; when it ends, the figures say."""
    try:
        letters.get_signer(gw)
    except (Refusal, ConfigProblem) as why:
        yield fail_check("certificate for letters", why.sentence, why.next_on_page, why.next_in_terminal)


def _check_correspondents(gw: Gateway) -> Iterator[HealthFinding]:
    domains = gw.mail.tls_domains if gw.mail else frozenset()
    for to in gw.correspondents.values():
        if to.protection == "person-tls" and to.domain not in domains:
            missing = "It is no longer confirmed that your email server requires TLS to their domain."
            confirm = (
                "Confirm the domain in gateway.toml, or change the protection.",
                "Add the domain to [email] tls_domains, or add the address again with another `--protection`.",
            )
            yield fail_check(f"letters to {to.authority}", missing, *confirm)
        if to.certificate:
            name = f"certificate of {to.authority}"
            try:
                smime.pick_recipient(to.certificate.encode(), address=to.address, now=gw.now())
            except Refusal as why:
                yield fail_check(name, why.sentence, why.next_on_page, why.next_in_terminal)
