"""What is installed: one lock for everything, and parts of it for what runs the gateway and what builds it."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The packages of a lock, with version and digests."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for part in re.split(r"\n(?=[a-z])", (ROOT / name).read_text()):
        if match := PACKAGE.match(part):
            found[match[1].lower()] = match[2], frozenset(re.findall(r"sha256:([0-9a-f]{64})", part))
    return found


def named(requirements: list[object]) -> set[str]:
    return {re.split(r"[\[><=~! ]", one)[0].lower() for one in requirements if isinstance(one, str)}


def test_what_runs_and_builds_the_gateway_is_a_part_of_what_is_tested() -> None:
    everything = locked("requirements.lock")
    for name in ("requirements-run.lock", "requirements-build.lock"):
        part = locked(name)
        assert part
        assert {one: kept for one, kept in part.items() if everything.get(one) != kept} == {}
        assert all(digests for _, digests in part.values())


def test_the_image_holds_what_runs_and_no_package_that_only_tests_need() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runs, docker = locked("requirements-run.lock"), (ROOT / "Dockerfile").read_text()
    needed = named(project["project"]["dependencies"]) | named(project["project"]["optional-dependencies"]["pdf"])
    assert needed <= runs.keys()
    assert (named(project["dependency-groups"]["dev"]) - needed) & runs.keys() == set()
    assert "requirements.lock" not in docker
    installed = re.findall(r"/app/bin/pip install (.+?)(?: \\)?\n", docker)
    assert [one.split()[-1] for one in installed] == ["requirements-run.lock", "/wheels/*.whl"]
