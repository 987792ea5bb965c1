#!/bin/sh
# On an upgrade nothing is removed: deb says "upgrade", rpm the number that stays.
set -e
case "$1" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now qubesbeat.service
elif command -v systemctl >/dev/null; then
	systemctl disable qubesbeat.service
fi
# The rules are taken away where they are; a template has none.
if [ -e /run/qubes-service/qubesbeat ]; then
	/usr/bin/qubesbeat qubes undo || echo "qubesbeat: its nft rules may be left; see: nft list ruleset" >&2
fi
