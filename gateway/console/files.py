"""Files that a page gives: their name is ours, holds nothing that was typed, and nobody opens them in the console's own
pages.
"""

from aiohttp import web


def build_csv_file(text: bytes, name: str) -> web.Response:
    """Build a spreadsheet."""
    return web.Response(body=text, headers=build_file_headers(f"{name}.csv", "text/csv; charset=utf-8"))


def build_file_headers(name: str, kind: str) -> dict[str, str]:
    """Build the headers that make an answer a file to be kept."""
    return {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'}
