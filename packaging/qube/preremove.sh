#!/bin/sh
# On an upgrade nothing is removed: deb passes "upgrade", rpm the number of versions left.
set -e
case "$1" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now qubesbeat-archive.timer qubesbeat.service
elif command -v systemctl >/dev/null; then
	systemctl disable qubesbeat-archive.timer qubesbeat.service
fi
# Remove the rules, unless this is a template, which has none.
if [ -e /run/qubes-service/qubesbeat ]; then
	/usr/bin/qubesbeat qubes undo || echo "qubesbeat: some nft rules may remain; see: nft list ruleset" >&2
fi
