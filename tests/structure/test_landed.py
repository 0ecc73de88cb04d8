"""A migration that has landed never changes: databases have gone through it, and never will again.

The digests lie in landed.txt, as sha256sum writes them. A new migration gets its line when it lands:
`cd gateway/store/migrations && sha256sum versions/0*.py append_only.py > ../../../tests/structure/landed.txt`
"""

from hashlib import sha256
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from gateway.store.database import get_newest_revision, list_known_revisions

MIGRATIONS = Path(__file__).parents[2] / "gateway" / "store" / "migrations"
LANDED = Path(__file__).parent / "landed.txt"


def test_no_landed_migration_has_changed_and_each_is_listed() -> None:
    listed = {name: digest for digest, name in (line.split() for line in LANDED.read_text().splitlines())}
    files = [*sorted((MIGRATIONS / "versions").glob("0*.py")), MIGRATIONS / "append_only.py"]
    there = {str(one.relative_to(MIGRATIONS)): sha256(one.read_bytes()).hexdigest() for one in files}
    assert len(there) > 20
    assert there == listed


def test_the_store_reads_off_the_file_names_what_alembic_says() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(settings)
    assert get_newest_revision() == scripts.get_current_head()
    assert list_known_revisions() == {migration.revision for migration in scripts.walk_revisions()}
