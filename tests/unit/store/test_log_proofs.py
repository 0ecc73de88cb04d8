"""Proofs are made of the roots of blocks that are kept, and are the same as if every leaf had been read."""

from datetime import UTC, datetime

from gateway.core import merkle
from gateway.store import audit_log
from gateway.store.audit_log import BLOCK, AuditEntry
from gateway.store.database import Store
from tests.proofs import build_consistency_proof, build_inclusion_proof

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
# Some end at a block, some in the midst of one, one holds two.
BATCHES = (1, BLOCK - 2, 1, 1, BLOCK, 2 * BLOCK + 5, 3)


def test_proofs_from_blocks_are_those_of_all_the_leaves(store: Store) -> None:
    for size in BATCHES:
        entries = [AuditEntry("notice.queued", "test", f"m{number}") for number in range(size)]
        store.run(lambda tx, entries=entries: audit_log.append_entries(tx, NOW, entries))  # type: ignore[misc]
    leaves = [one.leaf for one in store.look(lambda tx: list(audit_log.list_entries(tx)))]
    whole = sum(BATCHES)
    assert store.look(audit_log.get_tree_head).root() == merkle.root(leaves)
    for size in (1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 17, whole):
        for number in {0, size // 2, size - 1, min(BLOCK, size - 1)}:
            path = store.look(lambda tx, number=number, size=size: audit_log.prove_inclusion(tx, number, size))  # type: ignore[misc]
            assert path == build_inclusion_proof(leaves[:size], number)
        proof = store.look(lambda tx, size=size: audit_log.prove_consistency(tx, size, whole))  # type: ignore[misc]
        assert proof == build_consistency_proof(leaves, size)
