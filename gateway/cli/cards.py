"""Commands on cards and keys: our partners', and our own."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from adapters.route import NotReached
from gateway import home_folder
from gateway.authorities import correspondents, identities, partners, suspend
from gateway.cli.output import (
    DEFAULT_HOME,
    MAX_NAME,
    AsJson,
    By,
    Home,
    OfPartner,
    build_table,
    count_of,
    err,
    get_user_name,
    open_gateway,
    print_answer,
    read_bytes,
    run_with_carriers,
)
from gateway.core import labels
from gateway.core.connection_causes import get_cause
from gateway.core.message_protection import LetterProtection
from gateway.core.own_keys import KeyKind, ListedKey
from gateway.directories import succession
from gateway.errors import NotAllowed, Unusable
from gateway.exchange.card_rounds import fetch_card
from gateway.exchange.connection_tests import OK, run_connection_test
from gateway.exchange.newer_cards import explain_refusal
from gateway.own_keys import identity, inventory, revoke, storage
from keys import card
from keys.card import Card
from keys.certificate_files import decode_text
from keys.ring import KeyPlace
from schemas.hidden_signs import is_line

KEY_REFUSED = "The file also holds a private key. Only the certificate was saved."
KEY_EXPOSED = (
    "Delete the file, and tell the authority: anyone who had the file can read email to that mailbox. They need a new"
    " key."
)

partner_commands = typer.Typer(no_args_is_help=True, help="Partner authorities and their cards.")
card_commands = typer.Typer(no_args_is_help=True, help="This authority's card: export it for partners, or renew it.")
keys_commands = typer.Typer(no_args_is_help=True, help="The gateway's own keys.")


@partner_commands.command("add")
def partner_add(
    card_file: Annotated[Path, typer.Argument(help="The card file from the partner.")],
    home: Home = DEFAULT_HOME,
    fingerprint: Annotated[str | None, typer.Option(help="For scripts: the fingerprint that they read out.")] = None,
    new_identity: Annotated[
        bool,
        typer.Option("--new-identity", help="Their identity key was changed: confirm the new fingerprint by phone."),
    ] = False,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Add a partner's card after you confirm its fingerprint by phone."""
    with open_gateway(home) as gw:
        offered = partners.read_offered_card(gw, decode_text(read_bytes(card_file)), new_identity=new_identity)
        new, shown = offered.card, offered.fingerprint
        whose = f"{escape(new.name)} ({new.authority})"
        done = f"[green]{whose} is now a partner.[/green]"
        if offered.is_held:
            done = f"You already have this card of {whose}."
        else:
            if offered.is_new_identity:
                err.print(f"[bold]{whose} has a new identity key.[/bold] Ask them why, and who decided it.")
            if offered.changes:
                err.print(escape("Its routes or contacts change:\n  " + "\n  ".join(offered.changes)))
            _confirm(offered.is_confirmed, whose, shown, fingerprint)
            partners.add_partner(gw, offered.token, by=by, new_identity=new_identity)
    print_answer(as_json, {"authority": new.authority, "fingerprint": shown}, lambda: done)


def _ask_person(question: str, refused: NotAllowed) -> None:
    """Go on only where the person here says yes; raise this otherwise."""
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort:
        raise refused from None


def _confirm(known: bool, whose: str, shown: str, told: str | None) -> None:
    """Go on only where these digits were confirmed: before, by what a script was told, or by the person here."""
    if told is not None:
        if told.replace(" ", "") != shown.replace(" ", ""):
            raise NotAllowed("partner.fingerprint")
    elif known:
        err.print(f"{whose}: signed with the identity key that you confirmed before.")
    else:
        err.print(f"{whose}\nCall them on a number you know, and compare:\n\n    [bold]{shown}[/bold]\n")
        _ask_person("Did they read out exactly these digits?", NotAllowed("partner.unconfirmed"))


@partner_commands.command("add-email")
@partner_commands.command("email", hidden=True)
def partner_email(
    authority: Annotated[str, typer.Argument(help="The DfE code of an authority without a gateway.")],
    address: Annotated[str, typer.Argument(help="The mailbox of its CME officers.")],
    how: Annotated[LetterProtection, typer.Option("--protection", help="How email to it is protected.")],
    telephone: Annotated[str, typer.Option(help="The telephone number of its CME officers.")],
    certificate: Annotated[
        Path | None, typer.Option(help="With person-smime: the certificate file of that mailbox.")
    ] = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Add an email address for an authority without a gateway."""
    if (how == "person-smime") != (certificate is not None):
        raise typer.BadParameter(
            "Give a certificate with --protection person-smime, and leave it out with any other protection.",
            param_hint="--certificate",
        )
    with open_gateway(home) as gw:
        file = read_bytes(certificate) if certificate else None
        entered = correspondents.enter_correspondent(
            gw, authority, address, how, telephone=telephone, certificate=file, by=by
        )
    value = {"authority": authority, "address": address, "protection": how, "telephone": telephone}
    done = (
        f"[green]Notices to {labels.name_authority_in_full(authority)} now go to"
        f" {escape(address)}.[/green]\n{labels.name_protection(how)}."
    )
    if entered.private_key_was_in_file:
        value["private_key"] = "refused"
        err.print(f"[red]{KEY_REFUSED}[/red]\n{KEY_EXPOSED}", soft_wrap=True)
    print_answer(as_json, value, lambda: done)


@partner_commands.command("remove-email")
def partner_remove_email(
    authority: str, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Remove an authority's email address."""
    with open_gateway(home) as gw:
        correspondents.delete_correspondent(gw, authority, by)
    print_answer(
        as_json,
        {"removed": authority},
        lambda: f"Email address of {labels.name_authority_in_full(authority)} removed. Nothing more is sent there.",
    )


@partner_commands.command("suspend")
def partner_suspend(
    authority: OfPartner,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Suspend exchange with a partner at once: nothing is sent to it or accepted from it."""
    with open_gateway(home) as gw:
        waiting = suspend.suspend_partner(gw, authority, by=by)
    done = f"Exchange with {labels.name_authority_in_full(authority)} is suspended."
    if waiting:
        done += (
            f"\n{count_of(waiting, 'message')} to it will wait. After 5 days they count as not delivered, and are tasks"
            " for an officer. Tell your officers to call if it cannot wait."
        )
    print_answer(as_json, {"suspended": authority, "waiting": waiting}, lambda: done)


@partner_commands.command("resume")
def partner_resume(
    authority: OfPartner,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Resume exchange with a partner that you suspended. What waited is sent."""
    with open_gateway(home) as gw:
        is_open = suspend.resume_partner(gw, authority, by=by)
    whose = labels.name_authority_in_full(authority)
    done = f"[green]Exchange with {whose} is resumed.[/green]"
    still = f"Your suspension of {whose} is ended. The directory of a scheme still suspends it: call the keeper."
    print_answer(as_json, {"resumed": authority, "open": is_open}, lambda: done if is_open else still)


@partner_commands.command("remove")
def partner_remove(
    authority: OfPartner,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Remove a partner and its card. Messages that wait for it count as not delivered."""
    with open_gateway(home) as gw:
        waiting = suspend.remove_partner(gw, authority, by=by)
    done = f"{labels.name_authority_in_full(authority)} is no longer a partner. Nothing more is sent there."
    if waiting:
        done += (
            f"\n{count_of(waiting, 'message')} to it were not delivered. Each is now a task for an officer: call them,"
            " or redirect it."
        )
    print_answer(as_json, {"removed": authority, "waiting": waiting}, lambda: done)


@partner_commands.command("follow")
def partner_follow(
    authority: Annotated[str, typer.Argument(help="The DfE code of the authority that has ended.")],
    to: Annotated[
        str | None, typer.Option("--to", help="The authority that follows it. Default: as a directory has it.")
    ] = None,
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Send your open transfer notices to an authority that has ended on to the one that follows it."""
    with open_gateway(home) as gw:
        successor, followed = succession.follow_authority(gw, authority, to, by=by)
    done = f"{count_of(len(followed.sent), 'notice')} sent on to {labels.name_authority_in_full(successor)}."
    if followed.left:
        done += f"\nFor an officer to redirect: {', '.join(followed.left)}"
    value = {"to": successor, "sent": followed.sent, "left": followed.left}
    print_answer(as_json, value, lambda: done)


@partner_commands.command("list")
def partner_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List partner authorities."""
    with open_gateway(home) as gw:
        partners_and_cards = [(known.confirmed, known.card) for known in partners.list_known_partners(gw)]
        written_to = list(gw.correspondents.values())
    rows = [
        (
            c.authority,
            f"{c.name}{' (suspended)' if p.is_suspended else ''}\n  {p.fingerprint}",
            f"{c.expires_at:%d %b %Y}",
            ", ".join(r.kind for r in c.routes),
        )
        for p, c in partners_and_cards
    ]
    rows += [
        (o.authority, f"{labels.name_authority(o.authority)}\n  {o.address}", "", labels.name_protection(o.protection))
        for o in written_to
    ]
    value = [
        {"authority": c.authority, "name": c.name, "serial": c.serial, "fingerprint": p.fingerprint}
        | {"trusted_by": p.trusted_by, "suspended": p.is_suspended}
        for p, c in partners_and_cards
    ]
    print_answer(
        as_json,
        {"partners": value, "correspondents": [asdict(correspondent) for correspondent in written_to]},
        lambda: build_table(
            "Partner authorities",
            ("Code", "Name and fingerprint", "Card ends", "Routes"),
            rows,
            empty="No partner authorities. To add one: cme-gateway partner add",
        ),
    )


@partner_commands.command("show")
def partner_show(authority: str, home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """Show one partner's card."""
    with open_gateway(home) as gw:
        known = partners.get_known_partner(gw, authority)
    partner, theirs = known.confirmed, known.card
    value = asdict(theirs) | {
        "identity": theirs.identity.hex(),
        "keys": [asdict(key) | {"public": key.public.hex()} for key in theirs.keys],
        "fingerprint": partner.fingerprint,
        "confirmed_at": partner.confirmed_at,
        "confirmed_by": partner.confirmed_by,
        "trusted_by": partner.trusted_by,
        "suspended_at": partner.suspended_at,
        "suspended_by": partner.suspended_by,
        "switched_off_at": partner.switched_off_at,
        "exchange": asdict(known.exchange),
        "contacts_checked": card.read_contact_dates(theirs),
    }
    lines = [
        ("Name", f"{theirs.name} ({theirs.authority})"),
        ("Fingerprint", partner.fingerprint),
        ("Confirmed", partners.describe_trust(partner)),
        *([("Suspended", partners.describe_suspension(partner))] if partner.is_suspended else []),
        ("Card", f"number {theirs.serial}, until {theirs.expires_at:%d %b %Y}"),
        *known.describe_exchange(),
        *(("Route", f"{labels.name_route(route.kind)} {route.url}") for route in theirs.routes),
        *(("Contact", text) for text in partners.list_contact_lines(theirs, gw.now())),
        *(("Key", f"{key.kid} {key.alg}, {key.status}, until {key.not_after:%d %b %Y}") for key in theirs.keys),
    ]
    print_answer(as_json, value, lambda: "\n".join(f"{name:12} {escape(text)}" for name, text in lines))


@partner_commands.command("revoke-identity")
def partner_revoke_identity(
    authority: OfPartner,
    told_by: Annotated[
        str, typer.Option("--told-by", help="Who at the partner asked for it, when you called a number you know.")
    ],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Revoke a partner's identity key, after you spoke to them: nothing new under it is accepted or sent."""
    _check_told_by(told_by)
    with open_gateway(home) as gw:
        revoked = identities.revoke_identity(gw, authority, told_by=told_by.strip(), by=by)
    whose = labels.name_authority_in_full(authority)
    done = (
        f"[green]The identity key of {whose} is revoked.[/green]\n"
        "What is for them waits. Add their card with a new identity key: cme-gateway partner add FILE --new-identity"
    )
    print_answer(as_json, asdict(revoked), lambda: done)


def _check_told_by(told_by: str) -> None:
    if not (0 < len(told_by.strip()) <= MAX_NAME and is_line(told_by)):
        raise typer.BadParameter(f"Give a name of 1 to {MAX_NAME} characters on one line.", param_hint="--told-by")


@partner_commands.command("confirm-identity")
def partner_confirm_identity(
    authority: OfPartner,
    home: Home = DEFAULT_HOME,
    fingerprint: Annotated[str | None, typer.Option(help="For scripts: the fingerprint that they read out.")] = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Confirm a partner's new identity key, which its present card announced, after they read out its fingerprint."""
    with open_gateway(home) as gw:
        offered = partners.read_waiting_card(gw, authority)
        whose = f"{escape(offered.card.name)} ({authority})"
        err.print(f"[bold]{whose} has a new identity key.[/bold] Ask them why, and who decided it.")
        if offered.changes:
            err.print(escape("Its routes or contacts change:\n  " + "\n  ".join(offered.changes)))
        _confirm(False, whose, offered.fingerprint, fingerprint)
        partners.add_partner(gw, offered.token, by=by, new_identity=True)
    done = f"[green]The new identity key of {whose} is confirmed.[/green]"
    print_answer(as_json, {"authority": authority, "fingerprint": offered.fingerprint}, lambda: done)


@partner_commands.command("fetch-card")
def partner_fetch_card(
    authority: OfPartner,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
) -> None:
    """Fetch a partner's newest card now. The gateway also does this by itself."""
    with open_gateway(home) as gw:
        held_before = gw.trust.get_card(authority).serial
        try:
            verdict = run_with_carriers(gw, lambda: fetch_card(gw, authority))
        except NotReached as why:
            raise Unusable("card.not-fetched", authority=labels.name_authority_in_full(authority), why=why) from None
    whose = labels.name_authority_in_full(authority)
    if verdict.refused:
        raise NotAllowed("card.not-taken", authority=whose, why=explain_refusal(verdict.refused))
    value = {"authority": authority, "serial": verdict.held, "taken": verdict.held > held_before}
    done = f"[green]Card number {verdict.held} of {whose} replaces number {held_before}.[/green]"
    same = f"You already have the newest card of {whose}: number {verdict.held}."
    print_answer(as_json, value, lambda: done if verdict.held > held_before else same)


@partner_commands.command("test")
def partner_test(
    authority: OfPartner, home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False
) -> None:
    """Test the connection to a partner, both ways, and say what is wrong and who must act. No child is named."""
    with open_gateway(home) as gw:
        report = run_with_carriers(gw, lambda: run_connection_test(gw, authority, by=by))
    cause = get_cause(report.cause)
    is_well = report.cause == OK
    value: dict[str, object] = {"authority": authority, "cause": report.cause, "results": dict(report.results)}
    value |= {"sentence": report.describe()}
    value |= {} if is_well else {"who": cause.who, "next": cause.next_in_terminal}
    colour = "green" if is_well else "red"
    lines = [
        f"[{colour}]{escape(report.describe())}[/{colour}]",
        *([] if is_well else [f"Next: {escape(cause.next_in_terminal)} (To be done by {cause.who}.)"]),
        "",
        *(f"{escape(label):32} {escape(result)}" for label, result in report.list_rows()),
    ]
    print_answer(as_json, value, lambda: "\n".join(lines))
    if not is_well:
        raise typer.Exit(1)


@card_commands.command("export")
@partner_commands.command("export", hidden=True)
def card_export(
    home: Home = DEFAULT_HOME,
    is_next: Annotated[bool, typer.Option("--next", help="The card under the new identity key.")] = False,
    as_json: AsJson = False,
) -> None:
    """Export this authority's card to send to a partner."""
    with open_gateway(home) as gw:
        shown = identity.get_next_card(gw) if is_next else gw.own_card
        text = (gw.config.home / (home_folder.NEXT_CARD_FILE if is_next else home_folder.CARD_FILE)).read_text("ascii")
        err.print(f"Fingerprint: {card.compute_fingerprint(shown)}")
    print(json.dumps({"card": text}) if as_json else text)


@card_commands.command("renew")
def card_renew(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Renew this authority's card for a year."""
    _show_card(home_folder.renew_card(home, by=by), home, as_json)


@card_commands.command("confirm-contacts")
def card_confirm_contacts(
    home: Home = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", help="For scripts: do not ask.")] = False,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Confirm that the contacts on this authority's card are right, and renew the card."""
    with open_gateway(home) as gw:
        for line in partners.list_own_contacts(gw):
            err.print(escape(line))
    if not yes:
        _ask_person("Did you check today that each can be reached like this?", NotAllowed("card.contacts-unconfirmed"))
    _show_card(home_folder.renew_card(home, by=by, confirms_contacts=True), home, as_json)


@keys_commands.command("list")
def keys_list(home: Home = DEFAULT_HOME, as_json: AsJson = False) -> None:
    """List every key of the gateway, with its state and dates."""
    with open_gateway(home) as gw:
        own_keys = inventory.list_own_keys(gw)
    value = [asdict(key) | {"purpose": labels.explain_own_key(key.kind)} for key in own_keys]
    rows = [
        (
            f"{labels.name_own_key(key.kind)}\n  {key.id}",
            labels.explain_own_key(key.kind),
            _describe_state(key),
            f"{key.created_at:%d %b %Y}" if key.created_at else "",
            f"{key.valid_until:%d %b %Y}" if key.valid_until else "No end",
        )
        for key in own_keys
    ]
    columns = ("Key", "What it is for", "State", "Created", "Valid until")
    print_answer(as_json, {"keys": value}, lambda: build_table("Keys of this gateway", columns, rows, empty=""))


def _describe_state(key: ListedKey) -> str:
    state = labels.name_key_state(key.state)
    if key.rewrapped is None:
        return state
    left = "" if key.remaining is None else f", {count_of(key.remaining, 'copy')} left"
    unopened = f"\n  {key.unopened:,} of them cannot be opened" if key.unopened else ""
    return f"{state}\n  {key.rewrapped:,} encrypted again{left}{unopened}"


@keys_commands.command("rotate")
def keys_rotate(
    home: Home = DEFAULT_HOME,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="After a theft: nothing signed with older keys is accepted any more.")
    ] = False,
    into: Annotated[
        KeyPlace | None,
        typer.Option(
            "--into",
            help="Where the new signing and storage keys are made: the HSM of the settings, or the key file. Without"
            " it, where the old ones are.",
        ),
    ] = None,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Replace the gateway's keys. Older messages can still be opened."""
    _show_card(home_folder.rotate_keys(home, by=by, revoke=revoke, into=into), home, as_json)
    _say_to_back_up(home)
    if into == "hsm":
        err.print(
            "Back up the HSM too, with the vendor's tool. No backup of the gateway has the keys in it.", soft_wrap=True
        )


def _say_to_back_up(home: Path) -> None:
    place = escape(str(home / home_folder.KEYS))
    err.print(f"Back up {place} now. What is stored from now on can only be opened with these keys.", soft_wrap=True)


@keys_commands.command("rotate-storage")
def keys_rotate_storage(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Replace the storage key alone. What is stored is encrypted under it again while the gateway runs."""
    with open_gateway(home) as gw:
        kid = storage.rotate_storage_key(gw, by=by)
    done = (
        f"[green]The new storage key is {kid}.[/green]\n"
        "A gateway that runs encrypts what is stored again. `cme-gateway keys list` shows how far it is."
    )
    print_answer(as_json, {"storage_key": kid}, lambda: done)
    _say_to_back_up(home)


@keys_commands.command("rotate-identity")
def keys_rotate_identity(
    home: Home = DEFAULT_HOME,
    yes: Annotated[bool, typer.Option("--yes", help="For scripts: do not ask.")] = False,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Make a new identity key. The present one counts until every partner has confirmed the new one by phone."""
    with open_gateway(home) as gw:
        count = len(gw.trust.list_authorities())
    if not yes:
        err.print(
            f"{count_of(count, 'partner')}, and the keeper of each directory, must each confirm a new fingerprint by"
            " phone. Until all have, both identity keys are in use and exchange goes on.",
            soft_wrap=True,
        )
        _ask_person("Make a new identity key?", NotAllowed("keys.identity-not-asked"))
    fingerprint = identity.begin_identity_change(home, by=by)
    done = (
        "[green]The new identity key is made. Its fingerprint:[/green]\n\n"
        f"    [bold]{fingerprint}[/bold]\n\n"
        "Call each partner on a number you know and read it out. Their IT team runs"
        " `cme-gateway partner confirm-identity`.\n"
        "System health names those that have not confirmed it. Once all have: cme-gateway keys finish-identity"
    )
    print_answer(as_json, {"fingerprint": fingerprint, "partners": count}, lambda: done)
    _say_to_copy_keys(home)


@keys_commands.command("identity-held")
def keys_identity_held(
    authority: OfPartner,
    told_by: Annotated[str, typer.Option("--told-by", help="Who at the partner said so, when you called them.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Record that a partner has confirmed the new identity key, where its gateway cannot say so."""
    _check_told_by(told_by)
    with open_gateway(home) as gw:
        identity.note_partner_confirmed(gw, authority, told_by=told_by.strip(), by=by)
    done = f"[green]Recorded: {labels.name_authority_in_full(authority)} has confirmed the new identity key.[/green]"
    print_answer(as_json, {"authority": authority, "told_by": told_by.strip()}, lambda: done)


@keys_commands.command("finish-identity")
def keys_finish_identity(home: Home = DEFAULT_HOME, by: By = get_user_name(), as_json: AsJson = False) -> None:
    """Put the new identity key in the place of the old one, once every partner has confirmed it."""
    _show_card(identity.finish_identity_change(home, by=by), home, as_json)
    _say_to_copy_keys(home)


@keys_commands.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="The ID of the key, as `keys list` shows it.")],
    home: Home = DEFAULT_HOME,
    by: By = get_user_name(),
    as_json: AsJson = False,
) -> None:
    """Revoke a key that was replaced, destroy an old storage key, or replace the server certificate at once."""
    revoked = revoke.revoke_key(home, key, by=by)
    done = f"[green]{labels.name_own_key(revoked.kind)} {key}: revoked.[/green]"
    if revoked.kind is not KeyKind.STORAGE:
        done += "\nThe card was renewed. A gateway that runs uses it within seconds, and shows it to every partner."
    print_answer(as_json, {"revoked": key, "kind": revoked.kind}, lambda: done)
    _say_to_copy_keys(home)


def _say_to_copy_keys(home: Path) -> None:
    place = escape(str(home / home_folder.KEYS))
    err.print(f"Back up {place} now. With several processes, copy it to the home folder of each.", soft_wrap=True)


def _show_card(ours: Card, home: Path, as_json: bool) -> None:
    value = {"serial": ours.serial, "expires": ours.expires_at, "card": str(home / home_folder.CARD_FILE)}
    print_answer(
        as_json,
        value,
        lambda: (
            f"[green]Card number {ours.serial} is valid until {ours.expires_at:%d %b %Y}.[/green]\n"
            "A gateway that runs uses it within seconds, and partners fetch it by themselves.\n"
            f"To a partner with an older version, send {escape(str(value['card']))}."
        ),
    )
