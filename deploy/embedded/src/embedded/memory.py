"""How much memory a process takes of the machine."""

from pathlib import Path

_KIBIBYTES_IN_MEBIBYTE = 1024


def proportional_mebibytes(pid: int, *, with_children: bool) -> float:
    """Proportional memory (PSS): what several processes share is divided among them, so that sums are right. 0 for a process that has gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / _KIBIBYTES_IN_MEBIBYTE
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if with_children else []
    except OSError:
        return 0.0
    return own + sum(proportional_mebibytes(int(child), with_children=True) for child in children)
