"""One TOML file to the frozen dataclasses of `sections`.

A wrong setting is named, with its line and what to write instead.

home/
  gateway.toml     these settings; no secret stands in it
  passphrase       unlocks the keys (or another file, or the environment: [keys] passphrase_file)
  keys/            ring.json, identity.json; identity-next.json until every partner has confirmed it
  tls.key tls.pem  the exchange port's certificate, pinned through our card
  tls-next.pem     the next one with its key, which our card announces, until the port shows it
  card.jwt         our card, as partners get it
  store.db         unless [store] url says otherwise
  hsm-pin-refused  of which file the HSM refused the PIN, which is not tried again ([hsm] pin_file)
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

from gateway.core.permissions import Role
from gateway.errors import ConfigProblem
from gateway.settings.config import CLOSURES, Config
from gateway.settings.rules import FILE, build_problem, check, check_contact, check_deadlines
from gateway.settings.sections import ContactSettings, DeadlinesSettings, LoginSettings
from schemas import codes
from schemas.hidden_signs import find_hidden
from schemas.message import OPENS_A_CASE

DONE_WITH = ("transfer", "enquire", "hold", "ignore")
SECTIONS = {
    section.name: section.type
    for section in fields(Config)
    if isinstance(section.type, type) and is_dataclass(section.type)
}
# [logins.885]: one section for each authority at whose server we sign in.
LOGINS = "logins"
# [contacts.service_manager]: one section for each role of whom partners are told.
CONTACTS = "contacts"
# 333 = "terms.csv": a file of term dates for one authority.
CALENDARS = "calendars"
# LOST = "enquire": the words are the authority's own.
ONE_CLOSURES = "one_closures"


def load(home: Path) -> Config:
    """Read gateway.toml in the home folder. Raises ConfigProblem."""
    path = home / FILE
    try:
        # Some editors write a mark first.
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigProblem("config.missing", home=home) from None
    except (OSError, UnicodeDecodeError):
        raise ConfigProblem("config.unreadable", path=path) from None
    return parse(text, home)


def parse(text: str, home: Path) -> Config:
    """Return the settings in this text. Raises ConfigProblem for the first that is wrong."""
    _check_signs(text)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as why:
        raise ConfigProblem("config.syntax", file=FILE, why=why) from None
    logins, closures, calendars, contacts = (
        tables.pop(name, {}) for name in (LOGINS, ONE_CLOSURES, CALENDARS, CONTACTS)
    )
    for name in tables:
        if name not in SECTIONS:
            raise build_problem(
                text,
                name,
                f"[{name}] is not a section",
                f"one of the sections {', '.join((*SECTIONS, ONE_CLOSURES, LOGINS, CALENDARS, CONTACTS))}",
            )
    special, within = _taken_out(tables.get("deadlines", {})), _taken_out(tables.get("sign_in", {}))
    parts = {name: _section(text, name, cls, tables.get(name, {})) for name, cls in SECTIONS.items()}
    if not isinstance(logins, dict) or not all(isinstance(login, dict) for login in logins.values()):
        raise build_problem(
            text,
            LOGINS,
            "logins must have a section for each authority",
            "[logins.885], then user and key_file under it",
        )
    parts[LOGINS] = {code: _section(text, f"{LOGINS}.{code}", LoginSettings, login) for code, login in logins.items()}
    parts[CONTACTS] = _contacts(text, contacts)
    parts[ONE_CLOSURES] = _closures(text, closures)
    parts["deadlines_of"] = {name: _deadlines(text, name, deadlines) for name, deadlines in special.items()}
    parts[CALENDARS] = _calendars(text, calendars)
    parts["sign_in_roles"] = _roles(text, within)
    config = Config(home=home, **parts)  # type: ignore[arg-type]  # built by name, each of its own class
    check(text, config)
    return config


def _check_signs(text: str) -> None:
    """An address or a name that was copied may bring a sign with it that nobody sees, and then leads nowhere."""
    for number, line in enumerate(text.split("\n"), 1):
        if sign := find_hidden(line):
            raise ConfigProblem("config.setting", "hidden-sign", file=FILE, line=number, sign=sign)


def _section(text: str, name: str, cls: type, values: Mapping[str, object]) -> object:
    known = {setting.name: setting for setting in fields(cls)}
    for key, value in values.items():
        if key not in known:
            raise build_problem(text, key, f"[{name}] has no setting {key}", f"one of its settings {', '.join(known)}")
        wanted = known[key].type
        if not isinstance(value, wanted) or isinstance(value, bool):  # type: ignore[arg-type]  # str or int
            example = '"text"' if wanted is str else "8443"
            raise build_problem(text, key, f"{key} has the wrong type", f"{key} = {example}")
    if name == "authority" and not {"code", "name"} <= values.keys():
        raise build_problem(text, name, "[authority] needs code and name", 'code = "333" and name = "Sandwell"')
    return cls(**values)


def _taken_out(section: object) -> dict[str, Mapping[str, object]]:
    """Return the sections within this one, which are taken out of it."""
    if not isinstance(section, dict):
        return {}
    return {name: section.pop(name) for name, value in list(section.items()) if isinstance(value, dict)}


def _deadlines(text: str, name: str, deadlines: Mapping[str, object]) -> dict[str, int]:
    section = f"deadlines.{name}"
    if not (name in OPENS_A_CASE or re.fullmatch("[0-9]{3}", name)):
        wrong = f"[{section}] must name an authority or a type of notice"
        raise build_problem(text, section, wrong, f"[deadlines.885], or one of {', '.join(OPENS_A_CASE)}")
    if "service_manager" in deadlines:
        raise build_problem(
            text, "service_manager", f"[{section}] has no service_manager", "it under [deadlines]", section
        )
    checked = _section(text, section, DeadlinesSettings, deadlines)
    assert isinstance(checked, DeadlinesSettings)  # noqa: S101 - that is what was asked for
    check_deadlines(text, checked, section)
    return {key: getattr(checked, key) for key in deadlines}


def _contacts(text: str, contacts: object) -> dict[str, ContactSettings]:
    known, example = codes.get_labels("roles"), "[contacts.service_manager], then name and telephone under it"
    if not isinstance(contacts, dict) or not all(isinstance(contact, dict) for contact in contacts.values()):
        raise build_problem(text, CONTACTS, f"{CONTACTS} must have a section for each role", example)
    read = {}
    for role, values in contacts.items():
        section = f"{CONTACTS}.{role}"
        if role not in known:
            wrong = f"[{section}] must name a role: one of {', '.join(known)}"
            raise build_problem(text, section, wrong, example, section)
        contact = _section(text, section, ContactSettings, values)
        assert isinstance(contact, ContactSettings)  # noqa: S101 - that is what was asked for
        check_contact(text, contact, section)
        read[role] = contact
    return read


def _calendars(text: str, calendars: object) -> dict[str, str]:
    example = f'[{CALENDARS}], then 333 = "terms.csv" under it'
    if not isinstance(calendars, dict):
        raise build_problem(text, CALENDARS, f"{CALENDARS} must be a section", example)
    for code, file in calendars.items():
        if not (re.fullmatch("[0-9]{3}", code) and isinstance(file, str) and file):
            raise build_problem(text, code, f"[{CALENDARS}] must name an authority and a file", example, CALENDARS)
    return calendars


def _roles(text: str, within: Mapping[str, Mapping[str, object]]) -> dict[str, Role]:
    for name in within.keys() - {"roles"}:
        section = f"sign_in.{name}"
        raise build_problem(text, section, f"[{section}] is not a section", "[sign_in.roles]", section)
    roles, known = within.get("roles", {}), [role.value for role in Role]
    for value, role in roles.items():
        if role not in known:
            wrong = f"[sign_in.roles] must give one of {', '.join(known)}"
            raise build_problem(text, value, wrong, f'"{value}" = "cme_officer"', "sign_in.roles")
    return {value: Role(str(role)) for value, role in roles.items()}


def _closures(text: str, closures: object) -> dict[str, str]:
    if not isinstance(closures, dict):
        raise build_problem(
            text, ONE_CLOSURES, f"{ONE_CLOSURES} must be a section", f'[{ONE_CLOSURES}], then LOST = "enquire" under it'
        )
    for word, done in closures.items():
        if done not in DONE_WITH:
            wrong = f"[{ONE_CLOSURES}] must give each closure value one of {', '.join(DONE_WITH)}"
            raise build_problem(text, word, wrong, f'"{word}" = "hold"', ONE_CLOSURES)
    return CLOSURES | {" ".join(word.split()).casefold(): done for word, done in closures.items()}
