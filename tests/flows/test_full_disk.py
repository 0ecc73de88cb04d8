"""A disk that is really full: a file system of a few megabytes, mounted for this test alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from schemas import xml
from tests.children import notice
from tests.conftest import introduce, make

STORY = """
set -u
mount -t tmpfs -o size=6m tmpfs "$1" || exit 99
cp -r "$2" "$1/333"
cat /dev/zero > "$1/filler" 2>/dev/null
"$3" -m gateway send "$4" --home "$1/333"
echo "full: $?"
before=$(cat "$1"/333/keys/*.json "$1"/333/card.jwt "$1"/333/tls.* | sha256sum)
"$3" -m gateway keys rotate --home "$1/333"
echo "full, rotate: $?"
"$3" -m gateway card renew --home "$1/333"
echo "full, renew: $?"
ls -A "$1/333" "$1/333/keys" | grep '^[.]' && echo "left over"
[ "$before" = "$(cat "$1"/333/keys/*.json "$1"/333/card.jwt "$1"/333/tls.* | sha256sum)" ] && echo "keys as before"
rm "$1/filler"
"$3" -m gateway outbox --home "$1/333" --json
"$3" -m gateway send "$4" --home "$1/333"
echo "room again: $?"
"$3" -m gateway audit verify --home "$1/333"
echo "log: $?"
mount -o remount,ro "$1" || exit 0
for words in "outbox" "send $4" "keys rotate" "card renew" "doctor" "serve"; do
    "$3" -m gateway $words --home "$1/333" 2>"$2/../said"
    echo "read-only, $words: $?"
    grep -q store.read-only "$2/../said" && ! grep -q "newest backup" "$2/../said" || { echo "badly named: $words"; cat "$2/../said"; }
done
"""


def test_a_full_disk_takes_nothing_in_and_loses_nothing(tmp_path: Path) -> None:
    here, there = make(tmp_path / "333", "333", "Sandwell"), make(tmp_path / "885", "885", "Worcestershire")
    introduce(here, there)
    for one in (here, there):
        one.store.close()
    (tmp_path / "disk").mkdir()
    (tmp_path / "notice.xml").write_bytes(xml.write(notice()))
    places = [str(tmp_path / name) for name in ("disk", "333")]
    line = ["unshare", "--map-root-user", "--mount", "sh", "-c", STORY, "sh"]
    done = subprocess.run(
        [*line, *places, sys.executable, str(tmp_path / "notice.xml")], capture_output=True, text=True, check=False
    )
    if done.returncode in (1, 99) and "full:" not in done.stdout:
        pytest.skip("this machine lets nobody mount a file system of their own")
    assert "full: 75" in done.stdout
    assert "store.full" in done.stderr
    assert '{"outbox": []}' in done.stdout
    assert "room again: 0" in done.stdout
    assert "full, rotate: 75" in done.stdout
    assert "full, renew: 75" in done.stdout
    assert "left over" not in done.stdout
    assert "keys as before" in done.stdout
    assert "log: 0" in done.stdout
    assert "badly named" not in done.stdout, done.stdout
    assert "Traceback" not in done.stderr
