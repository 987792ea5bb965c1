# dom0: the script that pushes the inventory, one way.
/usr/local/bin/qubesbeat-inventory:
  file.managed:
    - source: salt://qubesbeat/qubesbeat-inventory
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
