"""`python -m contracts` writes the documents of the contracts into `docs/`; with `--check` it only says which are stale."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from contracts.documents import documents


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 when the documents are up to date or written, 1 when `--check` found stale ones."""
    parser = ArgumentParser(prog="python -m contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; name the stale files and exit with 1")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="where the documents lie (docs)")
    parser.add_argument(
        "--samples", type=Path, default=Path("shared/contracts/tests/samples"), help="the golden samples (shared/contracts/tests/samples)"
    )
    options = parser.parse_args(arguments)
    try:
        wanted = {options.docs / path: text for path, text in documents(options.samples).items()}
    except OSError as error:
        parser.error(f"cannot read {error.filename}; run from the root of the repository or give --samples")

    # A schema whose event is gone is stale too; nothing else lies in that folder.
    gone = sorted(set((options.docs / "schemas").glob("*.json")) - set(wanted))
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if options.check:
        for path in [*changed, *gone]:
            sys.stderr.write(f"stale: {path}; run `python -m contracts`\n")
        return 1 if changed or gone else 0

    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8", newline="\n")
    for path in gone:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
