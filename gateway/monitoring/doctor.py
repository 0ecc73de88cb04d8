"""What `health` says, and what takes longer or asks another machine: does anything answer, is the whole log whole, what
is owed?
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from adapters import email
from adapters.outgoing import find_proxy_trouble
from adapters.proxy import Proxy
from adapters.safe_addresses import may_be_called
from gateway.auditing import audit
from gateway.context import Gateway
from gateway.core import labels
from gateway.core.connection_causes import CAUSES, find_proxy_cause, get_cause
from gateway.core.duties import DutyStep
from gateway.core.findings import FindingLevel, HealthFinding, fail_check, pass_check, warn_check
from gateway.core.moments import format_moment
from gateway.errors import ConfigProblem, HsmUnavailable
from gateway.exchange.connection_tests import OK, ConnectionReport, find_last_test
from gateway.monitoring import health
from gateway.reconciliation import reconcile
from gateway.searches import review
from gateway.store import partner_health, schema_check
from gateway.store.database import Tx
from gateway.store.partner_health import STATEMENT, RouteReach
from gateway.store.schema_check import DifferenceHarm, SchemaDifference

ANSWER_SECONDS = 2.0
# Through the proxy, until one is opened.
MOST_TUNNELS = 3
# Differences of the tables: what is missing together has one reason.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """A finding as the terminal shows it."""

    name: str
    result: FindingLevel
    detail: str

    @property
    def label(self) -> str:
        """Return what people read in the place of the name."""
        return labels.name_check(self.name)


def run_checks(gw: Gateway) -> list[Check]:
    """Return every check, in the order in which an operator would mend things. That it opened at all is the first."""
    different = gw.store.look(schema_check.list_schema_differences)
    tables = _check_tables(different)
    # All else would ask for what is not there.
    if any(difference.harm is DifferenceHarm.BREAKS for difference in different):
        return [_build_check(tables)]
    return [_build_check(finding) for finding in (tables, *health.measure_health(gw).findings, *run_slow_checks(gw))]


def _check_tables(different: Sequence[SchemaDifference]) -> HealthFinding:
    """That the database has the tables of this version, whatever number it bears."""
    if harmful := [difference.says for difference in different if difference.harm is not DifferenceHarm.NONE]:
        return fail_check(
            "tables", _join_some(harmful), "Restore the newest backup, or report the problem with these names."
        )
    if different:
        return warn_check(
            "tables",
            _join_some([difference.says for difference in different]),
            "Keep tables of other programs in another database.",
        )
    return pass_check("tables", "As this version needs them")


def _join_some(says: Sequence[str]) -> str:
    more = f"; and {len(says) - SHOWN} more" if len(says) > SHOWN else ""
    return "; ".join(says[:SHOWN]) + more


def _build_check(finding: HealthFinding) -> Check:
    stop = "" if not finding.next_in_terminal or finding.sentence.endswith(".") else "."
    return Check(finding.name, finding.level, f"{finding.sentence}{stop} {finding.next_in_terminal}".strip())


def run_slow_checks(gw: Gateway) -> Iterator[HealthFinding]:
    """Yield what a look does not do."""
    yield _check_port(gw)
    if gw.proxy is not None:
        yield _check_proxy(gw, gw.proxy)
    if gw.mail is not None:
        # Nothing is sent.
        for server, why in email.try_servers(gw.mail):
            check = "Check the server, and [email] in gateway.toml."
            yield (
                fail_check(server, f"The sign-in failed: {why}.", check) if why else pass_check(server, "Sign-in works")
            )
    yield from _check_last_tests(gw)
    yield from _check_owed(gw)
    yield _check_log(gw)


def _check_port(gw: Gateway) -> HealthFinding:
    listen = gw.config.listen
    try:
        with closing(socket.create_connection((listen.host, listen.port), ANSWER_SECONDS)):
            return pass_check("gateway", f"Running, port {listen.port}")
    except OSError:
        start = ("Start the gateway on the server.", "Run `cme-gateway serve`.")
        return warn_check("gateway", f"Not running: nothing answers on port {listen.port}.", *start)


def _check_proxy(gw: Gateway, proxy: Proxy) -> HealthFinding:
    """Say whether the proxy opens a tunnel to any of some that we call; nothing is sent into it."""
    trouble = find_proxy_trouble(proxy, list(islice(_list_proxy_targets(gw, proxy), MOST_TUNNELS)))
    if trouble is None:
        return pass_check("proxy", f"Connects: {proxy.host}:{proxy.port}")
    code = trouble.short or ""
    cause = CAUSES[code]
    level = fail_check if find_proxy_cause(code) else warn_check
    return level("proxy", cause.name_as(code), cause.next_on_page, cause.next_in_terminal)


def _list_proxy_targets(gw: Gateway, proxy: Proxy) -> Iterator[tuple[str, int]]:
    """Yield hosts that are called by the proxy: ours by name, partners' by the addresses that are found here."""
    ours = [gw.config.sign_in.issuer, gw.config.email.token_url]
    for url in filter(None, ours):
        host, port = _split_address(url)
        if not proxy.is_bypassed(host):
            yield host, port
    cards = map(gw.trust.get_card, gw.trust.list_authorities())
    for route in (route for its_card in cards for route in its_card.routes if route.kind == "https"):
        host, port = _split_address(route.url)
        with suppress(OSError, ValueError):
            addresses = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
            address = next((address for address in addresses if may_be_called(address)), "")
            if address and not any(map(proxy.is_bypassed, (host, *addresses))):
                yield address, port


def _split_address(url: str) -> tuple[str, int]:
    place = urlsplit(url)
    return place.hostname or "", place.port or 443


def _check_last_tests(gw: Gateway) -> Iterator[HealthFinding]:
    """Yield how the last test of the connection to each partner went; what was delivered since says more."""

    def read_tests(tx: Tx) -> list[tuple[ConnectionReport, bool]]:
        tests = filter(None, (find_last_test(tx, code) for code in gw.trust.list_authorities()))
        tried = partner_health.list_route_reach(tx)
        return [(test, _is_delivered_since(tried.get(test.authority, []), test)) for test in tests]

    for test, delivered in gw.store.look(read_tests):
        name, cause = f"connection to {test.authority}", get_cause(test.cause)
        says = f"{test.describe()} Last tested on {format_moment(test.at)}."
        if test.cause == OK or delivered:
            later = " Notices have been delivered since." if delivered and test.cause != OK else ""
            yield pass_check(name, f"{says}{later}")
        else:
            again = f"{cause.next_in_terminal} Then run `cme-gateway partner test {test.authority}`."
            yield warn_check(name, says, cause.next_on_page, again)


def _is_delivered_since(tried: Sequence[RouteReach], test: ConnectionReport) -> bool:
    return any(route.succeeded_at and route.succeeded_at > test.at for route in tried if route.route != STATEMENT)


def _check_owed(gw: Gateway) -> Iterator[HealthFinding]:
    try:
        late = [duty for duty in reconcile.list_owed(gw) if duty.step is not DutyStep.WAIT]
        overdue = review.count_overdue_reviews(gw)
    except ConfigProblem as why:
        yield fail_check("what is owed", why.sentence, why.next_on_page, why.next_in_terminal)
        return
    above = sum(duty.step is DutyStep.ESCALATE for duty in late)
    says = f"{len(late)} overdue, {above} of them for the service manager."
    show = ('See "Outstanding".', "Run `cme-gateway outstanding`.")
    yield warn_check("what is owed", says, *show) if late else pass_check("what is owed", "None overdue")
    name, show = "reviews of searches", ('See "14-day reviews".', "Run `cme-gateway review list`.")
    yield warn_check(name, f"{overdue} overdue.", *show) if overdue else pass_check(name, "None overdue")


def _check_log(gw: Gateway) -> HealthFinding:
    try:
        verdict = audit.verify_own_log(gw)
    except HsmUnavailable as why:
        return fail_check("audit log", f"Not checked. {why.sentence}", why.next_on_page, why.next_in_terminal)
    if verdict.faults:
        verify = (
            'See "Check the log", and tell information security.',
            "Run `cme-gateway audit verify`, and tell information security.",
        )
        return fail_check("audit log", verdict.faults[0], *verify)
    return pass_check("audit log", f"{verdict.size} entries, no problems found")
