"""A gateway is killed while it takes in an extract, again and again: every row has one effect, and stands in the
report.
"""

import asyncio
import os
import random
import subprocess
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, func, select

from gateway import home_folder
from gateway.store import audit_log, tables
from tests import folders
from tests.children import in_letters
from tests.conftest import introduce, make
from tests.loaded import Loaded, start_gateway

KILLS = 8
# Some five seconds of work, which is more than the killed have together.
ROWS = 6_000
SEED = random.SystemRandom().randrange(2**32)
HEAD = "Surname,Date of Birth,Date of Leaving,Restricted,Destination LA"


def put(folder: Path) -> None:
    """Two of three rows go out; every third waits for an officer."""
    rows = (f"Invented-{in_letters(n)},2015-06-01,2026-10-23,{'' if n % 3 else 'Y'},885" for n in range(ROWS))
    file = folder / "leavers.csv"
    file.write_text("\n".join([HEAD, *rows, ""]))
    os.utime(file, (time.time() - 60, time.time() - 60))


def serve(home: Path) -> Loaded:
    return start_gateway("serve", "--home", str(home), stderr=subprocess.DEVNULL)


def count(table: Table, tx: Connection) -> int:
    return tx.scalar(select(func.count()).select_from(table)) or 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("real_costs")
def test_killed_over_an_extract_the_gateway_loses_no_row_and_doubles_none(tmp_path: Path) -> None:
    gw, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(gw, there)
    for one in (gw, there):
        one.store.close()
    folder, chance = tmp_path / "one", random.Random(SEED)
    print(f"seed {SEED}")
    folder.mkdir()
    with (tmp_path / "333" / "gateway.toml").open("a") as settings:
        settings.write(f'\n[one]\nfolder = "{folder}"\n')
    put(folder)
    for _ in range(KILLS):
        process = serve(tmp_path / "333")
        time.sleep(chance.uniform(0.3, 1.5))
        process.kill()
        process.wait()
    gw = home_folder.open_gateway(tmp_path / "333")
    asyncio.run(folders.take_in_leavers(gw, folder))
    counts = [gw.store.look(partial(count, table)) for table in (tables.outbox, tables.intake, tables.drafts)]
    made = gw.store.look(lambda tx: len(audit_log.list_newest_entries(tx, act="draft.made", limit=ROWS)))
    gw.store.close()
    assert (counts, made) == ([ROWS * 2 // 3, ROWS * 2 // 3, ROWS // 3], ROWS // 3)
    [_] = folders.places(tmp_path / "333", "leavers")
    assert [file.name for file in folder.iterdir() if not file.name.endswith(".report.csv")] == []
    lines = [line for line in folders.rows_of(tmp_path / "333", "leavers") if line["Row"]]
    results = Counter(line["Result"] for line in lines)
    assert [int(line["Row"]) for line in lines] == list(range(2, ROWS + 2))
    assert results["held"] == ROWS // 3
    assert results["sent"] + results["before"] == ROWS * 2 // 3
    assert len({line["MessageId"] or line["Draft"] for line in lines}) == ROWS
