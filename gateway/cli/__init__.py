"""The operator's commands: arguments to flow to text, or to one JSON object with `--json`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something is late, 4 not found, 5 refused, 75 try later, 78 a setting is wrong, 130 stopped by Ctrl-C.
"""

import os
import sys
from typing import Annotated

import typer

from gateway.cli.lazy_group import LazyGroup, Row

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
        Row("init", "service", "Set up a new gateway: settings, keys, certificate, card and database.", RUN),
        Row("serve", "service", "Run the gateway.", RUN),
        Row("demo", "service", "Run a demonstration with two authorities and invented children.", RUN),
        Row("doctor", "service", "Check that the gateway is set up and working.", RUN),
        Row("validate", "validate", "Check a message file and list every problem.", NOTICES),
        Row("send", "notices", "Check, sign, encrypt and queue notices. `serve` delivers them.", NOTICES),
        Row("outbox", "notices", "List sent messages and their status.", NOTICES),
        Row("inbox", "notices", "List received messages and their status.", NOTICES),
        Row("show", "notices", "Show one message in full with its history. Your view is logged.", NOTICES),
        Row(
            "find",
            "find",
            "Find notices by name, date of birth, UPN, ULN or reference. Your search is logged.",
            NOTICES,
        ),
        Row("leavers", "drafts", "Leavers from ONE for an officer to check.", NOTICES, True, ("drafts",)),
        Row("accept", "answers", "Accept a notice.", REPLIES),
        Row("reject", "answers", "Reject a notice and give the reason.", REPLIES),
        Row("refer-back", "answers", "Tell the sender which authority to try. Nothing is sent there.", REPLIES),
        Row("answer", "answers", "Answer a whereabouts enquiry.", REPLIES, old_names=("respond",)),
        Row(
            "send-outcome",
            "answers",
            "Send the outcome of a notice. This closes the case.",
            REPLIES,
            old_names=("outcome",),
        ),
        Row("put-aside", "answers", "Clear a reply that does not fit, once you have looked at it.", REPLIES),
        Row("correct", "corrections", "Replace a notice you sent with a corrected one.", REPLIES),
        Row("withdraw", "corrections", "Withdraw a notice you sent.", REPLIES),
        Row("retry", "corrections", "Retry messages that are waiting or could not be delivered.", REPLIES),
        Row(
            "record-handover",
            "by_hand",
            "Record that you handed over a transfer notice by phone.",
            REPLIES,
            old_names=("handover",),
        ),
        Row(
            "record-outcome",
            "by_hand",
            "Record a result that another authority gave by phone or letter. This closes the case.",
            REPLIES,
            old_names=("told",),
        ),
        Row(
            "close-case",
            "by_hand",
            "Close a transfer notice without an outcome. It must be accepted or handed over.",
            REPLIES,
            old_names=("close",),
        ),
        Row(
            "redirect",
            "by_hand",
            "Send a rejected, referred-back or undelivered notice to another authority.",
            REPLIES,
            old_names=("send-on",),
        ),
        Row("remind", "by_hand", "Send a reminder about a notice.", REPLIES),
        Row("replies", "mail_replies", "Email replies to the notices you sent by email.", REPLIES, True),
        Row("enquire", "searches", "Ask several authorities about one child.", SEARCHES),
        Row(
            "search-status",
            "searches",
            "Show a search: who was asked, who answered, who to call. Your view is logged.",
            SEARCHES,
            old_names=("search",),
        ),
        Row("end-search", "corrections", "End a search and tell everyone you asked. Give the reason.", SEARCHES),
        Row("matches", "matches", "Notices with possible matches in your records.", SEARCHES, True),
        Row("review", "reviews", "The 14-day reviews of open searches.", SEARCHES, True),
        Row(
            "outstanding",
            "reconcile",
            "List outstanding replies and decisions. Exit code 3 if any is overdue.",
            OUTSTANDING,
            old_names=("reconcile",),
        ),
        Row(
            "compare",
            "statement",
            "Compare records with a partner and resend what is missing.",
            OUTSTANDING,
            old_names=("statement",),
        ),
        Row("report", "report", "Statistics, timeliness, and the inspection list.", OUTSTANDING, True),
        Row("partner", "cards:partner_commands", "Partner authorities and their cards.", PARTNERS, True),
        Row("card", "cards:card_commands", "This authority's card, which partners have.", PARTNERS, True),
        Row("keys", "cards:keys_commands", "The gateway's own keys.", PARTNERS, True),
        Row("postcodes", "places", "Which authority a postcode is in (ONS Postcode Directory).", PARTNERS, True),
        Row("one", "case_system", "Files for and from ONE, or another case system.", PARTNERS, True),
        Row("users", "people", "Who can sign in to the console, and their roles.", USERS, True, ("people",)),
        Row("api", "api_clients", "Connected systems that can use the API.", USERS, True),
        Row("audit", "audit_log", "Search, export and check the audit log.", USERS, True),
        # Commands of version 0.1 whose work others do now.
        Row("acknowledge", "answers", "Accept, reject or refer back a notice.", REPLIES, is_hidden=True),
        Row("located", "corrections", "End a search because the child is found.", SEARCHES, is_hidden=True),
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
