# dom0: the template and the qube.
{%- set base = salt['pillar.get']('qubesbeat:base', 'debian-13-minimal') %}

tpl-sys-log:
  qvm.clone:
    - source: {{ base }}

sys-log:
  qvm.vm:
    - require:
      - qvm: tpl-sys-log
    - present:
      - template: tpl-sys-log
      - label: orange
    - prefs:
      - template: tpl-sys-log
      - label: orange
      - netvm: {{ salt['pillar.get']('qubesbeat:netvm', 'sys-firewall') }}
      - provides-network: true
      - memory: {{ salt['pillar.get']('qubesbeat:memory', 400) }}
      - maxmem: {{ salt['pillar.get']('qubesbeat:maxmem', 800) }}
      - vcpus: 1
      - autostart: true
    - features:
      - enable:
        - servicevm
        - service.qubesbeat
