"""Nothing that runs what it reads: no pickle, marshal or yaml, no eval, no shell (design section
10; CWE-502, CWE-78).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml", "code", "codeop", "pty"}
CALLS = {"eval", "exec", "compile", "__import__", "system", "popen", "getoutput", "getstatusoutput"}


def find_dangers(text: str) -> Iterator[str]:
    """What in this source could run what it reads."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.module or ""
        elif isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) if name in CALLS:
                    yield name
                case ast.Attribute(value=ast.Name(id="os" | "subprocess" | "builtins"), attr=name) if name in CALLS:
                    yield name
            if any(one.arg == "shell" for one in node.keywords):
                yield "shell"


@pytest.mark.parametrize("package", ["gateway", "adapters", "keys", "schemas"])
def test_nothing_runs_what_it_reads(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = [(file.relative_to(ROOT), danger) for file in files for danger in find_dangers(file.read_text("utf-8"))]
    assert found == []


def test_each_danger_would_be_found() -> None:
    for danger in (
        "import pickle",
        "from yaml import load",
        "eval(x)",
        "os.system(x)",
        "subprocess.run(x, shell=True)",
    ):
        assert list(find_dangers(danger)), danger
