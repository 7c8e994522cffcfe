#!/usr/bin/env bash
# What the tests of the docker backend need on a Debian machine without a Docker engine: the engine's program and
# debootstrap, which makes an image without a registry. The tests start the engine themselves; without these packages
# they are skipped.
set -euo pipefail
if command -v dockerd >/dev/null && command -v debootstrap >/dev/null; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Not installed: docker.io debootstrap (tests of the docker backend are skipped without an engine)"
  exit 0
fi
mkdir -p build
echo "Installing system packages: docker.io debootstrap"
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io debootstrap; } \
  >build/apt-engine.log 2>&1 || echo "warning: could not install them (log: build/apt-engine.log)"
