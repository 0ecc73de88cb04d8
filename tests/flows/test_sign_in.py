"""How people come in: passwords, second factors, sessions; and how they do not."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import select

from gateway.access import backup_codes, devices, people, sessions, sign_in
from gateway.access.sessions import Session, SignInStage
from gateway.access.single_sign_on import DirectoryPerson as Known
from gateway.context import Gateway
from gateway.core import lockout
from gateway.core.permissions import Role
from gateway.errors import NotAllowed
from gateway.settings.sections import ConsoleSettings
from gateway.store import audit_log, tables
from keys import one_time_code
from keys.backup_codes import format_code
from tests.world import MONDAY, World

NAME, GOOD = "ash.example@council.example", "purple-tractor-wednesday"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, MONDAY)
    made.settle("333", "Sandwell")
    yield made
    made.close()


@pytest.fixture
def gw(world: World) -> Gateway:
    return world.houses["333"]


@pytest.fixture
def first(gw: Gateway) -> str:
    """The one-time password of a new officer."""
    return people.add_account(gw, NAME, "Ash Example", [Role.CME_OFFICER], "test")


def come_in(gw: Gateway, password: str = GOOD) -> Session:
    found = sessions.use_session(gw, sign_in.begin_sign_in(gw, NAME, password))
    assert found is not None
    return found


def chosen(gw: Gateway, first: str) -> str:
    """They have chosen a password of their own: the secret of the session."""
    return sign_in.give_new_password(gw, sign_in.begin_sign_in(gw, NAME, first), GOOD)


def acts(gw: Gateway) -> list[tuple[str, dict[str, object]]]:
    found = gw.store.look(lambda tx: list(audit_log.list_entries(tx)))
    return [(one.act, json.loads(one.entry).get("detail", {})) for one in found if one.act.startswith("person.")]


def refused(gw: Gateway, password: str) -> str:
    with pytest.raises(NotAllowed) as why:
        sign_in.begin_sign_in(gw, NAME, password)
    return why.value.code


def test_a_one_time_password_lets_in_as_far_as_choosing_another(gw: Gateway, first: str) -> None:
    session = come_in(gw, first)
    assert session.stage is SignInStage.NEW_PASSWORD
    assert not session.roles
    secret = chosen(gw, first)
    found = sessions.use_session(gw, secret)
    assert found is not None
    assert (found.stage, found.roles) == (SignInStage.IN, frozenset({Role.CME_OFFICER}))
    assert refused(gw, first) == "sign-in.refused"


def test_a_one_time_password_counts_for_three_days(world: World, gw: Gateway, first: str) -> None:
    world.now += people.ONE_TIME_LIFE
    assert refused(gw, first) == "sign-in.refused"


def test_after_five_wrong_passwords_the_right_one_is_refused_for_a_quarter_of_an_hour(
    world: World, gw: Gateway, first: str
) -> None:
    chosen(gw, first)
    for _ in range(lockout.TRIES):
        assert refused(gw, "wrong") == "sign-in.refused"
    assert refused(gw, GOOD) == "sign-in.refused"
    world.now += lockout.LOCKED
    assert come_in(gw).stage is SignInStage.IN
    assert ("person.locked", {}) in acts(gw)


def test_who_has_no_account_is_refused_in_the_same_words_and_what_was_typed_is_written_nowhere(
    gw: Gateway, first: str
) -> None:
    with pytest.raises(NotAllowed) as nobody:
        sign_in.begin_sign_in(gw, "Hunter2-typed-as-a-name", GOOD)
    with pytest.raises(NotAllowed) as wrong:
        sign_in.begin_sign_in(gw, NAME, "wrong")
    assert str(nobody.value) == str(wrong.value)
    assert "hunter2" not in "".join(
        one.entry.lower() for one in gw.store.look(lambda tx: list(audit_log.list_entries(tx)))
    )


def test_a_session_ends_after_half_an_hour_without_use(world: World, gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    world.now += sessions.IDLE - timedelta(minutes=1)
    assert sessions.use_session(gw, secret) is not None
    world.now += sessions.IDLE - timedelta(minutes=1)
    # It was used in between.
    assert sessions.use_session(gw, secret) is not None
    world.now += sessions.IDLE
    assert sessions.use_session(gw, secret) is None


def test_a_session_ends_after_ten_hours_whatever_is_done(world: World, gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    for _ in range(int(sessions.ABSOLUTE / timedelta(minutes=20)) - 1):
        world.now += timedelta(minutes=20)
        assert sessions.use_session(gw, secret) is not None
    world.now += timedelta(minutes=20)
    assert sessions.use_session(gw, secret) is None


def test_whose_roles_change_signs_in_again(gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    people.set_roles(gw, NAME, [Role.AUDITOR], "test")
    assert sessions.use_session(gw, secret) is None
    assert come_in(gw).roles == {Role.AUDITOR}


def test_who_has_left_is_out_at_once_and_does_not_come_in(gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    people.set_active(gw, NAME, False, "test")
    assert sessions.use_session(gw, secret) is None
    assert refused(gw, GOOD) == "sign-in.refused"


def test_signing_out_ends_the_session_for_whoever_copied_its_secret_too(gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    found = sessions.use_session(gw, secret)
    assert found is not None
    sessions.sign_out(gw, found)
    assert sessions.use_session(gw, secret) is None


def test_a_forged_secret_is_nobody(gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    for forged in ("", "x", secret[:-1], secret.swapcase(), "\x00", "é" * 43):
        assert sessions.use_session(gw, forged) is None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password.length"),
        ("x" * 257, "password.length"),
        ("password123456", "password.weak"),
        ("ash example council", "password.weak"),
        ("qwertyuiopasdf", "password.weak"),
    ],
)
def test_a_password_that_is_soon_guessed_is_refused(gw: Gateway, first: str, password: str, code: str) -> None:
    secret = sign_in.begin_sign_in(gw, NAME, first)
    with pytest.raises(NotAllowed) as why:
        sign_in.give_new_password(gw, secret, password)
    assert why.value.code == code


def code_at(secret: bytes, now: datetime) -> str:
    return TOTP(secret, 6, SHA1(), 30).generate(int(now.timestamp())).decode()  # noqa: S303 - as the apps have it


def test_with_a_second_factor_the_password_alone_lets_nobody_in_and_each_code_counts_once(
    world: World, gw: Gateway, first: str
) -> None:
    chosen(gw, first)
    shared = one_time_code.new_secret()
    sign_in.set_code(gw, come_in(gw), shared, code_at(shared, world.now))
    world.now += timedelta(seconds=30)
    begun = sign_in.begin_sign_in(gw, NAME, GOOD)
    waiting = sessions.use_session(gw, begun)
    assert waiting is not None
    assert (waiting.stage, waiting.roles) == (SignInStage.CODE, frozenset())
    with pytest.raises(NotAllowed):
        sign_in.give_code(gw, begun, "000000")
    code = code_at(shared, world.now)
    inside = sessions.use_session(gw, sign_in.give_code(gw, begun, code))
    assert inside is not None
    assert inside.stage is SignInStage.IN
    again = sign_in.begin_sign_in(gw, NAME, GOOD)
    with pytest.raises(NotAllowed):
        sign_in.give_code(gw, again, code)


def with_app(world: World, gw: Gateway, first: str) -> Session:
    """They have an authenticator app too."""
    chosen(gw, first)
    session = come_in(gw)
    shared = one_time_code.new_secret()
    sign_in.set_code(gw, session, shared, code_at(shared, world.now))
    return session


def try_code(gw: Gateway, code: str) -> bool:
    """Sign in with the password and this code: whether they are in."""
    try:
        inside = sessions.use_session(gw, sign_in.give_code(gw, sign_in.begin_sign_in(gw, NAME, GOOD), code))
    except NotAllowed:
        return False
    return inside is not None and inside.stage is SignInStage.IN


def test_each_of_ten_backup_codes_lets_in_once_in_place_of_a_code_of_the_app(
    world: World, gw: Gateway, first: str
) -> None:
    codes = backup_codes.replace_codes(gw, with_app(world, gw, first))
    assert len(set(codes)) == 10
    assert try_code(gw, format_code(codes[3]))
    assert not try_code(gw, codes[3])
    assert try_code(gw, codes[4])
    assert backup_codes.count_codes(gw, NAME) == 8
    said = [detail for act, detail in acts(gw) if act == "person.backup-code"]
    assert said == [{"left": 9}, {"left": 8}]
    everything = str(gw.store.look(lambda tx: [*audit_log.list_entries(tx), *tx.execute(select(tables.backup_codes))]))
    assert not any(code in everything or format_code(code) in everything for code in codes)


def test_new_backup_codes_and_a_reset_make_the_old_ones_useless(world: World, gw: Gateway, first: str) -> None:
    session = with_app(world, gw, first)
    old, new = (backup_codes.replace_codes(gw, session) for _ in range(2))
    assert not try_code(gw, old[0])
    assert try_code(gw, new[0])
    people.reset_password(gw, NAME, "test")
    assert backup_codes.count_codes(gw, NAME) == 0


def test_a_backup_code_is_its_owners_only_and_needs_an_app(world: World, gw: Gateway, first: str) -> None:
    people.add_account(gw, "other@council.example", "Other Example", [Role.CME_OFFICER], "test")
    session = with_app(world, gw, first)
    other = replace(session, person=replace(session.person, name="other@council.example"))
    with pytest.raises(NotAllowed, match=r"backup-codes\.no-app"):
        backup_codes.replace_codes(gw, other)
    codes = backup_codes.replace_codes(gw, session)
    assert not gw.store.run(lambda tx: backup_codes.take_code(tx, gw, "other@council.example", codes[0]))
    assert backup_codes.count_codes(gw, NAME) == 10


def test_five_wrong_backup_codes_lock_the_account(world: World, gw: Gateway, first: str) -> None:
    codes = backup_codes.replace_codes(gw, with_app(world, gw, first))
    wrong = next(str(number) for number in range(10**11, 10**12) if str(number) not in codes)
    begun = sign_in.begin_sign_in(gw, NAME, GOOD)
    for code in (*[wrong] * lockout.TRIES, codes[0]):
        with pytest.raises(NotAllowed):
            sign_in.give_code(gw, begun, code)


def test_five_wrong_codes_lock_the_account_too(world: World, gw: Gateway, first: str) -> None:
    chosen(gw, first)
    shared = one_time_code.new_secret()
    sign_in.set_code(gw, come_in(gw), shared, code_at(shared, world.now))
    world.now += timedelta(seconds=60)
    begun = sign_in.begin_sign_in(gw, NAME, GOOD)
    for _ in range(lockout.TRIES):
        with pytest.raises(NotAllowed):
            sign_in.give_code(gw, begun, "000000")
    with pytest.raises(NotAllowed):
        sign_in.give_code(gw, begun, code_at(shared, world.now))


def test_wrong_codes_from_elsewhere_do_not_lock_a_browser_that_is_known(world: World, gw: Gateway, first: str) -> None:
    chosen(gw, first)
    shared, device = one_time_code.new_secret(), devices.remember_device(gw, "", NAME)
    sign_in.set_code(gw, come_in(gw), shared, code_at(shared, world.now))
    world.now += timedelta(seconds=60)
    stranger, ours = sign_in.begin_sign_in(gw, NAME, GOOD), sign_in.begin_sign_in(gw, NAME, GOOD, device)
    for _ in range(lockout.TRIES):
        with pytest.raises(NotAllowed):
            sign_in.give_code(gw, stranger, "000000")
    with pytest.raises(NotAllowed):
        sign_in.give_code(gw, stranger, code_at(shared, world.now))
    found = sessions.use_session(gw, sign_in.give_code(gw, ours, code_at(shared, world.now), device))
    assert found is not None
    assert found.stage is SignInStage.IN


@pytest.mark.parametrize(("seconds", "code"), [(59, "94287082"), (1111111109, "07081804"), (2000000000, "69279037")])
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    # Appendix B, of which the last six digits are shown.
    secret = b"12345678901234567890"
    at = datetime.fromtimestamp(seconds, UTC)
    assert one_time_code.find_step(secret, code[-6:], at) == seconds // 30
    assert one_time_code.find_step(secret, code[-6:], at, after=seconds // 30) is None
    assert one_time_code.find_step(secret, code[-6:], at + timedelta(minutes=2)) is None


def test_the_last_admin_stays(gw: Gateway) -> None:
    people.add_account(gw, "agnes@council.example", "Agnes Testadmin", [Role.ADMIN], "test")
    with pytest.raises(NotAllowed) as why:
        people.set_active(gw, "agnes@council.example", False, "test")
    assert why.value.code == "people.last-admin"
    with pytest.raises(NotAllowed) as why:
        people.set_roles(gw, "agnes@council.example", [Role.AUDITOR], "test")
    assert why.value.code == "people.last-admin"


def known(subject: str, email: str, *roles: Role) -> Known:
    return Known(subject, "Olive Testofficer", email, frozenset(roles))


def test_whom_the_directory_vouches_for_has_its_roles_and_no_password_here(gw: Gateway, first: str) -> None:
    secret = sign_in.from_directory(gw, known("s-1", "Olive@Council.example", Role.CME_OFFICER))
    found = sessions.use_session(gw, secret)
    assert found is not None
    assert (found.person.name, found.roles) == ("olive@council.example", frozenset({Role.CME_OFFICER}))
    with pytest.raises(NotAllowed):
        sign_in.begin_sign_in(gw, "olive@council.example", "")
    sign_in.from_directory(gw, known("s-1", "olive@council.example", Role.AUDITOR))
    assert sessions.use_session(gw, secret) is None


def test_a_mail_address_that_somebody_else_has_here_opens_no_account_of_theirs(gw: Gateway, first: str) -> None:
    # Of a local account.
    with pytest.raises(NotAllowed):
        sign_in.from_directory(gw, known("s-1", NAME, Role.ADMIN))
    sign_in.from_directory(gw, known("s-2", "olive@council.example", Role.CME_OFFICER))
    # The address was given to a newcomer.
    with pytest.raises(NotAllowed):
        sign_in.from_directory(gw, known("s-3", "olive@council.example", Role.ADMIN))


def test_whoever_married_is_known_by_their_subject(gw: Gateway) -> None:
    sign_in.from_directory(gw, known("s-2", "olive@council.example", Role.CME_OFFICER))
    found = sessions.use_session(
        gw, sign_in.from_directory(gw, known("s-2", "olive.new@council.example", Role.CME_OFFICER))
    )
    assert found is not None
    assert found.person.name == "olive@council.example"


def required(gw: Gateway, roles: str) -> None:
    """Who has one of these roles must have an authenticator app."""
    gw.config = replace(gw.config, console=ConsoleSettings(second_factor=roles))


def test_who_must_have_a_second_factor_sets_it_up_before_anything_else(world: World, gw: Gateway, first: str) -> None:
    secret = chosen(gw, first)
    required(gw, "admin cme_officer")
    # Who was in before is not in any more.
    assert sessions.use_session(gw, secret) is None
    session = come_in(gw)
    assert (session.stage, session.roles) == (SignInStage.SET_CODE, frozenset())
    shared = one_time_code.new_secret()
    begun = sign_in.begin_sign_in(gw, NAME, GOOD)
    for wrong in ("", "000000", code_at(one_time_code.new_secret(), world.now)):
        with pytest.raises(NotAllowed):
            sign_in.set_first_code(gw, begun, shared, wrong)
    inside = sessions.use_session(gw, sign_in.set_first_code(gw, begun, shared, code_at(shared, world.now)))
    assert inside is not None
    assert inside.roles == {Role.CME_OFFICER}
    # That step counts once, and the next sign-in asks for a code.
    with pytest.raises(NotAllowed):
        sign_in.set_first_code(gw, begun, shared, code_at(shared, world.now))
    assert come_in(gw).stage is SignInStage.CODE
    # A new one-time password takes the app away: then all begins again.
    one_time = people.reset_password(gw, NAME, "test")
    begun = sign_in.begin_sign_in(gw, NAME, one_time)
    with pytest.raises(NotAllowed):
        sign_in.set_first_code(gw, begun, shared, code_at(shared, world.now))
    after = sessions.use_session(gw, sign_in.give_new_password(gw, begun, f"{GOOD}-2"))
    assert after is not None
    assert after.stage is SignInStage.SET_CODE


@pytest.mark.parametrize("roles", ["", "admin", "auditor operator"])
def test_who_need_not_have_a_second_factor_is_not_asked(gw: Gateway, first: str, roles: str) -> None:
    required(gw, roles)
    assert sessions.use_session(gw, chosen(gw, first)) is not None
    required(gw, "all")
    assert come_in(gw).stage is SignInStage.SET_CODE


def test_the_directory_has_second_factors_of_its_own(gw: Gateway, first: str) -> None:
    required(gw, "all")
    secret = sign_in.from_directory(gw, known("s-2", "petra@council.example", Role.CME_OFFICER))
    found = sessions.use_session(gw, secret)
    assert found is not None
    assert found.stage is SignInStage.IN
