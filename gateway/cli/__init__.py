"""The operator's commands: arguments to flow to text, or to one JSON object with `--json`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something is late, 4 not found, 5 refused, 75 try later, 78 a setting is
wrong, 130 stopped by Ctrl-C.
"""

import os
import sys
from typing import Annotated

import typer

from gateway.cli.lazy_group import CommandRow, LazyGroup

RUN = "Run the gateway"
NOTICES = "Notices"
REPLIES = "Reply and follow up"
SEARCHES = "Searches for children"
OUTSTANDING = "Outstanding work and reports"
PARTNERS = "Partners, keys and files"
USERS = "Users, systems and audit"


class Commands(LazyGroup):
    """Every command of the top level, in the order of the help."""

    rows = (
        CommandRow("init", "service", "Set up a new gateway: settings, keys, certificate, card and database.", RUN),
        CommandRow("serve", "service", "Run the gateway.", RUN),
        CommandRow("demo", "service", "Run a demonstration with two authorities and invented children.", RUN),
        CommandRow("doctor", "service", "Check that the gateway is set up and working.", RUN),
        CommandRow("validate", "validate", "Check a message file and list every problem.", NOTICES),
        CommandRow("send", "notices", "Check, sign, encrypt and queue notices. `serve` delivers them.", NOTICES),
        CommandRow("outbox", "notices", "List sent messages and their status.", NOTICES),
        CommandRow("inbox", "notices", "List received messages and their status.", NOTICES),
        CommandRow("show", "notices", "Show one message in full with its history. Your view is logged.", NOTICES),
        CommandRow(
            "find",
            "find",
            "Find notices by name, date of birth, number or reference. Your search, and the names shown, are logged.",
            NOTICES,
        ),
        CommandRow("leavers", "drafts", "Leavers from ONE for an officer to check.", NOTICES, True, ("drafts",)),
        CommandRow("accept", "answers", "Accept a notice.", REPLIES),
        CommandRow("reject", "answers", "Reject a notice and give the reason.", REPLIES),
        CommandRow(
            "refer-back",
            "answers",
            "Tell the sender which authority to try. Nothing is sent to that authority.",
            REPLIES,
        ),
        CommandRow(
            "answer",
            "answers",
            "Answer a whereabouts enquiry or a whereabouts unknown notice.",
            REPLIES,
            old_names=("respond",),
        ),
        CommandRow(
            "send-outcome",
            "answers",
            "Send the outcome of a notice. This closes the case.",
            REPLIES,
            old_names=("outcome",),
        ),
        CommandRow("put-aside", "answers", "Mark a reply that has no effect as checked.", REPLIES),
        CommandRow("correct", "corrections", "Replace a notice you sent with a corrected one.", REPLIES),
        CommandRow("withdraw", "corrections", "Withdraw a notice you sent.", REPLIES),
        CommandRow("retry", "corrections", "Retry messages that are waiting or could not be delivered.", REPLIES),
        CommandRow(
            "record-handover",
            "by_hand",
            "Record that you handed over a transfer notice by phone.",
            REPLIES,
            old_names=("handover",),
        ),
        CommandRow("record-call", "by_hand", "Record that you called the sender of a notice you received.", REPLIES),
        CommandRow(
            "record-not-shared",
            "by_hand",
            "Record a decision not to share information about a child (Children Act 2004, s.16LA).",
            REPLIES,
        ),
        CommandRow(
            "record-outcome",
            "by_hand",
            "Record a result that another authority gave by phone or letter. This closes the case.",
            REPLIES,
            old_names=("told",),
        ),
        CommandRow(
            "close-case",
            "by_hand",
            "Close a transfer notice without an outcome. It must be accepted, or handed over by phone.",
            REPLIES,
            old_names=("close",),
        ),
        CommandRow(
            "redirect",
            "by_hand",
            "Send a rejected, referred-back or undelivered notice to another authority.",
            REPLIES,
            old_names=("send-on",),
        ),
        CommandRow("remind", "by_hand", "Send a reminder about a notice.", REPLIES),
        CommandRow("replies", "mail_replies", "Email replies to the notices you sent by email.", REPLIES, True),
        CommandRow("enquire", "searches", "Ask several authorities about one child.", SEARCHES),
        CommandRow(
            "search-status",
            "searches",
            "Show a search: who was asked, who answered, who to call. Your view is logged.",
            SEARCHES,
            old_names=("search",),
        ),
        CommandRow("end-search", "corrections", "End a search and tell everyone you asked. Give the reason.", SEARCHES),
        CommandRow("matches", "matches", "Notices with possible matches in your records.", SEARCHES, True),
        CommandRow("review", "reviews", "The 14-day reviews of open searches.", SEARCHES, True),
        CommandRow(
            "outstanding",
            "reconcile",
            "List outstanding replies and decisions. Exit code 3 if any is overdue.",
            OUTSTANDING,
            old_names=("reconcile",),
        ),
        CommandRow(
            "compare",
            "statement",
            "Compare records with a partner and resend what is missing.",
            OUTSTANDING,
            old_names=("statement",),
        ),
        CommandRow("report", "report", "Statistics, timeliness, and the inspection list.", OUTSTANDING, True),
        CommandRow("partner", "cards:partner_commands", "Partner authorities and their cards.", PARTNERS, True),
        CommandRow(
            "card", "cards:card_commands", "This authority's card: export it for partners, or renew it.", PARTNERS, True
        ),
        CommandRow(
            "directory", "directories:directory_commands", "The directory of a region or the nation.", PARTNERS, True
        ),
        CommandRow("keys", "cards:keys_commands", "The gateway's own keys.", PARTNERS, True),
        CommandRow("backup", "backups:backup_commands", "Make and check backups.", PARTNERS, True),
        CommandRow(
            "restore",
            "backups",
            "Restore a backup into a new home folder and an empty database, and delete again what was due.",
            PARTNERS,
        ),
        CommandRow("postcodes", "places", "Which authority a postcode is in (ONS Postcode Directory).", PARTNERS, True),
        CommandRow("one", "case_system", "Files to and from ONE, or another case management system.", PARTNERS, True),
        CommandRow("users", "people", "Who can sign in to the console, and their roles.", USERS, True, ("people",)),
        CommandRow("api", "api_clients", "Connected systems that can use the API.", USERS, True),
        CommandRow("retention", "retention", "How long cases are kept: preview, purge, and legal holds.", USERS, True),
        CommandRow(
            "subject-access",
            "subject_access",
            "Write everything held about one child to a file. Each record is logged as viewed.",
            USERS,
        ),
        CommandRow("audit", "audit_log", "Search, export and check the audit log.", USERS, True),
        # Commands of version 0.1 whose work others do now.
        CommandRow("acknowledge", "answers", "Accept, reject or refer back a notice.", REPLIES, is_hidden=True),
        CommandRow("located", "corrections", "End a search because the child is found.", SEARCHES, is_hidden=True),
    )


cli = typer.Typer(
    cls=Commands,
    # Plain text: it is a third of the time, and a screen reader reads no frames.
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exchange children missing education notices between local authorities.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"cme-gateway {version('cme-gateway')}")
        raise typer.Exit


@cli.callback()
def _top(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None: ...


def main() -> None:
    """Run one command. Every refusal is one sentence, its code, and what to do next."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character still shows the rest.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        cli()
    except BrokenPipeError:
        # Whoever read our output has gone.
        os._exit(1)
    except Exception as why:  # noqa: BLE001 - the last line before a person
        # Imported only here, for most commands end well.
        from gateway.cli.refusals import show_refusal

        sys.exit(show_refusal(why))
