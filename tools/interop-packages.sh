#!/usr/bin/env bash
# Installs the real programs that the interoperation tests talk to (Kamailio, baresip, linphone, SIPp) and that are
# missing here: with apt-get when run as root, and says so; otherwise it stops with the command that a person has to run.
set -euo pipefail

missing=()
need() { # need PACKAGE COMMAND: the package is wanted when the command is not there
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$2" >/dev/null 2>&1 || missing+=("$1")
}
need kamailio kamailio
need linphone-cli linphonec
need baresip-core baresip
need sip-tester sipp

[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "The interoperation tests need these Debian packages or their like, and there is no apt-get here: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "The interoperation tests need programs that are missing here. Run this, then try again:" >&2
  echo "  sudo apt-get update && sudo $install" >&2
  exit 1
fi
echo "Installing system packages for the interoperation tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Nobody wants a proxy that starts by itself on a developer's machine.
RUNLEVEL=1 $install -qq >/dev/null </dev/null
