"""A file that somebody still writes is left and read again, whoever works on it, and nobody calls it wrong.

Of leavers, `test_extracts.py` tests it.
"""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.context import Gateway
from gateway.core.transfer_stage import TransferStage
from gateway.exchange import respond
from gateway.exchange.receive import receive_parcels
from gateway.one import import_results, imports, watched_folder
from gateway.one.watched_folder import FileOutcome, TakenFile, Watched
from gateway.searches import children_index
from gateway.settings.sections import OneSettings
from gateway.store import children, transfer_files
from schemas.message import Acknowledgement
from tests import folders
from tests.children import in_letters, notice
from tests.flows.test_exchange import OFFICER, Pair, seal

WHOLE = {
    children_index.WATCHED: [
        "Surname,Forename,Date of Birth,Restricted",
        *(f'Invented-{in_letters(n)},Ada,2015-06-01,""' for n in range(60)),
    ],
    import_results.WATCHED: ["File Name,Result", *(f'"333LLLL_CTF_885LLLL_00{n}.xml","matched"' for n in (1, 2))],
}


async def prepare(gw: Gateway, sender: Gateway, tmp_path: Path) -> None:
    """Two notices lie in the import folder, for the results to be about."""
    (tmp_path / "import").mkdir()
    gw.config = replace(gw.config, one=OneSettings(import_folder=str(tmp_path / "import")))
    messages = [notice() for _ in range(2)]
    await receive_parcels(gw, [seal(sender, message) for message in messages], sender.code)
    accepted = Acknowledgement(decision="accepted", officer=OFFICER)
    for message in messages:
        respond.acknowledge_notice(gw, message.header.message_id, accepted, by="otto")
    await imports.write_due(gw)


def count_read(gw: Gateway, watched: Watched) -> int:
    """How many rows had their effect."""
    if watched is children_index.WATCHED:
        load = gw.store.look(children.find_current_load)
        return load.children if load else 0
    return gw.store.look(lambda tx: transfer_files.count_files(tx, TransferStage.MATCHED))


@pytest.mark.parametrize("watched", WHOLE, ids=lambda watched: watched.name)
@pytest.mark.parametrize("cut", ["between two rows", "within a cell"])
async def test_a_file_that_grows_while_it_is_read_is_read_again_and_is_not_called_wrong(
    pair: Pair, tmp_path: Path, watched: Watched, cut: str
) -> None:
    sandwell, gw = pair
    await prepare(gw, sandwell, tmp_path)
    folder, rows = tmp_path / "share", WHOLE[watched]
    folder.mkdir()
    file, text = folder / "rows.csv", "\r\n".join([*rows, ""])
    # Within the quotation marks of the last cell, which nothing closes; or before the last row.
    first = text.rindex('"') if cut == "within a cell" else text.rindex(rows[-1])
    file.write_text(text[:first], newline="")
    os.utime(file, (time.time() - 60, time.time() - 60))
    left = [text[first:]]

    def grow() -> None:
        with file.open("a", newline="") as end:
            end.write(left.pop() if left else "")

    async def work(gw: Gateway, taken: TakenFile) -> FileOutcome:
        def check() -> None:
            grow()
            taken.check_whole()

        try:
            return await watched.work(gw, replace(taken, check_whole=check))
        finally:
            grow()

    assert await watched_folder.take_in(gw, folder, replace(watched, work=work)) == 0
    assert file.read_text() == text.replace("\r\n", "\n"), "it is not put away while somebody writes it"
    assert await watched_folder.take_in(gw, folder, watched) == 0, "it has not been quiet for long enough"
    os.utime(file, (time.time() - 60, time.time() - 60))
    assert await watched_folder.take_in(gw, folder, watched) == 1
    assert not file.exists()
    assert count_read(gw, watched) == len(rows) - 1
    assert folders.places(gw.config.home, watched.name, "failed") == []
    assert len(folders.places(gw.config.home, watched.name)) == 1
    assert {row["Result"] for row in folders.rows_of(gw.config.home, watched.name)} <= {"taken", "before"}
