"""A purge is killed again and again, and holds arrive meanwhile: each case is purged whole and once, or held whole."""

import asyncio
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway import home_folder
from gateway.context import Gateway, wall_clock
from gateway.core.retention import HoldReason
from gateway.errors import NotAllowed
from gateway.retention import legal_holds, purge
from gateway.store import audit_log, retention
from schemas.shapes import CaseId
from tests.conftest import free_port, introduce, new_database
from tests.flows.test_retention import finish_case, is_held, list_faults
from tests.loaded import start_gateway
from tests.remains import find_remains, list_data_files, list_secrets, read_files, write_back

KILLS = 4
CASES = 12
# The samples were written for the end of October.
DAYS = 14
SEED = random.SystemRandom().randrange(2**32)


@pytest.fixture(params=["sqlite", "postgresql"])
def old_pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Gateway, Gateway]]:
    """Sandwell and Worcestershire, on either database, some weeks ago."""
    then = datetime.now(UTC) - timedelta(days=DAYS + 2)
    both = []
    for code, name in (("333", "Sandwell"), ("885", "Worcestershire")):
        url = new_database(request.getfixturevalue("postgres")) if request.param == "postgresql" else ""
        new = home_folder.NewGateway(code=code, name=name, port=free_port(), telephone="01632 960101", store_url=url)
        home_folder.create_gateway(tmp_path / code, new, now=lambda: then)
        with (tmp_path / code / "gateway.toml").open("a") as settings:
            settings.write(f"\n[retention]\ndays = {DAYS}\n")
        both.append(home_folder.open_gateway(tmp_path / code, now=lambda: then))
    introduce(*both)
    yield both[0], both[1]
    for gw in both:
        gw.store.close()


def try_hold(gw: Gateway, case_id: CaseId) -> bool:
    """Put a case on hold; False where it is held already, or was purged before."""
    try:
        legal_holds.hold_case(gw, case_id, HoldReason.COURT, "mona")
    except NotAllowed:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killed_over_a_purge_each_case_is_purged_once_or_held(old_pair: tuple[Gateway, Gateway]) -> None:
    gw, _ = old_pair
    cases = [await finish_case(old_pair) for _ in range(CASES)]
    gw.now = wall_clock
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    secrets = gw.store.look(list_secrets)
    held: set[CaseId] = set()
    for _ in range(KILLS):
        process = start_gateway(
            *("retention", "purge", "--home", str(gw.config.home)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        await asyncio.sleep(chance.uniform(0.1, 0.6))
        message_id, case_id = chance.choice(cases)
        if try_hold(gw, case_id):
            held.add(case_id)
        assert is_held(gw, message_id) is (case_id in held)
        process.kill()
        process.wait()
    assert not purge.run_purge(gw, "test").troubles
    kept = {case for message_id, case in cases if is_held(gw, message_id)}
    assert kept == held
    entries = gw.store.look(lambda tx: audit_log.list_newest_entries(tx, act="case.purged", limit=1000))
    assert Counter(entry.about for entry in entries) == Counter(case for _, case in cases if case not in held)
    assert list_faults(gw) == []
    for case in held:
        legal_holds.release_case(gw, case, "mona")
    assert purge.run_purge(gw, "test").cases == len(held)
    assert gw.store.look(lambda tx: retention.list_kept_cases(tx, gw.now())) == []
    write_back(gw)
    assert find_remains(read_files(list_data_files(gw)), secrets) == {}
