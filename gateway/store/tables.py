"""Every table, once. Migrations bring a database to this shape; a test holds the two together."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
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
    true,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

ID = String(36)
AUTHORITY = String(3)
DIGEST = String(64)
# SQLite numbers rows by itself only for INTEGER.
SEQUENCE = BigInteger().with_variant(Integer, "sqlite")


# That are remembered as the database wants them: more than one batch holds.
MOMENTS = 16


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
    Column("case_id", ID, nullable=False),
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
    # Or how a person gets it.
    Column("protection", String(20), nullable=False, server_default="sealed"),
    # By telephone, as an officer of ours wrote down.
    Column("handed_over_at", Instant),
    # As the message names it, where it lies in another case here.
    Column("said_case", ID),
    # Why it stands in its state: `core.causes`.
    Column("cause", String(60)),
    # When a receipt is asked for that an answer of theirs overtook; NULL: none is missing.
    Column("receipt_due", Instant),
    # The process that tries it, or tried it last.
    Column("claimed_by", String(80)),
    Index(
        "outbox_unreceipted",
        "recipient",
        "receipt_due",
        sqlite_where=text("receipt_due IS NOT NULL"),
        postgresql_where=text("receipt_due IS NOT NULL"),
    ),
    # The order of claims.
    Index("outbox_turn", "state", "recipient", "due_at", "queued_at", "sequence", "message_id"),
    Index("outbox_conversation", "case_id", "sequence"),
    Index("outbox_queued", "queued_at", "message_id"),
)

# Apart, because a database rewrites the whole row when its state changes.
outbox_contents = Table(
    "outbox_contents",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    # NULL: destroyed, and the notice with it.
    Column("data_key", LargeBinary),
    Column("content", LargeBinary, nullable=False),
    # What retention has still to look at.
    Index(
        "outbox_contents_held",
        "message_id",
        sqlite_where=text("data_key IS NOT NULL"),
        postgresql_where=text("data_key IS NOT NULL"),
    ),
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
    # The carrier's own word for what it handed over.
    Column("ticket", String(100)),
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
    Column("case_id", ID, nullable=False),
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
    # Later than received_at while an earlier message of the case is awaited.
    Column("shown_from", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("state_at", Instant, nullable=False),
    # As the message names it, where it lies in another case here.
    Column("said_case", ID),
    # As its sender says; NULL: it came before this was kept.
    Column("created_at", Instant),
    # Why a reply has no effect.
    Column("misfit", String(10)),
    # Why it stands in its state: `core.causes`.
    Column("cause", String(60)),
    # It is about the safety of a child: `core.urgency`. NULL: it came before this was kept, and nobody has looked.
    Column("urgent", Boolean),
    Index("inbox_conversation", "case_id", "sequence"),
    # What retention has still to look at.
    Index(
        "inbox_held",
        "state_at",
        "case_id",
        sqlite_where=text("data_key IS NOT NULL"),
        postgresql_where=text("data_key IS NOT NULL"),
    ),
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
    # Of the sealed message.
    Column("digest", DIGEST, nullable=False),
    Column("message_id", ID),
    Column("result", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("token", Text, nullable=False),
    Index("receipts_digest", "digest"),
    Index("receipts_message", "message_id"),
)

# What we keep for others: bundles of sealed messages, and receipts on their way back.
mailboxes = Table(
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

# Rows of extracts that became notices.
intake = Table(
    "intake",
    metadata,
    # Of whom, when and where to, under our own key.
    Column("digest", DIGEST, primary_key=True),
    Column("message_id", ID, nullable=False),
    Column("at", Instant, nullable=False),
    # These three tell whether a row that comes again says the same; rows of before are without them.
    # Whom: the UPN, or name and date of birth.
    Column("child", DIGEST),
    # Name and date of birth.
    Column("person", DIGEST),
    # Of what the notice carries.
    Column("said", DIGEST),
    Index("intake_child", "child"),
    Index("intake_message", "message_id"),
)

# Sets of headings of extracts that are read, as a person has accepted them, or as the first of all.
accepted_headings = Table(
    "accepted_headings",
    metadata,
    # Of the folder.
    Column("kind", String(20), primary_key=True),
    Column("digest", DIGEST, primary_key=True),
    # JSON: ours by our names, and those that are not read.
    Column("headings", Text, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("accepted_by", String(80), nullable=False),
)

# Common Transfer Files: of notices that came, for our case system; of our own, for School2School.
transfer_files = Table(
    "transfer_files",
    metadata,
    # Of the notice.
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("state_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    # Of the sender's files, counted without an end; NULL until it is written.
    Column("number", Integer),
    Column("file", String(40)),
    # Names of elements, with spaces between; never what stood in them.
    Column("shortened", Text, nullable=False),
    Index("transfer_files_due", "state", "due_at", "message_id"),
    Index("transfer_files_number", "sender", "number", unique=True),
    Index("transfer_files_file", "file", "number"),
    Index("transfer_files_newest", "due_at", "message_id"),
)

# Rows of extracts that wait for an officer, or waited.
drafts = Table(
    "drafts",
    metadata,
    Column("draft_id", ID, primary_key=True),
    # Of whom and when; these three under our own key.
    Column("digest", DIGEST, nullable=False),
    # Of whom.
    Column("child", DIGEST, nullable=False),
    # Of the whole row.
    Column("said", DIGEST, nullable=False),
    # Name and date of birth; without it in drafts of before.
    Column("person", DIGEST),
    # What a notice of the row would carry.
    Column("carried", DIGEST),
    # The notice in whose place it may be sent.
    Column("corrects", ID),
    Column("reason", Text, nullable=False),
    # SHA-256 of the extract.
    Column("file", DIGEST, nullable=False),
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
    Index("drafts_message", "message_id"),
    Index("drafts_turn", "state", "made_at", "draft_id"),
)

# Notices that officers write, until they are sent.
compositions = Table(
    "compositions",
    metadata,
    Column("composition_id", ID, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("by", String(80), nullable=False),
    # Of which it is made.
    Column("draft_id", ID),
    # In whose place it is sent.
    Column("corrects", ID),
    # Destroyed when it has ended.
    Column("data_key", LargeBinary),
    Column("content", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False),
    Column("changes", Integer, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # What became of it: the case, and who was not reached.
    Column("told", Text),
    Index("compositions_turn", "state", "changed_at"),
)

postcodes = Table(
    "postcodes",
    metadata,
    # Without spaces.
    Column("postcode", String(7), primary_key=True),
    Column("authority", AUTHORITY, nullable=False),
    # Of the directory, counted by us.
    Column("release", Integer, nullable=False),
    Index("postcodes_release", "release"),
    # Half the space.
    sqlite_with_rowid=False,
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
    # The scheme whose directory vouches for the identity; null: two people compared it by phone.
    Column("trusted_by", String(80)),
    # By a person here.
    Column("suspended_at", Instant),
    Column("suspended_by", String(80)),
    # By that directory.
    Column("switched_off_at", Instant),
)

# The directories of schemes that we joined.
directories = Table(
    "directories",
    metadata,
    Column("scheme", String(80), primary_key=True),
    Column("name", String(200), nullable=False),
    # Where it is fetched; null: it comes as a file.
    Column("url", Text),
    # The pinned public key, hex.
    Column("key", DIGEST, nullable=False),
    Column("version", Integer, nullable=False),
    # The digest of each version, a line each.
    Column("history", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("joined_at", Instant, nullable=False),
    Column("joined_by", String(80), nullable=False),
    Column("taken_at", Instant, nullable=False),
    # When it is fetched next; null: now.
    Column("due_at", Instant),
    Column("asked_at", Instant),
    # Why it was not fetched, the last time.
    Column("trouble", Text),
    # The code for which the last was refused, since one was taken.
    Column("refused", String(60)),
    Column("refused_at", Instant),
)

# Of the version that we hold.
directory_members = Table(
    "directory_members",
    metadata,
    Column("scheme", String(80), primary_key=True),
    Column("authority", AUTHORITY, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("successor", AUTHORITY),
    Column("fingerprint", String(100), nullable=False),
    # Why it is not taken over as the directory has it.
    Column("conflict", String(20)),
    # A person here removed it, and the directory does not bring it back.
    Column("left_out_at", Instant),
)

# Two directories of one version, each signed by the keeper.
directory_forks = Table(
    "directory_forks",
    metadata,
    Column("scheme", String(80), primary_key=True),
    # Of the other one.
    Column("digest", DIGEST, primary_key=True),
    Column("version", Integer, nullable=False),
    # Which member showed it; null: the keeper itself.
    Column("source", AUTHORITY),
    Column("found_at", Instant, nullable=False),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
)

# Which version of a directory another member says that it holds.
directory_words = Table(
    "directory_words",
    metadata,
    Column("scheme", String(80), primary_key=True),
    Column("authority", AUTHORITY, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("said_at", Instant, nullable=False),
    # It names another digest for a version that we know, and showed no signed text that proves it.
    Column("differs", Boolean, nullable=False),
)

# How their newer cards come to us, and ours to them.
partner_cards = Table(
    "partner_cards",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    # When it is asked next; null: now.
    Column("due_at", Instant),
    Column("asked_at", Instant),
    # When it last gave a card, whatever became of that.
    Column("answered_at", Instant),
    # Why it gave none, the last time.
    Column("trouble", Text),
    # A newer card.
    Column("taken_at", Instant),
    # The kind of route, or what stands in its place.
    Column("taken_by", String(20)),
    # The code for which the last was refused, since one was taken.
    Column("refused", String(60)),
    Column("refused_at", Instant),
    Column("offered_at", Instant),
    # Serials of our own card: the last that was offered, and the one that they said they hold.
    Column("offered", Integer),
    Column("held", Integer),
    # Of our own: the identity key that they have confirmed, hex, since we announced one; null: the one of before.
    Column("held_identity", String(64)),
    # Of theirs: a card under an identity key that their confirmed one announced, until people have compared it.
    Column("waiting_card", Text),
)

# Authorities that have no gateway.
correspondents = Table(
    "correspondents",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("address", String(254), nullable=False),
    Column("protection", String(20), nullable=False),
    # PEM, with person-smime.
    Column("certificate", Text),
    Column("telephone", String(40), nullable=False),
    Column("confirmed_at", Instant, nullable=False),
    Column("confirmed_by", String(80), nullable=False),
)

# With people at authorities to whom we sent a notice, as officers of ours wrote them down.
calls = Table(
    "calls",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("message_id", ID, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    # What they told of the child; NULL: the notice was handed over.
    Column("result", String(40)),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String(80), nullable=False),
    Column("data_key", LargeBinary),
    # Who was spoken to, and a note.
    Column("content", LargeBinary, nullable=False),
)

# Whom a search was meant for and who could not be asked: officers call them.
not_asked = Table(
    "not_asked",
    metadata,
    Column("case_id", ID, primary_key=True),
    Column("authority", AUTHORITY, primary_key=True),
    Column("why", Text, nullable=False),
    Column("noted_at", Instant, nullable=False),
    Column("noted_by", String(80), nullable=False),
    # Of the call; NULL: nobody has called them.
    Column("called_at", Instant),
    # What they told of the child.
    Column("result", String(40)),
    Column("recorded_at", Instant),
    Column("recorded_by", String(80)),
    Column("data_key", LargeBinary),
    # Who was spoken to, and a note.
    Column("content", LargeBinary),
)

# Who is told of new work by email, and how often.
officer_mails = Table(
    "officer_mails",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("address", String(254), nullable=False),
    Column("choice", String(10), nullable=False),
    # In UK time, as 08:00.
    Column("daily_at", String(5), nullable=False),
    # Of the audit log: what is before it was told.
    Column("told_entry", BigInteger, nullable=False),
    # And up to where an email was begun: it is not begun again for the same.
    Column("begun_entry", BigInteger, nullable=False),
    Column("begun_at", Instant),
    Column("failing_since", Instant),
    Column("failed_as", String(200)),
)

# So that nothing is chased twice for the same reason.
chased = Table(
    "chased",
    metadata,
    Column("message_id", ID, primary_key=True),
    Column("missing", String(20), primary_key=True),
    Column("step", String(10), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("reminder_id", ID),
    # The service manager, by mail.
    Column("told_at", Instant),
)

# Messages that came and are about the safety of a child, until they were announced.
alerts = Table(
    "alerts",
    metadata,
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    # To the service manager, by mail; NULL: nobody was told yet.
    Column("told_at", Instant),
    # It is no notice that an officer answers, so it waits until one has looked at it.
    Column("waits", Boolean, nullable=False),
    Index(
        "alerts_untold",
        "at",
        sqlite_where=text("told_at IS NULL"),
        postgresql_where=text("told_at IS NULL"),
    ),
    Index("alerts_waiting", "at", sqlite_where=text("waits = 1"), postgresql_where=text("waits")),
)

# Each is a whole index of our own children; the newest counts.
child_loads = Table(
    "child_loads",
    metadata,
    # Only ever rises.
    Column("load", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("children", Integer, nullable=False),
)

# A child of ours, locked.
children = Table(
    "children",
    metadata,
    Column("load", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# By which a child is found: digests under our own key. Under a key that counts, `number` says how many children bear a
# name, and is no child.
child_keys = Table(
    "child_keys",
    metadata,
    Column("load", BigInteger, primary_key=True, autoincrement=False),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# That came from others, and what our own index says to each.
searches = Table(
    "searches",
    metadata,
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("came_at", Instant, nullable=False),
    Column("state", String(10), nullable=False),
    Column("state_at", Instant, nullable=False),
    # Against which it was matched last; beyond all of them once it has ended.
    Column("load", BigInteger, nullable=False),
    Index("searches_turn", "load", "came_at", "message_id"),
    Index("searches_state", "state", "came_at", "message_id"),
)

# Children of ours who may be the one; which child, and what is known of it, is locked.
matches = Table(
    "matches",
    metadata,
    Column("sender", AUTHORITY, primary_key=True),
    Column("message_id", ID, primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    # In a hundred.
    Column("strength", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("data_key", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# Messages that can be found, the newest has the highest number; those of before the index, numbers below 0.
marked = Table(
    "marked",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("message_id", ID, nullable=False),
    # Sent, came.
    Column("lies", String(4), nullable=False),
    Column("partner", AUTHORITY, nullable=False),
    # Its own, of eight bytes each: by which they are cleared away.
    Column("marks", LargeBinary, nullable=False),
    # Of the terms of which they were made.
    Column("version", Integer, nullable=False, server_default="1"),
    Index("marked_message", "message_id", "lies", "partner", unique=True),
    Index("marked_version", "version", "number"),
)

# By which a message is found: digests of its terms under our own key.
marks = Table(
    "marks",
    metadata,
    Column("mark", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Messages of before the index that are not yet in it.
unmarked = Table(
    "unmarked",
    metadata,
    # Below 0, the newest has the highest.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", ID, nullable=False),
    Column("lies", String(4), nullable=False),
    Column("partner", AUTHORITY, nullable=False),
    Index("unmarked_message", "message_id"),
    sqlite_with_rowid=False,
)

audit_entries = Table(
    "audit_entries",
    metadata,
    # The index of the leaf, from 0.
    Column("number", SEQUENCE, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("act", String(40), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("about", String(80)),
    Column("partner", AUTHORITY),
    # The exact leaf: what is hashed.
    Column("entry", Text, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Index("audit_entries_about", "about", "number"),
    # Of an id of 36 characters, the last twelve.
    Index("audit_entries_tail", text("substr(about, 25)")),
    Index("audit_entries_act", "act", "number"),
    Index("audit_entries_actor", "actor", "number"),
    Index("audit_entries_partner", "partner", "number"),
    Index("audit_entries_at", "at"),
)

# Of an entry that is about several notices, each of them.
audit_mentions = Table(
    "audit_mentions",
    metadata,
    Column("about", String(80), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# Roots of complete blocks of entries, of which proofs are made.
audit_blocks = Table(
    "audit_blocks",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    # One row, 1: also the lock of all who append.
    Column("number", Integer, primary_key=True, autoincrement=False),
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

# What outside witnesses signed under our checkpoints: lines of C2SP tlog-cosignature.
cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    # The name under which it signs.
    Column("witness", String(200), primary_key=True),
    # By the witness's clock.
    Column("cosigned_at", Instant, nullable=False),
    Column("line", Text, nullable=False),
)

# How each of them answered last.
outside_witnesses = Table(
    "outside_witnesses",
    metadata,
    Column("witness", String(200), primary_key=True),
    Column("trouble", String(20)),
    Column("since", Instant),
    Column("holds", BigInteger),
)

# Checkpoints of partners' audit logs, as their receipts brought them; evidence, so none is ever deleted.
witnessed = Table(
    "witnessed",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("authority", AUTHORITY, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    # The receipt that brought it: a note itself bears no date.
    Column("made_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    # When it was shown to continue the one before it.
    Column("checked_at", Instant),
    Column("alarm", String(20)),
    # The note that it contradicts.
    Column("against", Text),
    # A person accepted that this log began anew.
    Column("ended_at", Instant),
    Index("witnessed_size", "authority", "size", "number"),
    Index(
        "witnessed_alarms",
        "authority",
        "number",
        sqlite_where=text("alarm IS NOT NULL"),
        postgresql_where=text("alarm IS NOT NULL"),
    ),
)

# partners' signed statements in which something differs that no machine can heal: evidence.
statements = Table(
    "statements",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("issuer", AUTHORITY, nullable=False),
    Column("at", Instant, nullable=False),
    Column("token", Text, nullable=False),
)

# What was done in the fourteen-day reviews of cases in which we search for a child.
reviews = Table(
    "reviews",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("case_id", ID, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("by", String(80), nullable=False),
    # Codes: source=result, with spaces between.
    Column("checked", Text),
    Column("asked_again", Integer, nullable=False),
    Column("reason", String(40)),
    Column("decided_by", String(80)),
    Index("reviews_case", "case_id", "number"),
)

# Who may sign in at the console.
people = Table(
    "people",
    metadata,
    # As they sign in: their mail address, in small letters.
    Column("name", String(80), primary_key=True),
    # As others know them; notices name them so.
    Column("called", String(80), nullable=False),
    # With spaces between them.
    Column("roles", String(200), nullable=False),
    Column("active", Boolean, nullable=False),
    # The directory, or an account here.
    Column("through", String(10), nullable=False),
    # Theirs for ever in the directory.
    Column("subject", String(255), unique=True),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("password", Text),
    # A one-time password, and how long it counts.
    Column("password_until", Instant),
    # Times in a row.
    Column("failed", Integer, nullable=False),
    Column("locked_until", Instant),
    # The second factor, locked as a notice is.
    Column("code_key", LargeBinary),
    Column("code_secret", LargeBinary),
    # Of the last code that was used.
    Column("code_step", BigInteger, nullable=False),
    # Signed in last.
    Column("seen_at", Instant),
)

# Each stands once in the place of a code of the app.
backup_codes = Table(
    "backup_codes",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("digest", DIGEST, primary_key=True),
)

# Of people who are signed in, or on the way; the browser holds the secret, we its digest.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("person", String(80), nullable=False, index=True),
    Column("stage", String(20), nullable=False),
    Column("form_token", String(64), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    # What must come back from the directory.
    Column("pending", Text),
)

# Browsers from which people signed in before; the browser holds the secret, we its digest.
devices = Table(
    "devices",
    metadata,
    Column("digest", DIGEST, primary_key=True),
    Column("person", String(80), primary_key=True, index=True),
    Column("seen_at", Instant, nullable=False, index=True),
    # Times in a row, from there.
    Column("failed", Integer, nullable=False),
    Column("locked_until", Instant),
)

# Of cases to people who see no others.
assignments = Table(
    "assignments",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("case_id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Index("assignments_case", "case_id"),
)

# What officers wrote down about a case, for themselves: never sent.
case_notes = Table(
    "case_notes",
    metadata,
    Column("note_id", ID, primary_key=True),
    Column("case_id", ID, nullable=False),
    # A note, a visit, or a decision not to share what is known.
    Column("kind", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Column("data_key", LargeBinary),
    # What was written, and of a visit its day and what came of it.
    Column("content", LargeBinary, nullable=False),
    Index("case_notes_case", "case_id", "at", "note_id"),
)

# Cases that are kept though their time has come.
holds = Table(
    "holds",
    metadata,
    Column("case_id", ID, primary_key=True),
    # A code: `core.retention.HoldReason`.
    Column("reason", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Column("data_key", LargeBinary),
    # What was written about it, locked.
    Column("content", LargeBinary, nullable=False),
)

# Of the purge: when it ran, and what it destroyed.
purge_runs = Table(
    "purge_runs",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    Column("begun_at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Column("cases", Integer, nullable=False),
    # Outside cases: what had ended of leaver records, unfinished notices, and answers of the API.
    Column("records", Integer, nullable=False),
    Column("files", Integer, nullable=False),
    # Of the cases and records, those whose bytes can no longer be read from the database's files.
    Column("overwritten", Integer, nullable=False),
    # When the newest of the leavers' rows was sent of which it deleted what made them known again.
    Column("leavers_until", Instant),
    # NULL: it was not finished.
    Column("ended_at", Instant),
    # A sentence: why it was not.
    Column("trouble", Text),
)

# What reports count of notices that were purged: numbers by day, which name no notice, case or child.
kept_figures = Table(
    "kept_figures",
    metadata,
    # In London: when the notices were sent, or received.
    Column("day", Date, primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("topic", String(20), primary_key=True),
    Column("code", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
)

# When somebody is away, and who has their cases meanwhile.
absences = Table(
    "absences",
    metadata,
    Column("person", String(80), primary_key=True),
    # The first day, and the last.
    Column("since", Date, nullable=False),
    Column("until", Date, nullable=False),
    # Empty: nobody.
    Column("deputy", String(80), nullable=False),
)

# Views of the inbox that people saved.
saved_views = Table(
    "saved_views",
    metadata,
    Column("person", String(80), primary_key=True),
    Column("name", String(40), primary_key=True),
    # The end of the inbox's address.
    Column("query", String(500), nullable=False),
)

# By which somebody may have got access to children's records; the service manager is told of each.
access_changes = Table(
    "access_changes",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at", Instant, nullable=False),
    # A role was given, or an account that has one got a new one-time password.
    Column("kind", String(20), nullable=False),
    Column("person", String(80), nullable=False),
    Column("by", String(80), nullable=False),
    # That were given, or that the account has; with spaces between them.
    Column("roles", String(200), nullable=False),
    # By a mail to the service manager.
    Column("told_at", Instant),
    Index("access_changes_at", "at"),
)

# How it last went with each partner, by each route; "statement": its statement was asked for.
reached = Table(
    "reached",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("route", String(20), primary_key=True),
    Column("succeeded_at", Instant),
    Column("failed_at", Instant),
    # The first failure after the last success.
    Column("failing_since", Instant),
    # Of the last failure.
    Column("reason", Text),
    # Seconds: its clock before ours, as it last answered.
    Column("clock_ahead", Integer),
    # Of its last answer, where that held no receipt.
    Column("code", String(20)),
)

# Of each process that serves the gateway: when each of its loops last looked.
loops = Table(
    "loops",
    metadata,
    Column("process", String(80), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("looked_at", Instant, nullable=False),
    Column("late_at", Instant, nullable=False),
)

# What lies at a route and is not handled.
left_behind = Table(
    "left_behind",
    metadata,
    Column("route", String(20), primary_key=True),
    Column("authority", String(3), primary_key=True),
    Column("why", String(300), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("since", Instant, nullable=False),
)

# What came by mail in answer to letters.
mail_replies = Table(
    "mail_replies",
    metadata,
    Column("number", SEQUENCE, primary_key=True, autoincrement=True),
    # Of the notice that it is about.
    Column("message_id", ID, nullable=False),
    Column("came_at", Instant, nullable=False),
    Column("what", String(10), nullable=False),
    # From where it claims to come.
    Column("domain", String(253), nullable=False),
    # That is where we wrote to.
    Column("from_there", Boolean, nullable=False),
    Column("signed", Boolean, nullable=False),
    Column("by_machine", Boolean, nullable=False),
    # Of what it says, under our own key.
    Column("mark", BigInteger, nullable=False),
    Column("stage", String(10), nullable=False),
    # What an officer of ours read in it.
    Column("judgement", String(20)),
    Column("judged_at", Instant),
    Column("judged_by", String(80)),
    Column("data_key", LargeBinary),
    # What it says, locked.
    Column("content", LargeBinary, nullable=False),
    Index("mail_replies_about", "message_id", "mark", unique=True),
    Index("mail_replies_waiting", "stage", "number"),
)

# Case systems that may call the API.
api_clients = Table(
    "api_clients",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(80), nullable=False),
    # With spaces between them.
    Column("scopes", String(200), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(80), nullable=False),
    # Its digest; the client alone has it.
    Column("secret", DIGEST, nullable=False),
    # Times in a row.
    Column("failed", Integer, nullable=False),
    Column("locked_until", Instant),
    # Got a token last.
    Column("seen_at", Instant),
)

# What a client was answered to a request that it may repeat.
api_answers = Table(
    "api_answers",
    metadata,
    Column("client", String(40), primary_key=True),
    # The Idempotency-Key.
    Column("key", String(64), primary_key=True),
    # Of the request, under our own key.
    Column("said", DIGEST, nullable=False),
    # Whose try this is.
    Column("claim", String(40), nullable=False),
    Column("begun_at", Instant, nullable=False, index=True),
    # NULL: under way.
    Column("status", Integer),
    # The Location header.
    Column("place", String(200)),
    Column("data_key", LargeBinary),
    # The body, locked.
    Column("content", LargeBinary),
)

# Where case systems want to be told of what happens.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client", String(40), nullable=False, index=True),
    Column("url", String(500), nullable=False),
    # With spaces between them.
    Column("events", String(200), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    # The secret, locked as a notice is.
    Column("data_key", LargeBinary, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    # Of the audit log: up to it everything was told.
    Column("next_entry", BigInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    # Of the event that is to be told next.
    Column("tries", Integer, nullable=False),
    Column("failing_since", Instant),
    Column("failed_as", String(80)),
)

# With what each process that serves runs.
running_processes = Table(
    "running_processes",
    metadata,
    Column("process", String(80), primary_key=True),
    Column("card_serial", BigInteger, nullable=False),
    Column("signing_key", String(80), nullable=False),
    Column("settings", String(64), nullable=False),
    # The ids of the storage keys that it holds, with a space between two.
    Column("storage_keys", Text, nullable=False, server_default=""),
    Column("noted_at", Instant, nullable=False),
    # False: the key that should sign was replaced elsewhere, and has ended.
    Column("signs", Boolean, nullable=False, server_default=true()),
)

# When a person last checked each contact on our card.
contact_checks = Table(
    "contact_checks",
    metadata,
    Column("role", String(80), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("checked_at", Instant, nullable=False),
    Column("checked_by", String(200), nullable=False),
)

# The keys under which data keys are wrapped: which one wraps now, and how far those of others are wrapped anew.
storage_keys = Table(
    "storage_keys",
    metadata,
    Column("kid", String(80), primary_key=True),
    # waiting, active, retired, revoked
    Column("state", String(10), nullable=False),
    Column("added_at", Instant, nullable=False),
    # Since when it wraps.
    Column("used_from", Instant),
    # Data keys that were wrapped anew under it; those that were still to be, as counted last; of them, those that no
    # key of ours opens.
    Column("rewrapped", BigInteger, nullable=False),
    Column("remaining", BigInteger),
    Column("unopened", BigInteger, nullable=False),
    # When nothing was left under another key.
    Column("finished_at", Instant),
)

# Identity keys of partners that count no more, by the fingerprint of their cards: who here, and who there said so.
revoked_identities = Table(
    "revoked_identities",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("fingerprint", String(80), primary_key=True),
    Column("revoked_at", Instant, nullable=False),
    Column("revoked_by", String(80), nullable=False),
    Column("told_by", String(80), nullable=False),
)

# Of each thing that expires, the last warning that was given: so many days before.
expiry_warnings = Table(
    "expiry_warnings",
    metadata,
    Column("authority", AUTHORITY, primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("days", Integer, nullable=False),
)

# Of each address that showed wrong secrets, how many there were since when.
wrong_tries = Table(
    "wrong_tries",
    metadata,
    Column("entrance", String(20), primary_key=True),
    Column("address", String(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("since", Instant, nullable=False),
)

# The gateway whose records these are: a row for each identity key that it has had, of which the last counts.
owner = Table(
    "owner",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("authority", AUTHORITY, nullable=False),
    # Its public identity key, hex.
    Column("identity", String(64), nullable=False),
)

APPEND_ONLY = (
    "audit_entries",
    "audit_checkpoints",
    "audit_mentions",
    "audit_blocks",
    "cosignatures",
    "receipts",
    "attempts",
    "owner",
)
