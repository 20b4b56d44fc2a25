"""The clients, their installation, and their versions."""

import os
import pathlib
import subprocess
import tomllib
import json

BENCH = pathlib.Path(__file__).resolve().parent.parent
TARGET = BENCH / "target"
PYTHON = TARGET / "python"

# Name, transports, command.
PEERS = {
    "ours": (["websocket", "polling", "upgrade"], [TARGET / "release/ours"]),
    "raw": (["websocket"], [TARGET / "release/raw"]),
    "rust_engineio": (["websocket", "polling", "upgrade"], [TARGET / "release/bench-rust_engineio"]),
    "engine.io-client": (["websocket", "polling", "upgrade"], ["node", BENCH / "engine.io-client/driver.cjs"]),
    "python-engineio": (["websocket", "polling", "upgrade"],
                        [PYTHON / "bin/python", BENCH / "python-engineio/driver.py"]),
}
SERVER = TARGET / "release/server"


def install(names):
    """Builds the server and these clients."""
    env = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
    cargo = ["cargo", "build", "--locked", "--release"]
    run(cargo, env=env)
    if "rust_engineio" in names:
        run([*cargo, "--package", "bench-rust_engineio"], env=env)
    if "engine.io-client" in names:
        run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=BENCH / "engine.io-client")
    if "python-engineio" in names and not installed_python():
        run(["python3", "-m", "venv", "--clear", PYTHON])
        run([PYTHON / "bin/pip", "install", "--quiet", "--no-deps", "--requirement", requirements()])
        (PYTHON / "requirements.txt").write_text(requirements().read_text())


def run(command, cwd=BENCH, env=None):
    subprocess.run(command, cwd=cwd, env=env, check=True)


def requirements():
    return BENCH / "python-engineio/requirements.txt"


def installed_python():
    installed = PYTHON / "requirements.txt"
    return installed.exists() and installed.read_text() == requirements().read_text()


def versions(names):
    packages = tomllib.loads((BENCH / "Cargo.lock").read_text())["package"]
    crates = {package["name"]: package["version"] for package in packages}
    node = json.loads((BENCH / "engine.io-client/package.json").read_text())["dependencies"]
    python = dict(line.split("==") for line in requirements().read_text().splitlines() if "==" in line)
    found = {
        "ours": f"actix-engineio {crates['actix-engineio']}",
        "raw": f"tokio-tungstenite {crates['tokio-tungstenite']}, Engine.IO by hand",
        "rust_engineio": f"rust_engineio {crates['rust_engineio']}",
        "engine.io-client": f"engine.io-client {node['engine.io-client']}, Node {said(['node', '--version'])}",
        "python-engineio": f"python-engineio {python['python-engineio']}, "
                           f"{said([PYTHON / 'bin/python', '--version'])}",
    }
    return {name: found[name] for name in names if name in found} | {"rustc": said(["rustc", "--version"])}


def said(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "?"
