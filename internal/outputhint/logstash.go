package outputhint

// logstashRows are how the Lumberjack protocol ends.
var logstashRows = []row{
	{"HTTP", []string{"logstash"}, []string{"an http server answers"},
		"an HTTP server, such as Elasticsearch, listens at this port, and no Logstash input for beats",
		"check the port in OUTPUT.hosts, 5044 by default; for Elasticsearch use output.elasticsearch"},
	{"protocol", []string{"logstash"}, []string{"lumberjack protocol error"},
		"what listens at this port does not speak Logstash's protocol, or speaks it through TLS",
		"check the port in OUTPUT.hosts, and OUTPUT.ssl"},
	{"not connected", []string{"logstash"}, []string{"client is not connected"},
		"the server has closed the connection: it wants TLS or a client certificate, or is no Logstash input for beats",
		"check OUTPUT.ssl and the port in OUTPUT.hosts"},
}
