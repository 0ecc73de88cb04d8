"""Files that a page gives: their name is ours, holds nothing that was typed, and nobody opens them in the console's own pages."""

from aiohttp import web


def csv_file(text: bytes, name: str) -> web.Response:
    """A spreadsheet."""
    return web.Response(body=text, headers=headers(f"{name}.csv", "text/csv; charset=utf-8"))


def headers(name: str, kind: str) -> dict[str, str]:
    """What makes an answer a file to be kept."""
    return {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'}
