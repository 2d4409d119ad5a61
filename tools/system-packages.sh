#!/usr/bin/env bash
# Installs the programs that the tests drive and that are missing here: with apt-get when run as root, and says so;
# otherwise it stops with the command that a person has to run.
set -euo pipefail

missing=()
need() { # need PACKAGE CHECK...: the package is wanted when the check fails
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
chinese_font() { fc-list :lang=zh-cn family | grep -q .; }
postgresql_server() { command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb'; }

need sip-tester command -v sipp
need ffmpeg command -v ffmpeg
need chromium command -v chromium
need fontconfig command -v fc-list
need fonts-wqy-zenhei chinese_font
need postgresql postgresql_server

[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "The tests need these Debian packages or their like, and there is no apt-get here: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "The tests need programs that are missing here. Run this, then try again:" >&2
  echo "  sudo apt-get update && sudo $install" >&2
  exit 1
fi
echo "Installing system packages for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
$install -qq >/dev/null </dev/null
