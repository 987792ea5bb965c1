# tpl-sys-log: the package, and what a minimal template needs to be a netvm.
{%- set deb = grains['os_family'] == 'Debian' %}
{%- set file = 'qubesbeat.deb' if deb else 'qubesbeat.rpm' %}

qubesbeat-networking:
  pkg.installed:
    - pkgs:
      - qubes-core-agent-networking
      - nftables

/var/cache/{{ file }}:
  file.managed:
    - source: salt://qubesbeat/{{ file }}
    - mode: '0644'

qubesbeat-package:
  cmd.run:
    - name: {{ 'dpkg --install' if deb else 'rpm --upgrade --replacepkgs' }} /var/cache/{{ file }}
    - require:
      - pkg: qubesbeat-networking
    - onchanges:
      - file: /var/cache/{{ file }}
