# dom0: the qubes whose netvm becomes sys-log. Never choose qubes behind sys-whonix.
{%- for name in salt['pillar.get']('qubesbeat:clients', []) %}

qubesbeat-netvm-{{ name }}:
  qvm.prefs:
    - name: {{ name }}
    - netvm: sys-log
{%- endfor %}
