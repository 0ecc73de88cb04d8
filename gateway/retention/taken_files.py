"""Files of a case system that were processed: they lie in clear in the home folder, so they are kept for days only."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from gateway.context import Gateway
from gateway.one.watched_folder import DONE, FAILED, TAKEN_IN


def list_old_files(gw: Gateway) -> Sequence[Path]:
    """List the folders of files that were put away before their days ended; the oldest first."""
    before = (gw.now() - timedelta(days=gw.config.retention.file_days)).timestamp()
    return [place for moment, place in sorted(_list_put_away(gw.config.home / TAKEN_IN)) if moment <= before]


def delete_old_files(gw: Gateway) -> int:
    """Delete them; return how many. Raises OSError where one cannot be deleted; those before it are gone."""
    places = list_old_files(gw)
    for place in places:
        shutil.rmtree(place)
    return len(places)


def _list_put_away(home: Path) -> Iterator[tuple[float, Path]]:
    for state in (DONE, FAILED):
        for place in home.glob(f"*/{state}/*"):
            # Another process may have deleted it.
            with suppress(FileNotFoundError):
                yield place.lstat().st_mtime, place
