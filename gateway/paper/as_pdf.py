"""A page as a tagged PDF (PDF/UA-1), made of its HTML by WeasyPrint, which is the optional extra `cme-gateway[pdf]`."""

from importlib.util import find_spec
from typing import NoReturn

from gateway.errors import Unusable
from gateway.paper import as_html
from gateway.paper.page import ReportPage


def is_installed() -> bool:
    """Is WeasyPrint here? Whether its libraries are too, only its load tells, which takes a second."""
    return find_spec("weasyprint") is not None


def write(page: ReportPage) -> bytes:
    """Return the whole file. Raises Unusable where WeasyPrint, or the libraries that it needs, are not installed."""
    try:
        # Here, because it is optional, and its load takes a second.
        import weasyprint
    except (ImportError, OSError):
        raise Unusable("report.no-pdf") from None
    html = weasyprint.HTML(string=as_html.write(page).decode(), url_fetcher=_nothing_from_elsewhere)
    return bytes(html.write_pdf(pdf_variant="pdf/ua-1"))


def _nothing_from_elsewhere(url: str, **_: object) -> NoReturn:
    raise ValueError("a page holds all that it needs")
