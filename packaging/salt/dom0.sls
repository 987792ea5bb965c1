# dom0: the script that pushes the inventory, one way, and that which has qubes send probes.
/usr/local/bin/qubesbeat-inventory:
  file.managed:
    - source: salt://qubesbeat/qubesbeat-inventory
    - mode: '0755'
    - user: root
    - group: root

# Sends nothing until it is run, by a person.
/usr/local/bin/qubesbeat-probe:
  file.managed:
    - source: salt://qubesbeat/qubesbeat-probe
    - mode: '0755'
    - user: root
    - group: root

/etc/systemd/system/qubesbeat-inventory.service:
  file.managed:
    - source: salt://qubesbeat/qubesbeat-inventory.service
    - mode: '0644'

/etc/qubes/policy.d/30-qubesbeat.policy:
  file.managed:
    - source: salt://qubesbeat/30-qubesbeat.policy
    - mode: '0664'
    - group: qubes

qubesbeat-inventory:
  service.running:
    - enable: true
    - watch:
      - file: /usr/local/bin/qubesbeat-inventory
      - file: /etc/systemd/system/qubesbeat-inventory.service
