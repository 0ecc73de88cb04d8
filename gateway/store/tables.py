"""Every table, once. Migrations bring a database to this shape; a test holds the two together."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

ID = String(36)
AUTHORITY = String(3)
DIGEST = String(64)
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER


MOMENTS = 16  # that are remembered as the database wants them: more than one batch holds


def _read_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


def _read_moment(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], object]:
        """Return what writes the few moments of a batch, which stand in many rows and columns: each is written once."""
        write = super().bind_processor(dialect)
        assert write is not None  # noqa: S101 - there always is one, because of `process_bind_param`
        return lru_cache(MOMENTS)(write)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write a moment to the database; raises ValueError for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "sqlite" else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Return what reads from the database: SQLite has text, PostgreSQL a moment. Of thousands, this is one call."""
        return _read_text if dialect.name == "sqlite" else _read_moment


outbox = Table(
    "outbox",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("conversation_id", ID, nullable=False),
    Column("in_reply_to", ID),
    Column("sequence", Integer, nullable=False),
    Column("recipient", AUTHORITY, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("restriction", String(20), nullable=False),
    Column("test", Boolean, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("queued_by", String(80), nullable=False),
    Column("state", String(20), nullable=False),
    Column("state_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("reason", Text),
    Column("protection", String(20), nullable=False, server_default="sealed"),  # or how a person gets it
    Column("handed_over_at", Instant),  # by telephone, as an officer of ours wrote down
    Column("said_case", ID),  # as the message names it, where it lies in another case here
    # Why it stands in its state: `core.causes`.
    Column("cause", String(60)),
    Column(
        "receipt_due", Instant
    ),  # when a receipt is asked for that an answer of theirs overtook; NULL: none is missing
    Index(
        "outbox_unreceipted",
        "recipient",
        "receipt_due",
        sqlite_where=text("receipt_due IS NOT NULL"),
        postgresql_where=text("receipt_due IS NOT NULL"),
    ),
    Index("outbox_turn", "state", "recipient", "due_at", "queued_at", "sequence", "message_id"),  # the order of claims
    Index("outbox_conversation", "conversation_id", "sequence"),
    Index("outbox_queued", "queued_at", "message_id"),
)

outbox_contents = Table(  # apart, because a database rewrites the whole row when its state changes
    "outbox_contents",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("data_key", LargeBinary),  # NULL: destroyed, and the notice with it
    Column("content", LargeBinary, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("message_id", ID, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("route", String(20), nullable=False),
    Column("ending", String(20), nullable=False),
    Column("reason", Text),
    Column("ticket", String(100)),  # the carrier's own word for what it handed over
    Index(
        "attempts_ticket",
        "ticket",
        sqlite_where=text("ticket IS NOT NULL"),
        postgresql_where=text("ticket IS NOT NULL"),
    ),
)

inbox = Table(
    "inbox",
    metadata,
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("conversation_id", ID, nullable=False),
    Column("in_reply_to", ID),
    Column("supersedes", ID),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("restriction", String(20), nullable=False),
    Column("test", Boolean, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("data_key", LargeBinary),
    Column("content", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column(
        "shown_from", Instant, nullable=False
    ),  # later than received_at while an earlier message of the case is awaited
    Column("state", String(20), nullable=False),
    Column("state_at", Instant, nullable=False),
    Column("said_case", ID),  # as the message names it, where it lies in another case here
    Column("created_at", Instant),  # as its sender says; NULL: it came before this was kept
    Column("misfit", String(10)),  # why a reply has no effect
    # Why it stands in its state: `core.causes`.
    Column("cause", String(60)),
    Index("inbox_conversation", "conversation_id", "sequence"),
    Index("inbox_message", "message_id"),
    Index("inbox_digest", "digest"),
    Index("inbox_received", "received_at", "message_id"),
    Index("inbox_standing", "state", "received_at", "message_id"),
    Index(
        "inbox_said_case",
        "said_case",
        sqlite_where=text("said_case IS NOT NULL"),
        postgresql_where=text("said_case IS NOT NULL"),
    ),
    Index(
        "inbox_supersedes",
        "supersedes",
        sqlite_where=text("supersedes IS NOT NULL"),
        postgresql_where=text("supersedes IS NOT NULL"),
    ),
    Index(
        "inbox_answers",
        "in_reply_to",
        sqlite_where=text("in_reply_to IS NOT NULL"),
        postgresql_where=text("in_reply_to IS NOT NULL"),
    ),
)

receipts = Table(
    "receipts",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("issuer", AUTHORITY, nullable=False),
    Column("digest", DIGEST, nullable=False),  # of the sealed message
    Column("message_id", ID),
    Column("result", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("token", Text, nullable=False),
    Index("receipts_digest", "digest"),
    Index("receipts_message", "message_id"),
)

mailboxes = Table(  # what we keep for others: bundles of sealed messages, and receipts on their way back
    "mailboxes",
    metadata,
    Column("owner", AUTHORITY, primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("sender", AUTHORITY, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("kept_at", Instant, nullable=False),
    Index("mailboxes_oldest", "owner", "kind", "kept_at", "name"),
)

intake = Table(  # rows of extracts that became notices
    "intake",
    metadata,
    Column("digest", DIGEST, primary_key=True),  # of whom, when and where to, under our own key
    Column("message_id", ID, nullable=False),
    Column("at", Instant, nullable=False),
    # what tells whether a row that comes again says the same; without them in rows of before
    Column("child", DIGEST),  # whom: the UPN, or name and date of birth
    Column("person", DIGEST),  # name and date of birth
    Column("said", DIGEST),  # of what the notice carries
    Index("intake_child", "child"),
)

accepted_headings = (
    Table(  # sets of headings of extracts that are read, as a person has accepted them, or as the first of all
        "accepted_headings",
        metadata,
        Column("kind", String(20), primary_key=True),  # of the folder
        Column("digest", DIGEST, primary_key=True),
        Column("headings", Text, nullable=False),  # JSON: ours by our names, and those that are not read
        Column("accepted_at", Instant, nullable=False),
        Column("accepted_by", String(80), nullable=False),
    )
)

transfer_files = (
    Table(  # Common Transfer Files: of notices that came, for our case system; of our own, for School2School
        "transfer_files",
        metadata,
        Column("sender", AUTHORITY, primary_key=True),  # of the notice
        Column("message_id", ID, primary_key=True),
        Column("state", String(20), nullable=False),
        Column("state_at", Instant, nullable=False),
        Column("due_at", Instant, nullable=False),
        Column("number", Integer),  # of the sender's files, counted without an end; NULL until it is written
        Column("file", String(40)),
        Column("shortened", Text, nullable=False),  # names of elements, with spaces between; never what stood in them
        Index("transfer_files_due", "state", "due_at", "message_id"),
        Index("transfer_files_number", "sender", "number", unique=True),
        Index("transfer_files_file", "file", "number"),
        Index("transfer_files_newest", "due_at", "message_id"),
    )
)

drafts = Table(  # rows of extracts that wait for an officer, or waited
    "drafts",
    metadata,
    Column("draft_id", ID, primary_key=True),
    Column("digest", DIGEST, nullable=False),  # of whom and when; these three under our own key
    Column("child", DIGEST, nullable=False),  # of whom
    Column("said", DIGEST, nullable=False),  # of the whole row
    Column("person", DIGEST),  # name and date of birth; without it in drafts of before
    Column("carried", DIGEST),  # what a notice of the row would carry
    Column("corrects", ID),  # the notice in whose place it may be sent
    Column("reason", Text, nullable=False),
    Column("file", DIGEST, nullable=False),  # SHA-256 of the extract
    Column("row", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("data_key", LargeBinary),
    Column("content", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("ended_at", Instant),
    Column("ended_by", String(80)),
    Column("discarded_as", String(40)),
    Column("message_id", ID),
    Index("drafts_digest", "digest", unique=True),
    Index("drafts_child", "child", "state"),
    Index("drafts_turn", "state", "made_at", "draft_id"),
)

compositions = Table(  # notices that officers write, until they are sent
    "compositions",
    metadata,
    Column("composition_id", ID, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("by", String(80), nullable=False),
    Column("draft_id", ID),  # of which it is made
    Column("corrects", ID),  # in whose place it is sent
    Column("data_key", LargeBinary),  # destroyed when it has ended
    Column("content", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("changes", Integer, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("told", Text),  # what became of it: the case, and who was not reached
    Index("compositions_turn", "state", "changed_at"),
)

postcodes = Table(
    "postcodes",
    metadata,
    Column("postcode", String(7), primary_key=True),  # without spaces
    Column("authority", AUTHORITY, nullable=False),
    Column("release", Integer, nullable=False),  # of the directory, counted by us
    Index("postcodes_release", "release"),
    sqlite_with_rowid=False,  # half the space
)

partners = Table(
    "partners",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("serial", Integer, nullable=False),
    Column("fingerprint", String(100), nullable=False),
    Column("card", Text, nullable=False),
    Column("confirmed_at", Instant, nullable=False),
    Column("confirmed_by", String(80), nullable=False),
)

correspondents = Table(  # authorities that have no gateway
    "correspondents",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("address", String(254), nullable=False),
    Column("protection", String(20), nullable=False),
    Column("certificate", Text),  # PEM, with person-smime
    Column("telephone", String(40), nullable=False),
    Column("confirmed_at", Instant, nullable=False),
    Column("confirmed_by", String(80), nullable=False),
)

calls = Table(  # with people at authorities to whom we sent a notice, as officers of ours wrote them down
    "calls",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("message_id", ID, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("result", String(40)),  # what they told of the child; NULL: the notice was handed over
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    Column("data_key", LargeBinary),
    Column("content", LargeBinary, nullable=False),  # who was spoken to, and a note
)

chased = Table(  # so that nothing is chased twice for the same reason
    "chased",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("missing", String(20), primary_key=True),
    Column("step", String(10), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("reminder_id", ID),
    Column("told_at", Instant),  # the service manager, by mail
)

child_loads = Table(  # each is a whole index of our own children; the newest counts
    "child_loads",
    metadata,
    Column("load", BigInteger, primary_key=True, autoincrement=False),  # only ever rises
    Column("at", Instant, nullable=False),
    Column("children", Integer, nullable=False),
)

children = Table(  # a child of ours, locked
    "children",
    metadata,
    Column("load", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

child_keys = Table(  # by which a child is found: digests under our own key
    "child_keys",
    metadata,
    Column("load", BigInteger, primary_key=True, autoincrement=False),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

searches = Table(  # that came from others, and what our own index says to each
    "searches",
    metadata,
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("came_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),
    Column("state_at", Instant, nullable=False),
    Column(
        "load", BigInteger, nullable=False
    ),  # against which it was matched last; beyond all of them once it has ended
    Index("searches_turn", "load", "came_at", "message_id"),
    Index("searches_state", "state", "came_at", "message_id"),
)

matches = Table(  # children of ours who may be the one; which child, and what is known of it, is locked
    "matches",
    metadata,
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("strength", Integer, nullable=False),  # in a hundred
    Column("reasons", Text, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

marked = (
    Table(  # messages that can be found, the newest has the highest number; those of before the index, numbers below 0
        "marked",
        metadata,
        Column("number", SEQUENCE, primary_key=True, autoincrement=True),
        Column("message_id", ID, nullable=False),
        Column("lies", String(4), nullable=False),  # sent, came
        Column("partner", AUTHORITY, nullable=False),
        Column("marks", LargeBinary, nullable=False),  # its own, of eight bytes each: by which they are cleared away
        Index("marked_message", "message_id", "lies", "partner", unique=True),
    )
)

marks = Table(  # by which a message is found: digests of its terms under our own key
    "marks",
    metadata,
    Column("mark", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

unmarked = Table(  # messages of before the index that are not yet in it
    "unmarked",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # below 0, the newest has the highest
    Column("message_id", ID, nullable=False),
    Column("lies", String(4), nullable=False),
    Column("partner", AUTHORITY, nullable=False),
    Index("unmarked_message", "message_id"),
    sqlite_with_rowid=False,
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=False),  # the index of the leaf, from 0
    Column("at", Instant, nullable=False),
    Column("act", String(40), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("about", String(80)),
    Column("partner", AUTHORITY),
    Column("entry", Text, nullable=False),  # the exact leaf: what is hashed
    Column("leaf", LargeBinary, nullable=False),
    Index("audit_entries_about", "about", "number"),
    Index("audit_entries_tail", text("substr(about, 25)")),  # of an id of 36 characters, the last twelve
    Index("audit_entries_act", "act", "number"),
    Index("audit_entries_actor", "actor", "number"),
    Index("audit_entries_partner", "partner", "number"),
    Index("audit_entries_at", "at"),
)

audit_mentions = Table(  # of an entry that is about several notices, each of them
    "audit_mentions",
    metadata,
    Column("about", String(80), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_blocks = Table(  # roots of complete blocks of entries, of which proofs are made
    "audit_blocks",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # one row, 1: also the lock of all who append
    Column("size", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("note"),
)

witnessed = (
    Table(  # checkpoints of partners' audit logs, as their receipts brought them; evidence, so none is ever deleted
        "witnessed",
        metadata,
        Column("number", SEQUENCE, primary_key=True, autoincrement=True),
        Column("authority", AUTHORITY, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("root", LargeBinary, nullable=False),
        Column("note", Text, nullable=False),
        Column("made_at", Instant, nullable=False),  # the receipt that brought it: a note itself bears no date
        Column("seen_at", Instant, nullable=False),
        Column("checked_at", Instant),  # when it was shown to continue the one before it
        Column("alarm", String(20)),
        Column("against", Text),  # the note that it contradicts
        Column("ended_at", Instant),  # a person accepted that this log began anew
        Index("witnessed_size", "authority", "size", "number"),
        Index(
            "witnessed_alarms",
            "authority",
            "number",
            sqlite_where=text("alarm IS NOT NULL"),
            postgresql_where=text("alarm IS NOT NULL"),
        ),
    )
)

statements = Table(  # partners' signed statements in which something differs that no machine can heal: evidence
    "statements",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("issuer", AUTHORITY, nullable=False),
    Column("at", Instant, nullable=False),
    Column("token", Text, nullable=False),
)

reviews = Table(  # what was done in the fourteen-day reviews of cases in which we search for a child
    "reviews",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("conversation_id", ID, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("by", String(80), nullable=False),
    Column("checked", Text),  # codes: source=result, with spaces between
    Column("asked_again", Integer, nullable=False),
    Column("reason", String(40)),
    Column("decided_by", String(80)),
    Index("reviews_case", "conversation_id", "number"),
)

people = Table(  # who may sign in at the console
    "people",
    metadata,
    Column("name", String(80), primary_key=True),  # as they sign in: their mail address, in small letters
    Column("called", String(80), nullable=False),  # as others know them; notices name them so
    Column("roles", String(200), nullable=False),  # with spaces between them
    Column("active", Boolean, nullable=False),
    Column("through", String(10), nullable=False),  # the directory, or an account here
    Column("subject", String(255), unique=True),  # theirs for ever in the directory
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("password", Text),
    Column("password_until", Instant),  # a one-time password, and how long it counts
    Column("failed", Integer, nullable=False),  # times in a row
    Column("locked_until", Instant),
    Column("code_key", LargeBinary),  # the second factor, locked as a notice is
    Column("code_secret", LargeBinary),
    Column("code_step", BigInteger, nullable=False),  # of the last code that was used
    Column("seen_at", Instant),  # signed in last
)

sessions = Table(  # of people who are signed in, or on the way; the browser holds the secret, we its digest
    "sessions",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("person", String(80), nullable=False, index=True),
    Column("stage", String(20), nullable=False),
    Column("form_token", String(64), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("pending", Text),  # what must come back from the directory
)

devices = Table(  # browsers from which people signed in before; the browser holds the secret, we its digest
    "devices",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("person", String(80), primary_key=True, index=True),
    Column("seen_at", Instant, nullable=False, index=True),
    Column("failed", Integer, nullable=False),  # times in a row, from there
    Column("locked_until", Instant),
)

assignments = Table(  # of cases to people who see no others
    "assignments",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("conversation_id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Index("assignments_case", "conversation_id"),
)

reached = Table(  # how it last went with each partner, by each route; "statement": its statement was asked for
    "reached",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("route", String(20), primary_key=True),
    Column("succeeded_at", Instant),
    Column("failed_at", Instant),
    Column("failing_since", Instant),  # the first failure after the last success
    Column("reason", Text),  # of the last failure
    Column("clock_ahead", Integer),  # seconds: its clock before ours, as it last answered
    Column("code", String(20)),  # of its last answer, where that held no receipt
)

loops = Table(  # of the gateway that runs: when each last looked
    "loops",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("looked_at", Instant, nullable=False),
    Column("late_at", Instant, nullable=False),
)

left_behind = Table(  # what lies at a route and is not handled
    "left_behind",
    metadata,
    Column("route", String(20), primary_key=True),
    Column("authority", String(3), primary_key=True),
    Column("why", String(300), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", Instant, nullable=False),
)

mail_replies = Table(  # what came by mail in answer to letters
    "mail_replies",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("message_id", ID, nullable=False),  # of the notice that it is about
    Column("came_at", Instant, nullable=False),
    Column("what", String(10), nullable=False),
    Column("domain", String(253), nullable=False),  # from where it claims to come
    Column("from_there", Boolean, nullable=False),  # that is where we wrote to
    Column("signed", Boolean, nullable=False),
    Column("by_machine", Boolean, nullable=False),
    Column("mark", BigInteger, nullable=False),  # of what it says, under our own key
    Column("stage", String(10), nullable=False),
    Column("judgement", String(20)),  # what an officer of ours read in it
    Column("judged_at", Instant),
    Column("judged_by", String(80)),
    Column("data_key", LargeBinary),
    Column("content", LargeBinary, nullable=False),  # what it says, locked
    Index("mail_replies_about", "message_id", "mark", unique=True),
    Index("mail_replies_waiting", "stage", "number"),
)

api_clients = Table(  # case systems that may call the API
    "api_clients",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("scopes", String(200), nullable=False),  # with spaces between them
    Column("active", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("secret", DIGEST, nullable=False),  # its digest; the client alone has it
    Column("failed", Integer, nullable=False),  # times in a row
    Column("locked_until", Instant),
    Column("seen_at", Instant),  # got a token last
)

api_answers = Table(  # what a client was answered to a request that it may repeat
    "api_answers",
    metadata,
    Column("client", String(40), primary_key=True),
    Column("key", String(64), primary_key=True),  # the Idempotency-Key
    Column("said", DIGEST, nullable=False),  # of the request, under our own key
    Column("claim", String(40), nullable=False),  # whose try this is
    Column("begun_at", Instant, nullable=False, index=True),
    Column("status", Integer),  # NULL: under way
    Column("place", String(200)),  # the Location header
    Column("data_key", LargeBinary),
    Column("content", LargeBinary),  # the body, locked
)

webhooks = Table(  # where case systems want to be told of what happens
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client", String(40), nullable=False, index=True),
    Column("url", String(500), nullable=False),
    Column("events", String(200), nullable=False),  # with spaces between them
    Column("active", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("data_key", LargeBinary, nullable=False),  # the secret, locked as a notice is
    Column("secret", LargeBinary, nullable=False),
    Column("next_entry", BigInteger, nullable=False),  # of the audit log: up to it everything was told
    Column("due_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False),  # of the event that is to be told next
    Column("failing_since", Instant),
    Column("failed_as", String(80)),
)

owner = Table(  # the gateway whose records these are: one row, 1
    "owner",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("authority", AUTHORITY, nullable=False),
    Column("identity", String(64), nullable=False),  # its public identity key, hex
)

APPEND_ONLY = (
    "audit_entries",
    "audit_checkpoints",
    "audit_mentions",
    "audit_blocks",
    "receipts",
    "attempts",
    "owner",
)
