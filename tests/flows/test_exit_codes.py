"""The exit codes of the README: each is provoked by a real command, and no command ends with another."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from gateway import cli, errors, home_folder
from gateway.exchange.prepare import prepare_messages
from gateway.exchange.send import queue_messages
from keys.errors import Refusal, RingRefused
from schemas import xml
from tests.children import notice
from tests.command import run_command
from tests.conftest import free_port, introduce, make

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"(?:Exit codes: )?0 done, 1 failed, .*?[.]", re.DOTALL)
# our own refusals of a database that is not for us
NOT_OF_THE_DATABASE = {"store.in-use", "store.not-ours"}
README_CODES = {0, 1, 2, 3, 4, 5, 75, 78}


def codes_in(text: str) -> set[int]:
    """The codes that a text lists."""
    [line] = LINE.findall(text)
    return {int(one) for one in re.findall(r"\b(\d+) [a-z]", line)}


def test_the_pages_and_the_command_line_list_the_same_codes() -> None:
    assert codes_in((ROOT / "README.md").read_text()) == README_CODES
    assert codes_in((ROOT / "docs" / "reference" / "process.md").read_text()) == README_CODES | {130}
    assert codes_in(cli.__doc__ or "") == README_CODES | {130}


def test_every_kind_of_error_has_one_of_them() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.GatewayError)]
    assert {one.exit_code for one in kinds} <= README_CODES
    codes = [code for code, _ in errors.read_texts() if code.startswith("store.") and code not in NOT_OF_THE_DATABASE]
    stores = {errors.StoreUnavailable(code).exit_code for code in codes}
    assert stores <= {1, 75, 78}
    assert not issubclass(RingRefused, errors.GatewayError)
    assert issubclass(RingRefused, Refusal)


@dataclass(frozen=True)
class Place:
    """Two gateways that do not know each other, and a folder."""

    folder: Path
    home: str
    card: str

    def file(self, name: str, content: bytes | str) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def settings(self, old: str, new: str) -> None:
        path = Path(self.home) / "gateway.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    for one in (gw, there):
        one.store.close()
    return Place(tmp_path, str(tmp_path / "333"), str(tmp_path / "885" / home_folder.CARD_FILE))


def away(place: Place) -> tuple[str, ...]:
    place.settings('url = ""', f'url = "postgresql+psycopg://gateway@127.0.0.1:{free_port()}/gateway"')
    return ("outbox",)


def misspelt(place: Place) -> tuple[str, ...]:
    place.settings("[listen]", "[lisen]")
    return ("outbox",)


def other_passphrase(place: Place) -> tuple[str, ...]:
    (Path(place.home) / home_folder.PASSPHRASE).write_text("another one that opens nothing")
    return ("outbox",)


def altered_card(place: Place) -> tuple[str, ...]:
    text = Path(place.card).read_text()
    return ("partner", "add", place.file("bad.card", text[:-5] + "AAAAA"))


PROVOKED: dict[str, tuple[int, Callable[[Place], tuple[str, ...]]]] = {
    "done": (0, lambda _: ("outbox",)),
    "a file that breaks a rule": (1, lambda place: ("validate", place.file("bad.xml", b"<Message/>"))),
    "an export that is none": (
        1,
        lambda place: ("audit", "verify", "--export", place.file("x", "x"), "--card", place.card),
    ),
    "an option that is none": (2, lambda _: ("outbox", "--no-such-option")),
    "a word that is none": (2, lambda _: ("respond", "x", "perhaps")),
    "nothing under this id": (4, lambda _: ("show", "x")),
    "no such file": (4, lambda _: ("send", "no-such-file.xml")),
    "digits that do not agree": (5, lambda place: ("partner", "add", place.card, "--fingerprint", "1" * 40)),
    "a card that was altered": (5, altered_card),
    "a gateway that is there already": (5, lambda _: ("init", "--authority", "333")),
    "a partner whom we do not know": (5, lambda place: ("send", place.file("n.xml", xml.write(notice())))),
    "a server that is away": (75, away),
    "a setting that is none": (78, misspelt),
    "a passphrase that does not open": (78, other_passphrase),
}


@pytest.mark.parametrize("what", PROVOKED)
def test_a_command_ends_as_the_readme_says(place: Place, what: str) -> None:
    code, provoke = PROVOKED[what]
    words = provoke(place)
    homeless = words[0] == "validate" or "--export" in words
    done = run_command(*words, *(() if homeless else ("--home", place.home)))
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_late_ends_with_three(place: Place) -> None:
    gw, there = home_folder.open_gateway(Path(place.home)), home_folder.open_gateway(place.folder / "885")
    introduce(gw, there)
    ready, clock = prepare_messages(gw, [notice()], "olive"), gw.now
    gw.now = lambda: clock() - timedelta(days=3)
    gw.store.run(lambda tx: queue_messages(tx, gw, ready))
    for one in (gw, there):
        one.store.close()
    assert run_command("reconcile", "--home", place.home).returncode == 3
