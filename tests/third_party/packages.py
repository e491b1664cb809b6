"""Published clients that nobody here wrote, each installed unmodified and pinned in an environment of its own.

`python -m tests.third_party.packages` installs what isn't there yet; a stamp makes a second run cost nothing.
The clients stay out of the project's own environment: what they drag in must not meet what we test with.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ENVIRONMENTS = ROOT / ".venv-clients"
NODE_AT_LEAST = 18
INSTALL_DEADLINE_S = 600
GET_NODE = f"get Node {NODE_AT_LEAST} or later with npm from https://nodejs.org, or `apt-get install nodejs npm`"


class Missing(Exception):
    """A tool or a package that the clients need isn't there; the text says how to get it."""


@dataclass(frozen=True, slots=True)
class Package:
    """One client. pins: the file or folder with exact versions. script: what uses the client, one capability a step."""

    name: str
    pins: Path
    script: Path
    environments: Path = ENVIRONMENTS

    @property
    def directory(self) -> Path:
        """Its environment."""
        return self.environments / self.name

    @property
    def is_node(self) -> bool:
        """Whether npm installs it, not pip."""
        return self.script.suffix == ".mjs"

    def command(self) -> list[str]:
        """How its script is started; job and result files follow. Raises Missing."""
        if not self.is_installed():
            raise Missing(f"{self.name} is not installed: run `make test-clients`")
        program = tool("node") if self.is_node else str(self.directory / "bin" / "python")
        return [program, str(self.script)]

    def is_installed(self) -> bool:
        """Whether exactly these pins are installed."""
        stamp = self.directory / "installed"
        return stamp.exists() and stamp.read_text("utf-8") == self.digest()

    def digest(self) -> str:
        """What a stamp holds: the pins and, because environments are bound to it, the interpreter."""
        files = sorted(self.pins.iterdir()) if self.pins.is_dir() else [self.pins]
        text = b"".join(file.read_bytes() for file in files) + sys.version.encode() * (not self.is_node)
        return hashlib.sha256(text).hexdigest()


PYTHON_SDK = Package("python-sdk", HERE / "pins" / "python-sdk.txt", HERE / "scripts" / "with_python_sdk.py")
DATAVERSE_API = Package(
    "dataverse-api", HERE / "pins" / "dataverse-api.txt", HERE / "scripts" / "with_dataverse_api.py"
)
DYNAMICS_WEB_API = Package(
    "dynamics-web-api", HERE / "pins" / "dynamics-web-api", HERE / "scripts" / "with_dynamics_web_api.mjs"
)
PACKAGES = (PYTHON_SDK, DATAVERSE_API, DYNAMICS_WEB_API)


def tool(name: str) -> str:
    """The path of a program. Raises Missing."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not on the PATH: {GET_NODE}")
    return found


def install(package: Package) -> None:
    """Make the environment afresh, unless exactly these pins are in it. Raises Missing."""
    if package.is_installed():
        return
    shutil.rmtree(package.directory, ignore_errors=True)
    package.directory.mkdir(parents=True)
    (_with_npm if package.is_node else _with_pip)(package)
    (package.directory / "installed").write_text(package.digest(), "utf-8")


def _with_pip(package: Package) -> None:
    _run([sys.executable, "-m", "venv", str(package.directory)])
    python = str(package.directory / "bin" / "python")
    # Of a client only what a script imports is ever compiled.
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps")
    _run([python, "-m", "pip", "install", *quiet, "-r", str(package.pins)])
    _run([python, "-m", "pip", "--disable-pip-version-check", "check"])


def _with_npm(package: Package) -> None:
    _check_node()
    for file in package.pins.iterdir():
        shutil.copy(file, package.directory)
    # `ci` installs what the lock says and checks every archive against its digest there.
    _run([tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], package.directory)


def _check_node() -> None:
    version = subprocess.run([tool("node"), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < NODE_AT_LEAST:
        raise Missing(f"node {version} is too old: {GET_NODE}")


def _run(command: Sequence[str], directory: Path = ROOT) -> None:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S, env=environment()
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise Missing(f"`{' '.join(command)}` failed; the package registry must be reachable. It said:\n{said}")


def environment(**more: str) -> dict[str, str]:
    """The variables a child process gets: the caller's without what would lead Python to the project's own packages."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, **more}


def main(packages: Sequence[Package] = PACKAGES, tell: Callable[[str], None] = print) -> int:
    """Install every client, side by side. Returns 0, or 1 and says what is missing."""
    with ThreadPoolExecutor(len(packages)) as pool:
        failures = [error for error in pool.map(_attempt, packages) if error]
    for failure in failures:
        tell(failure)
    return 1 if failures else 0


def _attempt(package: Package) -> str:
    try:
        install(package)
    except (Missing, OSError, subprocess.SubprocessError) as error:
        return f"{package.name}: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
