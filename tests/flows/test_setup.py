"""A gateway is made whole or not at all, and a home folder that is not whole is named for what it lacks."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.errors import ConfigProblem, GatewayError, NotAllowed, StoreUnavailable, Unusable
from gateway.monitoring import install_checks
from gateway.settings.file import parse
from keys import tls
from keys.card import CardContact
from tests.conftest import make, new_database


def test_a_lost_database_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    (tmp_path / "333" / "store.db").unlink()
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as caught:
            home_folder.open_gateway(tmp_path / "333")
        assert (caught.value.code, caught.value.exit_code) == ("store.missing", 1)
    assert not (tmp_path / "333" / "store.db").exists()


def test_an_attempt_that_failed_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "333"

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("gateway.home_folder.Store.migrate", fail)
        with pytest.raises(Unusable, match="No space left"):
            home_folder.create_gateway(home, home_folder.NewGateway(code="333", name="Sandwell"))
    # As an attempt that was killed leaves it.
    (home / ".init").mkdir()
    home_folder.create_gateway(home, home_folder.NewGateway(code="333", name="Sandwell"))
    assert sorted(path.name for path in home.iterdir()) == sorted(home_folder.PARTS)


def test_keys_without_settings_are_never_written_over(tmp_path: Path) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    (tmp_path / "333" / "gateway.toml").unlink()
    ring = (tmp_path / "333" / "keys" / "ring.json").read_bytes()
    with pytest.raises(NotAllowed, match="keys"):
        home_folder.create_gateway(tmp_path / "333", home_folder.NewGateway(code="333", name="Sandwell"))
    assert (tmp_path / "333" / "keys" / "ring.json").read_bytes() == ring


def test_a_database_in_use_is_refused(tmp_path: Path, postgres: str) -> None:
    url = new_database(postgres)
    make(tmp_path / "333", "333", "Sandwell", url).store.close()
    with pytest.raises(NotAllowed) as caught:
        home_folder.create_gateway(
            tmp_path / "885", home_folder.NewGateway(code="885", name="Worcestershire", store_url=url)
        )
    assert caught.value.code == "store.in-use"


@pytest.mark.parametrize("name", ['St "Helens" \\ Test', "Bournemouth, Christchurch & Poole", "Ynys Môn"])
def test_a_name_stands_in_the_settings_as_it_is(tmp_path: Path, name: str) -> None:
    assert (
        home_folder.create_gateway(tmp_path / "333", home_folder.NewGateway(code="333", name=name)).authority.name
        == name
    )


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "postgresql+psycopg://gateway@store:port/gateway"])
def test_an_address_that_is_no_database_is_a_wrong_setting(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        home_folder.create_gateway(tmp_path / "333", home_folder.NewGateway(code="333", name="Sandwell", store_url=url))
    assert caught.value.code == "config.setting"
    assert not (tmp_path / "333" / "gateway.toml").exists()


def damaged(home: Path) -> None:
    (home / home_folder.CARD_FILE).write_bytes(b"\xff" + (home / home_folder.CARD_FILE).read_bytes()[1:])


def anothers_card(home: Path) -> None:
    shutil.copy(home.parent / "885" / home_folder.CARD_FILE, home / home_folder.CARD_FILE)


def no_card(home: Path) -> None:
    (home / home_folder.CARD_FILE).unlink()


@pytest.mark.parametrize(
    ("harm", "code"), [(damaged, "card.missing"), (no_card, "card.missing"), (anothers_card, "home.mixed")]
)
def test_a_card_that_is_no_use_is_named(tmp_path: Path, harm: Callable[[Path], None], code: str) -> None:
    for other, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        make(tmp_path / other, other, name).store.close()
    harm(tmp_path / "333")
    with pytest.raises(GatewayError) as caught:
        home_folder.open_gateway(tmp_path / "333")
    assert (caught.value.code, caught.value.exit_code) == (code, 78)


MASH = '[mash]\nname = "Sandwell MASH"\ntelephone = "01632 960199"\nemail = "mash@sandwell.example"\n'
MANAGER = '[contacts.service_manager]\nname = "Mona Invented"\ntelephone = "01632 960102"\n'


def test_whom_to_call_is_on_the_card_once_it_is_renewed_and_doctor_says_until_then_that_it_is_not(
    tmp_path: Path,
) -> None:
    make(tmp_path / "333", "333", "Sandwell").store.close()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(MASH + MANAGER)

    def checks() -> set[str]:
        gw = home_folder.open_gateway(tmp_path / "333")
        try:
            return {finding.name for finding in install_checks.check_installation(gw)}
        finally:
            gw.store.close()

    assert "card and contacts" in checks()
    ours = home_folder.renew_card(tmp_path / "333", by="ines")
    assert ours.mash == CardContact("mash", "Sandwell MASH", "01632 960199", "mash@sandwell.example")
    assert [(it.role, it.telephone) for it in ours.contacts][1:] == [("service_manager", "01632 960102")]
    assert "card and contacts" not in checks()


@pytest.mark.parametrize(
    "wrong",
    [
        '[mash]\nname = "Sandwell MASH"\n',
        '[mash]\ntelephone = "01632 960199"\n',
        '[mash]\nname = "Sandwell MASH"\ntelephone = "ring us"\n',
        '[mash]\nname = "Sandwell MASH"\ntelephone = "01632 960199"\nemail = "mash"\n',
        MASH.replace("[mash]", "[contacts.nobody]"),
        MANAGER.replace("01632 960102", ""),
        'contacts = "Mona"\n',
        MANAGER + 'fax = "1"\n',
    ],
)
def test_a_contact_whom_nobody_could_call_is_a_wrong_setting(wrong: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        parse(f'[authority]\ncode = "333"\nname = "Sandwell"\n{wrong}', Path("home"))
    assert caught.value.code == "config.setting"


def test_a_certificate_that_would_end_before_the_card_is_made_anew(tmp_path: Path) -> None:
    gw = make(tmp_path / "333", "333", "Sandwell")
    gw.store.close()
    first = home_folder.read_certificate(tmp_path / "333")
    home_folder.renew_card(tmp_path / "333", by="ines")
    assert home_folder.read_certificate(tmp_path / "333") == first
    key, certificate = tls.self_signed("gateway.sandwell.example", now=gw.now(), days=100)
    (tmp_path / "333" / home_folder.TLS_KEY).write_bytes(key)
    (tmp_path / "333" / home_folder.TLS_CERTIFICATE).write_bytes(certificate)
    ours = home_folder.renew_card(tmp_path / "333", by="ines")
    renewed = (tmp_path / "333" / home_folder.TLS_NEXT).read_bytes()
    assert tls.read_expiry(renewed) > ours.expires_at
    assert tls.own_host(renewed) == "gateway.sandwell.example"
    # The port goes on with the old one, until partners know the next.
    assert home_folder.read_certificate(tmp_path / "333") == certificate
    assert [route.certificate for route in ours.routes] == [tls.der_base64(each) for each in (certificate, renewed)]
    assert (tmp_path / "333" / home_folder.TLS_NEXT).stat().st_mode & 0o077 == 0
