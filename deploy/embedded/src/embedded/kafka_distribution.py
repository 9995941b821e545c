"""Kafka's own jars, fetched once as Maven artifacts, and an archive of its loaded classes that halves its start."""

import asyncio
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import CannotStartError
from embedded.process import Process, Program, last_lines

MANIFEST = Path(__file__).resolve().parents[2] / "kafka"
_REPOSITORY = Path(__file__).resolve().parents[4]
_FETCH_LIMIT_SECONDS = 600
_OLDEST_JAVA = 17


@dataclass(frozen=True)
class Distribution:
    """The class path of a broker and the Java that runs it."""

    java: Path
    libs: Path

    @property
    def archive(self) -> Path:
        """Holds for these jars and this Java only: another Java ignores it without a word and starts slowly."""
        runtime = self.java.resolve()
        mark = hashlib.sha256(f"{runtime} {runtime.stat().st_mtime_ns}".encode()).hexdigest()[:12]
        return self.libs / f"classes-{mark}.jsa"

    def command(self, *main: str, heap_megabytes: int, options: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The command line of a main class with its arguments."""
        # Sorted and without a wildcard: the archive demands the identical class path.
        class_path = ":".join(str(jar) for jar in sorted(self.libs.glob("*.jar")))
        return (
            str(self.java),
            "-Xms64m",
            f"-Xmx{heap_megabytes}m",
            # One core's worth of collector threads: the broker shares the machine with everything else. Both compilers: after two minutes
            # the second has made the broker's work a fifth less.
            "-XX:+UseSerialGC",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={MANIFEST / 'log4j2.properties'}",
            *options,
            "-cp",
            class_path,
            *main,
        )

    def with_archive(self) -> tuple[str, ...]:
        """The options that use the archive; none while there is none."""
        return ("-Xshare:auto", f"-XX:SharedArchiveFile={self.archive}") if self.archive.exists() else ()


def cache_folder() -> Path:
    """Where fetched things lie: inside the checkout, unless SCHAKEL_CACHE names another folder."""
    folder = Path(os.environ.get("SCHAKEL_CACHE") or _REPOSITORY / ".cache").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # The folder keeps itself out of version control, wherever it lies.
    (folder / ".gitignore").write_text("*\n")
    return folder


def find_java() -> Path:
    """The Java of JAVA_HOME, else the one on the PATH, new enough for Kafka."""
    home = os.environ.get("JAVA_HOME")
    at_home = Path(home) / "bin" / "java" if home else None
    found = str(at_home) if at_home and at_home.exists() else shutil.which("java")
    if not found:
        raise CannotStartError("Java is missing, Kafka needs it: apt-get install default-jre-headless")
    says = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr  # noqa: S603 - java itself
    version = re.search(r'version "(\d+)', says)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise CannotStartError(f"Java {_OLDEST_JAVA} or newer is missing, Kafka needs it: apt-get install default-jre-headless")
    return Path(found)


def find_maven() -> str:
    found = shutil.which("mvn")
    if not found:
        raise CannotStartError("Maven is missing, it fetches Kafka: apt-get install maven")
    return found


def libs_folder() -> Path:
    """The folder of the jars; its name changes with the manifest, so that a new version is fetched beside the old one."""
    mark = hashlib.sha256((MANIFEST / "pom.xml").read_bytes()).hexdigest()[:12]
    return cache_folder() / f"kafka-{mark}"


async def distribution(build_archive: Callable[[Distribution, Path], Awaitable[None]] | None = None) -> Distribution:
    """Kafka, fetched if it is not there yet; ``build_archive`` then writes the archive of loaded classes to the given file, once."""
    kafka = Distribution(find_java(), libs_folder())
    if kafka.libs.exists() and (build_archive is None or kafka.archive.exists()):
        return kafka
    async with _one_at_a_time(cache_folder() / "kafka.lock"):
        if not kafka.libs.exists():
            await _fetch(kafka.libs)
        if build_archive is not None and not kafka.archive.exists():
            unfinished = kafka.archive.with_suffix(".new")
            await build_archive(kafka, unfinished)
            if unfinished.exists():
                unfinished.replace(kafka.archive)
    return kafka


async def _fetch(libs: Path) -> None:
    unfinished = libs.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = (find_maven(), "-q", "-B", "-f", str(MANIFEST / "pom.xml"), "dependency:copy-dependencies")
    options = ("-DincludeScope=runtime", f"-DoutputDirectory={unfinished}")
    maven = Process(Program(name="maven", command=(*command, *options), log=libs.with_suffix(".log")))
    try:
        code = await maven.exited(_FETCH_LIMIT_SECONDS)
    except TimeoutError:
        code = 1
    finally:
        # Also when we are asked to stop meanwhile.
        maven.kill()
    if code:
        lines = last_lines(maven.program.log, 200).splitlines()
        reason = next((line.removeprefix("[ERROR] ") for line in lines if line.startswith("[ERROR]")), "no answer")
        raise CannotStartError(f"Maven could not fetch Kafka ({reason[:200]}); all that it said is in {maven.program.log}")
    # Only a whole set of jars gets the final name.
    unfinished.replace(libs)


@asynccontextmanager
async def _one_at_a_time(lock: Path) -> AsyncIterator[None]:
    """Two copies that start side by side fetch once; the lock goes with the process that holds it."""
    with lock.open("w") as file:
        async with asyncio.timeout(_FETCH_LIMIT_SECONDS + 60):
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.2)
        yield
