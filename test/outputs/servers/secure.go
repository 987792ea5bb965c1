package servers

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/qubesbeat/qubesbeat/internal/testbed/pki"
)

// Password is that of all users of a server.
const Password = "right-password"

// passwordHash is the bcrypt hash of Password.
const passwordHash = "$2a$04$YlnW8Thf91zI0j1KBJg8f.kPiGmdSfQ5H33m39cl3/vM0PBVfStMK"

// Users of a node with users.
const (
	// Admin may do everything.
	Admin = "admin"
	// Writer has the role that docs/shipping.md names.
	Writer = "writer"
	// Narrow may write documents, and not add fields to the index.
	Narrow = "narrow"
	// Powerless has no privilege.
	Powerless = "powerless"
)

// roles are the roles of the users, in the form of roles.yml.
const roles = `writer: {cluster: [monitor, read_ilm], indices: [{names: ["qubesbeat-*"], privileges: [auto_configure, create_doc]}]}
narrow: {cluster: [monitor], indices: [{names: ["qubesbeat-*"], privileges: [create_doc]}]}
powerless: {cluster: []}
`

// StartSecureElasticsearch starts a node with users, and a certificate of an authority.
// clientAuth is what the node wants of clients: "none", "optional" or "required".
func StartSecureElasticsearch(tb testing.TB, ca *pki.Authority, clientAuth string) *Elasticsearch {
	tb.Helper()
	Require(tb)
	home := tb.TempDir()
	config := filepath.Join(home, "config")
	if err := os.Mkdir(config, 0o700); err != nil {
		tb.Fatal(err)
	}
	users, usersRoles := "", ""
	for _, name := range []string{Admin, Writer, Narrow, Powerless} {
		users += name + ":" + passwordHash + "\n"
		role := name
		if name == Admin {
			role = "superuser"
		}
		usersRoles += role + ":" + name + "\n"
	}
	server := ca.Server(tb)
	for name, text := range map[string]string{"users": users, "users_roles": usersRoles, "roles.yml": roles,
		"server.crt": read(tb, server.Certificate), "server.key": read(tb, server.Key), "ca.crt": read(tb, ca.CA)} {
		if err := os.WriteFile(filepath.Join(config, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	e := &Elasticsearch{Client: &http.Client{Transport: asAdmin{&http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: ca.Pool(), Certificates: []tls.Certificate{ca.Client(tb).TLS}}}}}}
	e.prepare(tb, "https", home, "", []string{"plugin=org.elasticsearch.xpack.security.SecurityWithoutSingleSignOn", "xpack.security.enabled=true",
		"http.type=security4", "transport.type=security4", "xpack.security.transport.ssl.enabled=false", "xpack.security.http.ssl.enabled=true",
		"xpack.security.http.ssl.key=server.key", "xpack.security.http.ssl.certificate=server.crt",
		"xpack.security.http.ssl.certificate_authorities=ca.crt", "xpack.security.http.ssl.client_authentication=" + clientAuth})
	// The node makes its license after it first answers, and a beat asks for that.
	e.ready = func() bool { return e.answers() && e.has("/_license") }
	e.Start(tb)
	return e
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// asAdmin sends requests as the user Admin.
type asAdmin struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (a asAdmin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth(Admin, Password)
	return a.RoundTripper.RoundTrip(r)
}
