#!/usr/bin/env bash
# Makes .venv from the pinned lists, or leaves it alone when it already matches them.
#
#   requirements/install.sh [cpu|gpu]      PYTHON=python3.12 requirements/install.sh cpu
#
# The stamp in .venv is written last, so that an interrupted installation is begun anew. It has two lines:
# the pins (with the Python they were installed for), which rebuild everything when they change, and
# pyproject.toml, which only needs the editable install again. pip is used as it is set up here
# (PIP_* variables, pip.conf); what it says goes to build/install.log and is shown only on failure.
set -euo pipefail
cd "$(dirname "$0")/.."

device=${1:-cpu}
python=${PYTHON:-python3}
venv=.venv
stamp=$venv/.ponder-stamp
log=build/install.log
pins="requirements/$device.txt requirements/dev.txt"

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

[ -f "requirements/$device.txt" ] || die "no such list: requirements/$device.txt (cpu or gpu)"
command -v "$python" >/dev/null || die "$python is not installed; Ponder needs Python 3.11 or newer
  (choose one with: make PYTHON=/path/to/python3.11)"

# Is there anything to do? ---------------------------------------------------------------------------------

# shellcheck disable=SC2086
wanted=$("$python" - pyproject.toml $pins <<'PYTHON'
import hashlib, sys
if sys.version_info < (3, 11):
    sys.exit(f"error: Python {sys.version.split()[0]} is too old; Ponder needs 3.11 or newer\n"
             "  (choose one with: make PYTHON=/path/to/python3.11)")
project, *lists = [open(path).read() for path in sys.argv[1:]]
pins = [line for text in lists for line in text.splitlines() if line and not line.startswith("#")]
for what in ("\n".join([sys.version, sys.base_prefix, *pins]), project):
    print(hashlib.sha256(what.encode()).hexdigest())
PYTHON
)
want_pins=${wanted%%$'\n'*}
want_project=${wanted##*$'\n'}
have_pins=""
have_project=""
if [ -f "$stamp" ] && "$venv/bin/python" -c '' 2>/dev/null; then
  { read -r have_pins; read -r have_project; } <"$stamp" || true
fi
if [ "$have_pins" = "$want_pins" ] && [ "$have_project" = "$want_project" ]; then
  exit 0
fi

# What has to be here already ------------------------------------------------------------------------------

mkdir -p build
"$python" -c 'import ensurepip, venv' 2>/dev/null || die "$python cannot make virtual environments
  (on Debian or Ubuntu: sudo apt-get install python3-venv)"
compiler=${CXX:-c++}
command -v "${compiler%% *}" >/dev/null || die "no C++ compiler ($compiler); DeepSpeed and torch build small extensions
  (on Debian or Ubuntu: sudo apt-get install g++; or name yours in CXX)"
"$python" -c 'import os, sysconfig; sys_include = sysconfig.get_path("include"); os.stat(sys_include + "/Python.h")' \
  2>/dev/null || die "the C headers of $python are missing
  (on Debian or Ubuntu: sudo apt-get install python3-dev)"

# System packages that help, but are not needed to run -----------------------------------------------------

missing=""
if command -v dpkg-query >/dev/null; then
  for package in libtcmalloc-minimal4 bubblewrap; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
else
  ldconfig -p 2>/dev/null | grep -q libtcmalloc || missing="$missing tcmalloc"
  command -v bwrap >/dev/null || missing="$missing bubblewrap"
fi
if [ -n "$missing" ]; then
  why="tcmalloc: faster generation on CPU; bubblewrap: the sandbox for generated programs"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing system packages:$missing"
    # shellcheck disable=SC2086
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
      >build/apt.log 2>&1 || say "warning: could not install$missing (log: build/apt.log). Ponder runs without ($why)."
  else
    say "Not installed:$missing ($why). To install them:"
    say "  sudo apt-get install$missing      (or your system's packages of these names)"
  fi
fi

# The virtual environment ----------------------------------------------------------------------------------

: >"$log"
pip() {
  "$venv/bin/python" -m pip "$@" >>"$log" 2>&1 && return
  tail -n 25 "$log" >&2
  if grep -q 'No matching distribution found for torch==' "$log"; then
    die "pip does not find torch's CPU build. It is not on PyPI but on PyTorch's own index of CPU wheels:
  put that index's address (see \"Get Started\" on PyTorch's site; Linux, Pip, CPU) into PIP_EXTRA_INDEX_URL and run again."
  fi
  die "the installation failed; everything pip said is in $log. Run the same command again to begin anew."
}

if [ "$have_pins" != "$want_pins" ]; then
  if [ -n "$have_pins" ]; then reason="the pins or the Python changed"
  elif [ -e "$venv" ]; then reason="the one here is not complete"
  else reason="there is none yet"; fi
  say "Installing into $venv ($reason): about 4 GB for cpu, more for gpu; 3-5 minutes. Log: $log"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  # shellcheck disable=SC2086
  cat $pins | grep -E '^[A-Za-z0-9]' >build/pins.txt
  grep -E '^(setuptools|wheel)==' build/pins.txt >build/pins-first.txt
  # DeepSpeed's build asks torch what to build, so it comes after; it then compiles the few
  # operators it needs on first use (DS_BUILD_OPS=0: none now).
  grep -E '^deepspeed==' build/pins.txt >build/pins-last.txt
  grep -vE '^(setuptools|wheel|deepspeed)==' build/pins.txt >build/pins-main.txt
  pip install --no-deps -r build/pins-first.txt
  pip install --no-deps --no-build-isolation -r build/pins-main.txt
  DS_BUILD_OPS=0 pip install --no-deps --no-build-isolation -r build/pins-last.txt
fi
rm -f "$stamp"
pip install --no-deps --no-build-isolation -e .
printf '%s\n%s\n' "$want_pins" "$want_project" >"$stamp.part"
mv "$stamp.part" "$stamp"
say "Installed: $venv/bin/ponder"
