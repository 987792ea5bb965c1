# dom0: the qube that keeps the archive, without a network, and who may reach it.
{%- set vault = salt['pillar.get']('qubesbeat:archive', 'vault-log') %}

{{ vault }}:
  qvm.vm:
    - present:
      - template: tpl-sys-log
      - label: black
    - prefs:
      - template: tpl-sys-log
      - label: black
      - netvm: ""
      - memory: 300
      - maxmem: 800
      - vcpus: 1
      - autostart: false
      - include-in-backups: true

# Before 30-qubesbeat.policy, which denies it to all others.
/etc/qubes/policy.d/29-qubesbeat-archive.policy:
  file.managed:
    - contents: |
        qubesbeat.Archive  *  sys-log  @default  allow target={{ vault }}
    - mode: '0664'
    - group: qubes

qubesbeat-archive-service:
  qvm.service:
    - name: sys-log
    - enable:
      - qubesbeat-archive
