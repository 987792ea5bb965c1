#!/bin/sh
# Makes the user, and enables a unit that starts only where dom0 says so. Nothing
# is started here: this may be a template.
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
if command -v systemctl >/dev/null; then
	systemctl --no-reload preset qubesbeat.service
fi
