"""Which outside witnesses cosign our audit log, and how many must: a file in the format of C2SP tlog-policy.

    witness north witness.example/w1+8d66cf3f+BAu... https://witness.example/w1
    witness south witness.example/w2+1c9a3f77+BKq... https://witness2.example/w2
    group both any north south
    quorum both

Lines of the kind `log` are read over: which log it is about is known here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.errors import ConfigProblem
from keys.cosignature import WitnessKey, find_witness_key

# As the specification asks of every reader at least.
MOST_NAMES = 64
NO_QUORUM = "none"
HTTPS = "https://"


@dataclass(frozen=True, slots=True)
class OutsideWitness:
    """One witness: its name in the file, its key, and the address to which checkpoints are sent ("submission prefix").

    Without an address it is believed, and not asked.
    """

    name: str
    key: WitnessKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class WitnessGroup:
    """Of these, so many must have cosigned."""

    needed: int
    members: tuple["OutsideWitness | WitnessGroup", ...]


@dataclass(frozen=True, slots=True)
class WitnessPolicy:
    """The witnesses, and whose cosignatures suffice. Without a quorum, none is needed."""

    witnesses: tuple[OutsideWitness, ...]
    quorum: OutsideWitness | WitnessGroup | None

    def is_met_by(self, cosigners: Collection[WitnessKey]) -> bool:
        """Do the cosignatures of these suffice?"""
        return self.quorum is None or _has_cosigned(self.quorum, cosigners)


def parse_policy(text: str, file: str) -> WitnessPolicy:
    """Read the file's text. Raises ConfigProblem, with the line that is wrong.

    Args:
        text: its lines.
        file: its name, for what is said of it.
    """
    named: dict[str, OutsideWitness | WitnessGroup] = {}
    used: set[str] = set()
    quorum: list[str] = []
    for number, words in _list_lines(text):
        try:
            match words:
                case ["log", _, *_]:
                    continue
                case ["witness", name, vkey, *url] if len(url) < 2:
                    _check_new(name, named)
                    named[name] = _read_witness(name, vkey, "".join(url), named.values())
                case ["group", name, needed, *members]:
                    _check_new(name, named)
                    named[name] = _read_group(needed, members, named, used)
                case ["quorum", name]:
                    if quorum or (name != NO_QUORUM and name not in named):
                        raise ValueError("quorum must name an outside witness or a group from a line above, once")
                    quorum.append(name)
                case _:
                    raise ValueError("the first word is unknown, or words are missing")
        except ValueError as why:
            raise ConfigProblem("config.witness-policy", file=file, line=number, why=why) from None
    if not quorum:
        raise ConfigProblem(
            "config.witness-policy", file=file, line=text.count("\n") + 1, why="a quorum line is missing"
        )
    witnesses = tuple(each for each in named.values() if isinstance(each, OutsideWitness))
    return WitnessPolicy(witnesses, named.get(quorum[0]))


def _list_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        # No other sign parts two words.
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if words and not words[0].startswith("#"):
            yield number, words


def _check_new(name: str, named: Collection[str]) -> None:
    if name in named or name == NO_QUORUM:
        raise ValueError(f"the name {name} cannot be used here, or not twice")
    if len(named) == MOST_NAMES:
        raise ValueError(f"the most names are {MOST_NAMES}")


def _read_witness(name: str, vkey: str, url: str, known: Collection[OutsideWitness | WitnessGroup]) -> OutsideWitness:
    key = find_witness_key(vkey)
    if key is None:
        raise ValueError(f"the key of {name} is not the Ed25519 key of an outside witness")
    if any(isinstance(each, OutsideWitness) and each.key.public == key.public for each in known):
        raise ValueError(f"the key of {name} is there twice")
    if url and not (url.startswith(HTTPS) and url.isascii() and url.isprintable()):
        raise ValueError(f"the address of {name} must begin with {HTTPS}")
    return OutsideWitness(name, key, url.rstrip("/"))


def _read_group(
    needed: str, members: list[str], named: dict[str, OutsideWitness | WitnessGroup], used: set[str]
) -> WitnessGroup:
    for member in members:
        if member not in named or member in used:
            raise ValueError(f"{member} must stand in a line above, and in one group only")
        used.add(member)
    count = {"any": "1", "all": str(len(members))}.get(needed, needed)
    if not (count.isascii() and count.isdecimal() and len(count) < 4 and 1 <= int(count) <= len(members)):
        raise ValueError("a group needs any, all, or a number between 1 and that of its members")
    return WitnessGroup(int(count), tuple(named[member] for member in members))


def _has_cosigned(named: OutsideWitness | WitnessGroup, cosigners: Collection[WitnessKey]) -> bool:
    if isinstance(named, OutsideWitness):
        return named.key in cosigners
    return sum(_has_cosigned(member, cosigners) for member in named.members) >= named.needed
