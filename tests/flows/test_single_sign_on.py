"""Officers sign in at a real, certified OpenID provider, each with a browser of their own."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.openid import IdentityProvider
from gateway import home_folder
from gateway.access.single_sign_on import (
    DirectoryPerson,
    PendingSignIn,
    begin_directory_sign_in,
    finish_directory_sign_in,
)
from gateway.context import Gateway
from gateway.core.permissions import Role
from gateway.errors import ConfigProblem, NotAllowed, Unusable
from gateway.settings.file import parse
from keys import id_token
from keys.errors import RefusalCode
from tests.conftest import free_port, make
from tests.identity_provider import ANSWER, SECRET, Made, browse, running
from tests.refusals import expect_refusal

# Entra names groups by their ids.
OFFICERS_GROUP = "0b1d5b1e-0000-4000-8000-000000000001"
OVERAGE = {"_claim_names": {"groups": "src1"}}
ACCOUNTS: dict[str, dict[str, object]] = {
    "ottoline": {
        "name": "Ottoline Testperson",
        "email": "ottoline.testperson@sandwell.example",
        "roles": ["CmeOfficer", "Auditor", "SomethingElse"],
        "groups": ["a group that counts for nothing beside roles", "managers"],
    },
    "grouped": {"name": "Gus Testperson", "preferred_username": "gus@sandwell.example", "groups": [OFFICERS_GROUP]},
    "single": {"name": "Sid Testperson", "roles": "Auditor"},
    "nobody": {"name": "Norma Testperson", "roles": ["SomethingElse"], "groups": ["somebody"]},
    "bare": {},
    "busy": {"name": "Bea Testperson", **OVERAGE},
    "busier": {"name": "Bo Testperson", "hasgroups": True},
    "busy-with-role": {"name": "Bea Testperson", "roles": ["CmeOfficer"], **OVERAGE},
    "odd": {"name": "Odd\r\n\x1b[31m <b>" + "x" * 300, "roles": ["CmeOfficer", 7, None, ["Auditor"]]},
}
ALGORITHMS = {"gateway": "RS256", "gateway-ps": "PS256", "gateway-es": "ES256", "another": "RS256"}
MADE = Made(ACCOUNTS, ALGORITHMS)
SETTINGS = """
[sign_in]
issuer = "{issuer}"
client_id = "gateway"
client_secret_file = "client_secret"
whom_to_ask = "the ICT desk, 01632 960199"

[sign_in.roles]
CmeOfficer = "cme_officer"
Auditor = "auditor"
managers = "service_manager"
{group} = "pupil_tracking"
"""


def connected(home: Path, issuer: str) -> Gateway:
    """Sandwell's gateway, opened with this provider in its settings."""
    make(home, "333", "Sandwell").store.close()
    with (home / "gateway.toml").open("a") as settings:
        settings.write(SETTINGS.format(issuer=issuer, group=OFFICERS_GROUP))
    (home / "client_secret").write_text(f"{SECRET}\n")
    return home_folder.open_gateway(home)


@pytest.fixture(scope="module")
def issuer(pytestconfig: pytest.Config) -> Iterator[str]:
    """The provider for all tests that do not disturb it."""
    with running(MADE, free_port(), pytestconfig.cache.mkdir("openid")) as address:
        yield address


@pytest.fixture(scope="module")
def home(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sign-in") / "333"
    connected(folder, issuer).store.close()
    return folder


@pytest.fixture
def gw(home: Path) -> Iterator[Gateway]:
    """The same gateway, started anew: it knows nothing of the provider yet."""
    opened = home_folder.open_gateway(home)
    yield opened
    opened.store.close()


async def come_back(gw: Gateway, who: str, *, cancel: bool = False) -> tuple[PendingSignIn, dict[str, str]]:
    """A sign-in up to the answer that the browser brings."""
    pending, address = await begin_directory_sign_in(gw, ANSWER)
    return pending, await browse(address, who, cancel=cancel)


async def sign_in(gw: Gateway, who: str) -> DirectoryPerson:
    pending, answer = await come_back(gw, who)
    return await finish_directory_sign_in(gw, pending, answer, ANSWER)


async def test_an_officer_signs_in_and_has_the_roles_that_the_directory_says(gw: Gateway) -> None:
    assert await sign_in(gw, "ottoline") == DirectoryPerson(
        "ottoline",
        "Ottoline Testperson",
        "ottoline.testperson@sandwell.example",
        frozenset({Role.CME_OFFICER, Role.AUDITOR}),
        "oidc",
    )


async def test_groups_count_where_there_are_no_app_roles(gw: Gateway) -> None:
    person = await sign_in(gw, "grouped")
    assert person.roles == {Role.PUPIL_TRACKING}
    assert person.email == "gus@sandwell.example"


async def test_a_single_role_may_stand_alone(gw: Gateway) -> None:
    assert (await sign_in(gw, "single")).roles == {Role.AUDITOR}


async def test_roles_may_stand_in_another_claim(gw: Gateway) -> None:
    gw.config = replace(gw.config, sign_in=replace(gw.config.sign_in, roles_claim="groups"))
    assert (await sign_in(gw, "ottoline")).roles == {Role.SERVICE_MANAGER}


async def test_a_name_is_one_line_whatever_the_directory_holds(gw: Gateway) -> None:
    person = await sign_in(gw, "odd")
    assert person.name.startswith("Odd [31m <b>xxx")
    assert len(person.name) == 200
    assert person.roles == {Role.CME_OFFICER}


@pytest.mark.parametrize("who", ["nobody", "bare"])
async def test_who_has_no_role_is_told_whom_to_ask(gw: Gateway, who: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        await sign_in(gw, who)
    assert refused.value.code == "sign-in.no-role"
    assert "the ICT desk, 01632 960199" in refused.value.next_on_page


@pytest.mark.parametrize("who", ["busy", "busier"])
async def test_who_is_in_too_many_groups_is_told_so(gw: Gateway, who: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        await sign_in(gw, who)
    assert refused.value.code == "sign-in.too-many-groups"
    assert "so many groups" in refused.value.sentence
    assert "app role" in refused.value.next_on_page


async def test_an_app_role_counts_however_many_groups_there_are(gw: Gateway) -> None:
    assert (await sign_in(gw, "busy-with-role")).roles == {Role.CME_OFFICER}


@pytest.mark.parametrize("client", ["gateway-ps", "gateway-es"])
async def test_other_algorithms_that_are_allowed(gw: Gateway, client: str) -> None:
    assert gw.identity_provider is not None
    gw.identity_provider = IdentityProvider(replace(gw.identity_provider.registration, client_id=client))
    assert (await sign_in(gw, "ottoline")).subject == "ottoline"


async def test_what_the_browser_carries_away_gives_no_secret_away(gw: Gateway) -> None:
    pending, address = await begin_directory_sign_in(gw, ANSWER)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid profile email"]
    assert pending.verifier not in address
    assert "secret" not in address
    assert pending.state not in repr(pending)
    again, _ = await begin_directory_sign_in(gw, ANSWER)
    assert not {pending.state, pending.nonce, pending.verifier} & {again.state, again.nonce, again.verifier}


async def test_who_breaks_it_off_is_not_signed_in(gw: Gateway) -> None:
    pending, answer = await come_back(gw, "ottoline", cancel=True)
    assert answer["error"] == "access_denied"
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, pending, answer, ANSWER)
    assert refused.value.code == "sign-in.denied"


@pytest.mark.parametrize("word", ["server_error", "<script>alert(1)</script>", ""])
async def test_what_the_provider_says_of_an_error_is_repeated_only_if_it_is_a_word(gw: Gateway, word: str) -> None:
    pending, answer = await come_back(gw, "ottoline", cancel=True)
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, pending, answer | {"error": word, "error_description": "<script>"}, ANSWER)
    assert refused.value.code == "sign-in.failed"
    assert "<" not in str(refused.value)
    assert ("server_error" in str(refused.value)) == (word == "server_error")


async def test_an_answer_to_another_sign_in_is_refused(gw: Gateway) -> None:
    """Somebody sends an officer's browser an answer of their own, so that the officer works under their name."""
    mine, _ = await begin_directory_sign_in(gw, ANSWER)
    _, theirs = await come_back(gw, "ottoline")
    without = {name: value for name, value in theirs.items() if name != "state"}
    for answer in (theirs, without, theirs | {"state": ""}, theirs | {"state": "\udcff"}):
        with pytest.raises(NotAllowed) as refused:
            await finish_directory_sign_in(gw, mine, answer, ANSWER)
        assert refused.value.code == "sign-in.other-state"


@pytest.mark.parametrize("said", [None, "", "https://login.elsewhere.example", "HTTP://127.0.0.1"])
async def test_an_answer_of_another_provider_is_refused(gw: Gateway, said: str | None) -> None:
    """RFC 9207: also where it names none, though our provider does."""
    pending, answer = await come_back(gw, "ottoline")
    del answer["iss"]
    for mixed in (answer, {"error": "access_denied", "state": answer["state"]}):
        with pytest.raises(NotAllowed) as refused:
            await finish_directory_sign_in(gw, pending, mixed | ({} if said is None else {"iss": said}), ANSWER)
        assert refused.value.code == "sign-in.other-issuer"


@pytest.mark.parametrize("code", [None, "", "c" * 8193, "c\x00", "\ud800"])
async def test_an_answer_without_a_code_is_refused(gw: Gateway, code: str | None) -> None:
    pending, answer = await come_back(gw, "ottoline")
    del answer["code"]
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, pending, answer | ({} if code is None else {"code": code}), ANSWER)
    assert refused.value.code == "sign-in.malformed"


async def test_a_code_counts_once(gw: Gateway) -> None:
    pending, answer = await come_back(gw, "ottoline")
    await finish_directory_sign_in(gw, pending, answer, ANSWER)
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, pending, answer, ANSWER)
    assert refused.value.code == "sign-in.code"


async def test_a_code_that_was_stolen_is_of_no_use_without_the_verifier(gw: Gateway) -> None:
    pending, answer = await come_back(gw, "ottoline")
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, replace(pending, verifier="v" * 64), answer, ANSWER)
    assert refused.value.code == "sign-in.code"


async def test_an_id_token_of_another_sign_in_is_refused(gw: Gateway) -> None:
    pending, answer = await come_back(gw, "ottoline")
    with expect_refusal(RefusalCode.ID_TOKEN_OTHER_SIGN_IN):
        await finish_directory_sign_in(gw, replace(pending, nonce="of another sign-in"), answer, ANSWER)


async def test_what_was_given_to_another_program_is_refused(gw: Gateway) -> None:
    """Its code by the provider, its ID token by us."""
    ours = gw.identity_provider
    assert ours is not None
    theirs = IdentityProvider(replace(ours.registration, client_id="another"))
    gw.identity_provider = theirs
    pending, answer = await come_back(gw, "ottoline")
    gw.identity_provider = ours
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, pending, answer, ANSWER)
    assert refused.value.code == "sign-in.code"

    gw.identity_provider = theirs
    pending, answer = await come_back(gw, "ottoline")
    token = await theirs.redeem_code(answer["code"], verifier=pending.verifier, redirect_uri=ANSWER)
    expected = id_token.Expected(ours.registration.issuer, "gateway", pending.nonce)
    with expect_refusal(RefusalCode.ID_TOKEN_OTHER_AUDIENCE):
        id_token.verify(token, await ours.get_keys(id_token.key_id(token)), expected=expected, now=gw.now())


async def test_a_sign_in_lives_for_ten_minutes(gw: Gateway) -> None:
    pending, answer = await come_back(gw, "ottoline")
    early = replace(pending, begun_at=datetime.now(UTC) - timedelta(minutes=10))
    with pytest.raises(NotAllowed) as refused:
        await finish_directory_sign_in(gw, early, answer, ANSWER)
    assert refused.value.code == "sign-in.too-late"
    almost = replace(pending, begun_at=datetime.now(UTC) - timedelta(minutes=9))
    assert (await finish_directory_sign_in(gw, almost, answer, ANSWER)).subject == "ottoline"


async def test_a_clock_that_is_wrong_is_named(gw: Gateway) -> None:
    for shift, refusal in (
        (timedelta(hours=-1), RefusalCode.ID_TOKEN_FROM_THE_FUTURE),
        (timedelta(hours=2), RefusalCode.ID_TOKEN_EXPIRED),
    ):
        gw.now = lambda by=shift: datetime.now(UTC) + by  # type: ignore[misc]  # the default is what is bound
        pending, answer = await come_back(gw, "ottoline")
        with expect_refusal(refusal):
            await finish_directory_sign_in(gw, pending, answer, ANSWER)


async def test_a_wrong_client_secret_is_the_operators_to_mend(gw: Gateway) -> None:
    assert gw.identity_provider is not None
    gw.identity_provider = IdentityProvider(replace(gw.identity_provider.registration, client_secret="another"))
    with pytest.raises(Unusable) as refused:
        await sign_in(gw, "ottoline")
    assert refused.value.code == "sign-in.client"
    assert "another" not in str(refused.value) + repr(gw.identity_provider.registration)


async def test_where_the_provider_calls_itself_something_else_nobody_signs_in(gw: Gateway) -> None:
    assert gw.identity_provider is not None
    registration = gw.identity_provider.registration
    other = replace(registration, issuer=registration.issuer.replace("127.0.0.1", "localhost"))
    gw.identity_provider = IdentityProvider(other)
    with pytest.raises(Unusable, match="does not call itself") as refused:
        await begin_directory_sign_in(gw, ANSWER)
    assert refused.value.code == "sign-in.not-as-agreed"


async def test_without_settings_nobody_signs_in(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    with pytest.raises(NotAllowed) as refused:
        await begin_directory_sign_in(gw, ANSWER)
    assert refused.value.code == "sign-in.not-set"
    gw.store.close()


async def test_a_provider_that_is_down_changes_its_keys_and_comes_back(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    cache, port = pytestconfig.cache.mkdir("openid"), free_port()
    by_post = replace(MADE, methods=("client_secret_post",))
    gw = connected(tmp_path / "333", f"http://127.0.0.1:{port}")
    with pytest.raises(Unusable, match="cannot be reached") as refused:
        await begin_directory_sign_in(gw, ANSWER)
    assert refused.value.code == "sign-in.not-reached"

    with running(by_post, port, cache):
        assert (await sign_in(gw, "ottoline")).subject == "ottoline"
        pending, answer = await come_back(gw, "ottoline")
    with pytest.raises(Unusable, match="cannot be reached"):
        await finish_directory_sign_in(gw, pending, answer, ANSWER)

    # With new keys.
    with running(by_post, port, cache):
        assert (await sign_in(gw, "ottoline")).subject == "ottoline"
    # and once more within a minute: a token cannot make us ask for keys as often as it likes
    with running(by_post, port, cache), expect_refusal(RefusalCode.ID_TOKEN_UNKNOWN_KEY):
        await sign_in(gw, "ottoline")
    gw.store.close()


TENANT = "https://login.microsoftonline.com/0b1d5b1e-0000-4000-8000-0000000000aa/v2.0"
WHOLE = SETTINGS.format(issuer=TENANT, group=OFFICERS_GROUP)
WRONG = {
    "issuer = ": [
        TENANT.replace("0b1d5b1e-0000-4000-8000-0000000000aa", "common"),
        TENANT.replace("0b1d5b1e-0000-4000-8000-0000000000aa", "organizations"),
        TENANT.replace("0b1d5b1e-0000-4000-8000-0000000000aa", "sandwell.example"),
        TENANT.replace("/v2.0", ""),
        f"{TENANT}/",
        "http://login.sandwell.example",
        "http://localhost.sandwell.example",
        "https://user@login.sandwell.example",
        "https://login.sandwell.example/?x=1",
        "",
    ],
    "client_id = ": [""],
    "client_secret_file = ": [""],
    "CmeOfficer = ": ["officer", "ADMIN", ""],
}


def section(settings: str) -> str:
    return f'[authority]\ncode = "333"\nname = "Sandwell"\n{settings}'


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_settings_with_which_the_wrong_people_might_sign_in_are_refused(key: str, value: str, tmp_path: Path) -> None:
    rows = [f'{key}"{value}"' if row.startswith(key) else row for row in section(WHOLE).splitlines()]
    with pytest.raises(ConfigProblem, match=f"line {rows.index(f'{key}{chr(34)}{value}{chr(34)}') + 1}:"):
        parse("\n".join(rows), tmp_path)


def test_nobody_has_a_role_that_the_settings_do_not_give(tmp_path: Path) -> None:
    for settings in (WHOLE.partition("[sign_in.roles]")[0], f"{WHOLE}\n[sign_in.groups]\nx = 'admin'\n"):
        with pytest.raises(ConfigProblem):
            parse(section(settings), tmp_path)
    config = parse(section(WHOLE), tmp_path)
    assert config.sign_in_roles[OFFICERS_GROUP] is Role.PUPIL_TRACKING
    assert config.sign_in.roles_claim == "roles"
    assert parse(section(""), tmp_path).read_registration() is None
