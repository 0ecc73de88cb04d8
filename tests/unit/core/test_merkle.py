"""The tree of RFC 9162, held against its definition and against the vectors that Certificate Transparency publishes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import merkle
from gateway.core.merkle import Frontier, hash_leaf, hash_node
from tests.proofs import build_consistency_proof, build_inclusion_proof

# The inputs and roots of the Certificate Transparency reference implementations (merkle_tree_test).
INPUTS = [
    bytes.fromhex(h)
    for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
leaves_of = st.lists(st.binary(max_size=8).map(hash_leaf), min_size=1, max_size=70)


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hash_node(by_definition(leaves[:half]), by_definition(leaves[half:]))


@pytest.mark.parametrize("size", ROOTS)
def test_the_published_roots(size: int) -> None:
    assert merkle.root([hash_leaf(entry) for entry in INPUTS[:size]]).hex() == ROOTS[size]


@given(leaves_of, st.integers(0, 70))
def test_appending_in_parts_gives_the_root_of_the_whole(leaves: list[bytes], cut: int) -> None:
    first = Frontier().append(leaves[:cut])
    both = Frontier.from_bytes(first.size, first.to_bytes()).append(leaves[cut:])
    assert both.root() == by_definition(leaves)


@given(leaves_of, st.data())
def test_every_leaf_is_shown_to_be_included_and_no_other_is(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = build_inclusion_proof(leaves, index), merkle.root(leaves)
    assert merkle.verify_inclusion(leaves[index], index, len(leaves), path, root)
    assert not merkle.verify_inclusion(hash_leaf(b"another entry, longer"), index, len(leaves), path, root)


# The inclusion proofs of the Certificate Transparency reference implementations (merkle_tree_test), over INPUTS; leaf,
# size.
PATHS = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


@pytest.mark.parametrize(("leaf", "size"), PATHS)
def test_the_published_inclusion_proofs(leaf: int, size: int) -> None:
    leaves = [hash_leaf(entry) for entry in INPUTS[:size]]
    path = build_inclusion_proof(leaves, leaf)
    assert [node.hex() for node in path] == PATHS[leaf, size]
    assert merkle.verify_inclusion(leaves[leaf], leaf, size, path, merkle.root(leaves))


@given(leaves_of, st.data())
def test_an_older_tree_is_shown_to_be_the_beginning_and_a_rewritten_one_is_not(
    leaves: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    proof = build_consistency_proof(leaves, old)
    old_root, new_root = merkle.root(leaves[:old]), merkle.root(leaves)
    assert merkle.verify_consistency(old, old_root, len(leaves), new_root, proof)
    rewritten = merkle.root([hash_leaf(b"another entry, longer"), *leaves[1:old]])
    assert not merkle.verify_consistency(old, rewritten, len(leaves), new_root, proof)


# The consistency proofs of the Certificate Transparency reference implementations (merkle_tree_test), over INPUTS.
PROOFS = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


@pytest.mark.parametrize(("old", "new"), PROOFS)
def test_the_published_proofs_of_consistency(old: int, new: int) -> None:
    leaves = [hash_leaf(entry) for entry in INPUTS[:new]]
    proof = build_consistency_proof(leaves, old)
    assert [one.hex() for one in proof] == PROOFS[old, new]
    assert merkle.verify_consistency(old, merkle.root(leaves[:old]), new, merkle.root(leaves), proof)


@given(leaves_of, st.data())
def test_a_proof_of_consistency_that_was_tampered_with_is_found(leaves: list[bytes], data: st.DataObject) -> None:
    old, new = data.draw(st.integers(1, len(leaves))), len(leaves)
    roots, proof = (merkle.root(leaves[:old]), merkle.root(leaves)), list(build_consistency_proof(leaves, old))
    wrong = hash_leaf(b"another entry, longer")
    for at in range(len(proof)):
        assert not merkle.verify_consistency(old, roots[0], new, roots[1], [*proof[:at], wrong, *proof[at + 1 :]])
        assert not merkle.verify_consistency(old, roots[0], new, roots[1], [*proof[:at], *proof[at + 1 :]])
    assert not merkle.verify_consistency(old, roots[0], new, roots[1], [*proof, wrong])
    assert not merkle.verify_consistency(old, roots[0], new, wrong, proof)
    assert not merkle.verify_consistency(0, roots[0], new, roots[1], proof)
    assert not merkle.verify_consistency(new + 1, roots[0], new, roots[1], proof)


@given(st.integers(1, 300), st.data())
def test_the_subtrees_of_a_proof_lie_side_by_side(new: int, data: st.DataObject) -> None:
    subtrees = sorted(merkle.list_consistency_subtrees(data.draw(st.integers(1, new)), new))
    assert all(end == start for (_, end), (start, _) in pairwise(subtrees))
    assert not subtrees or subtrees[-1][1] == new


def test_peaks_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Frontier.from_bytes(3, b"\0" * 32)
