package beat

// AllProtocols is a configuration of packetbeat's analyzers, on the ports that its own
// tests use. The baseline of packetbeat's events was made with it.
const AllProtocols = `
packetbeat.protocols:
  - {type: icmp, enabled: true}
  - {type: amqp, ports: [5672]}
  - {type: cassandra, ports: [9042]}
  - {type: dhcpv4, ports: [67, 68]}
  - {type: dns, ports: [53], include_authorities: true, include_additionals: true}
  - {type: http, ports: [80, 8080, 8000, 5000, 8002]}
  - {type: memcache, ports: [11211]}
  - {type: mysql, ports: [3306, 13001]}
  - {type: pgsql, ports: [5432]}
  - {type: redis, ports: [6379]}
  - {type: thrift, ports: [9090]}
  - {type: mongodb, ports: [27017]}
  - {type: nfs, ports: [2049]}
  - {type: tls, ports: [443, 993, 995, 5223, 8443, 8883, 9243]}
  - {type: sip, ports: [5060]}
`
