"""What stands in the way of a connection is told alike, from a test that ended now and from its entry of the log."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.connection_causes import CAUSES, FURTHER, find_main_cause, order_results


@given(st.permutations(["https", "mailbox", "sftp", *FURTHER]), st.data())
def test_the_order_in_which_results_were_read_changes_nothing(names: list[str], data: st.DataObject) -> None:
    codes = {name: data.draw(st.sampled_from(["ok", *CAUSES])) for name in names}
    by_name = dict(sorted(codes.items()))
    assert find_main_cause(codes) == find_main_cause(by_name)
    assert list(order_results(codes)) == list(order_results(by_name)) == ["https", "mailbox", "sftp", *FURTHER]
