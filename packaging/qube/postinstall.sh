#!/bin/sh
# Creates the user, and enables units that start only if dom0 enables their service.
# Nothing is started here: this may be a template.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers qubesbeat.conf
elif ! getent passwd qubesbeat >/dev/null; then
	useradd --system --home-dir /var/lib/qubesbeat --shell /usr/sbin/nologin qubesbeat
fi
chown root:qubesbeat /etc/qubesbeat/qubesbeat.yml
chmod 0640 /etc/qubesbeat/qubesbeat.yml
chown qubesbeat:qubesbeat /var/lib/qubesbeat
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
# Only at the first installation, so that a unit that was disabled stays disabled: rpm
# passes 1, deb passes no previous version.
if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "$2" ]; }; then
	if command -v systemctl >/dev/null; then
		systemctl --no-reload preset qubesbeat.service qubesbeat-archive.timer
	fi
fi
