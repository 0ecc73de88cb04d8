"""Build the documentation as a website: `make docs` writes it to `site/`.

The documents are read in the repository as well, so links between them are paths in the repository. Here they are
copied to `site-source/` under the same paths, with the files that they link to, and with one page of API reference for
each public package. Zensical then builds the site in strict mode: a link that leads nowhere is a failure. So is
anything that a browser would load from another host, because a reader's address is nobody else's business.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
SOURCE, SITE = ROOT / "site-source", ROOT / "site"
# Packages whose modules other programs may import, and what their page says first.
PACKAGES = {
    "keys": "Keys, cards, encryption, receipts and the audit log's hashes.",
    "schemas": "Messages, their XML, code lists and rules.",
    "adapters": "Routes by which messages travel, behind one interface: `adapters.route`.",
}
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
DRAWING = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)
# The theme would draw it with a program from another host.
INSTEAD_OF_A_DRAWING = "(The repository's page shows a drawing here. The table below says the same.)"
LOADED_FROM_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc=["']?(?:https?:)?//[^>]*>"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|preconnect|icon))[^>]*\bhref=["']?(?:https?:)?//[^>]*>"""
    r"""|url\(["']?(?:https?:)?//[^)]*\)"""
    # The theme loads a drawing program from another host as soon as a page holds this class.
    r"""|class=["']?mermaid\b"""
)


def list_documents() -> list[Path]:
    """List every document of the repository that is a page of the site."""
    return [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "keys" / "README.md",
        *(ROOT / "schemas").rglob("README.md"),
    ]


def list_linked_files(document: Path) -> Iterator[Path]:
    """List the files of the repository to which a document links; a link that leads nowhere is left for Zensical."""
    for link in LINK.findall(document.read_text("utf-8")):
        target = (document.parent / unquote(link)).resolve()
        if "://" not in link and target.is_file() and target.is_relative_to(ROOT):
            yield target


def copy_documents() -> None:
    """Copy the documents, and what they link to, to `site-source/` under the same paths."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    documents = list_documents()
    linked = {file for document in documents for file in list_linked_files(document)}
    for file in {*documents, *linked}:
        target = SOURCE / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".md":
            target.write_text(DRAWING.sub(INSTEAD_OF_A_DRAWING, file.read_text("utf-8")), "utf-8")
        else:
            shutil.copyfile(file, target)


def list_modules(package: str) -> list[str]:
    """List the public modules of a package by their dotted names, without those that begin with an underscore."""
    files = sorted((ROOT / package).rglob("*.py"))
    paths = [file.relative_to(ROOT).with_suffix("").parts for file in files]
    return [".".join(parts) for parts in paths if not any(part.startswith("_") for part in parts)]


def write_api_pages() -> None:
    """Write a page for each public package, with a directive for each module that mkdocstrings replaces."""
    folder = SOURCE / "docs" / "reference" / "python"
    folder.mkdir(parents=True, exist_ok=True)
    for package, sentence in PACKAGES.items():
        directives = "\n\n".join(f"::: {module}" for module in list_modules(package))
        (folder / f"{package}.md").write_text(f"# Python package {package}\n\n{sentence}\n\n{directives}\n", "utf-8")


def list_foreign_requests() -> list[str]:
    """List what a browser would load from another host, by page."""
    files = [*SITE.rglob("*.html"), *SITE.rglob("*.css")]
    return [
        f"{file.relative_to(SITE)}: {request.group()[:160]}"
        for file in files
        for request in LOADED_FROM_ELSEWHERE.finditer(file.read_text("utf-8"))
    ]


def main() -> int:
    """Build the site; return 0 if every link leads somewhere and nothing is loaded from another host."""
    copy_documents()
    write_api_pages()
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run([zensical, "build", "--strict", "--clean"], cwd=ROOT, check=False)
    if built.returncode:
        return built.returncode
    foreign = list_foreign_requests()
    if foreign:
        sys.stderr.write("The site would load these from other hosts:\n" + "\n".join(foreign) + "\n")
        return 1
    sys.stdout.write(f"The site is in {SITE.relative_to(ROOT)}/: {len(list(SITE.rglob('*.html')))} pages.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
