# dom0: whose traffic goes through sys-log. Never qubes behind sys-whonix.
{%- for name in salt['pillar.get']('qubesbeat:clients', []) %}

qubesbeat-netvm-{{ name }}:
  qvm.prefs:
    - name: {{ name }}
    - netvm: sys-log
{%- endfor %}
