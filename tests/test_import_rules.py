"""The rules about who may import whom fail on a violation: each is planted once in a copy of the source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent

_PLANTED = {
    "a service imports another": ("capacity/domain/planted.py", "import reporting\n", "Services share nothing but topics and contracts"),
    "the chassis knows a service": ("chassis/planted.py", "import capacity\n", "Contracts and chassis know no service"),
    "contracts import more than pydantic": ("contracts/planted.py", "import fastapi\n", "Contracts import only pydantic"),
    "the domain waits for a database": ("capacity/domain/planted.py", "import asyncpg\n", "The domain waits for nothing"),
    "an application reaches for an adapter": (
        "reporting/application/planted.py",
        "import reporting.adapters.sql.tables\n",
        "domain, then application, then adapters, then entrypoints",
    ),
    "the simulator looks inside a service": (
        "simulator/planted.py",
        "import capacity\n",
        "Simulator and embedded stack stay outside",
    ),
}


@pytest.fixture(scope="module")
def copied_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("source")
    for source in _ROOT.glob("*/*/src"):
        for package in source.iterdir():
            if package.is_dir() and not package.name.endswith(".egg-info"):
                shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_ROOT / "pyproject.toml", copy)
    return copy


def _lint_imports(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, " ".join(done.stdout.split())


def test_the_source_as_it_is_keeps_every_rule(copied_source: Path) -> None:
    code, said = _lint_imports(copied_source)

    assert code == 0, said


@pytest.mark.parametrize(("file", "line", "rule"), _PLANTED.values(), ids=_PLANTED.keys())
def test_a_planted_violation_is_found(copied_source: Path, file: str, line: str, rule: str) -> None:
    planted = copied_source / file
    planted.write_text(line)
    try:
        code, said = _lint_imports(copied_source)
    finally:
        planted.unlink()

    assert code == 1
    assert f"{rule} BROKEN" in said
