"""There is one way out: what is sent is queued in one place, where a search begins its fourteen-day review."""

import re
from pathlib import Path

GATEWAY = Path(__file__).parents[2] / "gateway"


def list_modules_with(pattern: str) -> set[str]:
    return {str(path.relative_to(GATEWAY)) for path in GATEWAY.rglob("*.py") if re.search(pattern, path.read_text())}


def test_only_the_place_that_begins_reviews_puts_anything_in_the_queue() -> None:
    assert list_modules_with(r"\badd_deliveries\(") == {"store/outbox.py", "exchange/delivery_queue.py"}
    assert list_modules_with(r"\badd_to_queue\b") == {"exchange/delivery_queue.py", "exchange/send.py"}
    assert "begin_case_reviews(" in (GATEWAY / "exchange" / "send.py").read_text()
    assert list_modules_with(r"\bbegin_reviews\(") == {"store/reviews.py", "exchange/case_review.py"}
