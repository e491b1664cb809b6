"""The clients are what their publishers published, and what is missing is told with how to get it."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.third_party import packages
from tests.third_party.packages import DATAVERSE_API, DYNAMICS_WEB_API, PACKAGES, PYTHON_SDK, Missing, Package


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_pinned_versions_are_installed(package: Package) -> None:
    assert package.is_installed(), "run `make test-clients`"


@pytest.mark.parametrize(
    ("package", "distribution"),
    [(PYTHON_SDK, "powerplatform_dataverse_client-1.1.0"), (DATAVERSE_API, "dataverse_api-1.4.3")],
)
def test_an_installed_client_is_as_its_publisher_packed_it(package: Package, distribution: str) -> None:
    (record,) = package.directory.glob(f"lib/python3*/site-packages/{distribution}.dist-info/RECORD")
    listed = csv.reader(record.read_text("utf-8").splitlines())
    files = [row for row in listed if row[1] and not row[0].startswith("..")]
    assert len(files) > 20
    changed = [name for name, digest, _ in files if _sha256(record.parent.parent / name) != digest.partition("=")[2]]
    # pip writes some files about the installation itself; code is none of them.
    assert [name for name in changed if ".dist-info/" not in name] == []


def test_the_node_client_has_the_locked_version() -> None:
    described = DYNAMICS_WEB_API.directory / "node_modules" / "dynamics-web-api" / "package.json"
    assert json.loads(described.read_text("utf-8"))["version"] == "2.5.0"
    lock = json.loads((DYNAMICS_WEB_API.pins / "package-lock.json").read_text("utf-8"))
    assert all("integrity" in each for name, each in lock["packages"].items() if name)


def test_a_missing_node_is_a_failure_that_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    told: list[str] = []
    assert packages.main((replace(DYNAMICS_WEB_API, environments=tmp_path),), told.append) == 1
    assert "node is not on the PATH" in told[0]
    assert "https://nodejs.org" in told[0]


def test_a_package_that_cannot_be_installed_is_a_failure_with_the_reason(tmp_path: Path) -> None:
    without_lock = tmp_path / "pins"
    without_lock.mkdir()
    nobody = Package("nobody", without_lock, DYNAMICS_WEB_API.script, tmp_path)
    told: list[str] = []
    assert packages.main((nobody,), told.append) == 1
    assert "npm ci" in told[0]
    assert "registry" in told[0]
    assert not nobody.is_installed()


def test_a_client_that_is_not_installed_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="make test-clients"):
        replace(PYTHON_SDK, environments=tmp_path).command()


def _sha256(file: Path) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
