"""Names that were replaced do not come back: each row is what something was called, and what it is called now."""

import ast
from collections.abc import Iterator

from tests.structure.test_names import ROOT, parse_modules

# A module of `gateway`, and the module that replaced it.
MODULES = """
auditing/checking         auditing/verify_job
auditing/scrutiny         auditing/browse
authority                 context
case_systems/once         case_systems/idempotency
casework/lapse            casework/expire_compositions
casework/stands           core/message_summary
console/acts              console/case_actions
console/asking            console/notice_questions
console/doors             console/endpoints
console/questions         console/forms
console/sections          console/notice_pages
console/tries             store/wrong_tries
console/typed             console/form_values
console/visit             console/console_request
console/way_back          console/return_to
core/acts                 core/audit_acts
core/choices              core/open_actions
core/comparing            core/statement_diff
core/ending               core/expiry
core/happenings           core/webhook_events
core/judging              core/health_rules
core/marks                core/search_terms
core/standing             core/inbox_state
core/telling              core/audit_sentences
core/writing              core/composition
exchange/amend            exchange/correct
exchange/for_import       exchange/import_queue
exchange/hear             exchange/hear_mail
exchange/settle           exchange/delivery_result
monitoring/installed      monitoring/install_checks
monitoring/waiting        monitoring/queues
one/answers               one/import_results
one/drop                  one/watched_folder
one/forward               one/leaver_batches
one/intake                one/leavers_folder
one/leavers               one/leaver_rules
reconciliation/agreed     reconciliation/deadlines
reconciliation/chase      reconciliation/send_reminders
reconciliation/terms      reconciliation/term_dates
searches/children         searches/children_index
searches/trace            searches/match_incoming
setup                     home_folder
store/chased              store/reminders
store/entries             store/audit_search
store/log                 store/audit_log
store/loops               store/heartbeats
store/marks               store/blind_index
store/periods             store/report_queries
store/reached             store/partner_health
store/repeats             store/idempotency
store/witnessed           store/partner_checkpoints
web/exchange              partner_api/exchange
web/scraped               partner_api/metrics
"""
# A name of a class, a parameter or a variable, and the name that replaced it.
NAMES = """
Authority        Gateway
Door             Endpoint
Drop             watch_folder
Room             SectionPage
Standing         InboxState
Stands           MessageSummary
Visit            ConsoleRequest
conversation     case_id
conversation_id  case_id
here             gw
visit            request
"""


def list_bound_names(tree: ast.Module) -> Iterator[str]:
    """List the names of the classes, parameters, variables and fields of a module."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=name) | ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name


def test_a_module_keeps_its_new_name() -> None:
    for old, new in (row.split() for row in MODULES.strip().splitlines()):
        assert (ROOT / "gateway" / f"{new}.py").is_file(), new
        assert not (ROOT / "gateway" / f"{old}.py").exists(), old


def test_an_old_name_is_bound_nowhere() -> None:
    old = {row.split()[0] for row in NAMES.strip().splitlines()}
    bound = {module: sorted(old & set(list_bound_names(tree))) for module, tree in parse_modules().items()}
    assert {module: names for module, names in bound.items() if names} == {}
