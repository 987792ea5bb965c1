package outputcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/elastic/beats/v7/libbeat/beat"
	"github.com/elastic/beats/v7/libbeat/esleg/eslegclient"
	conf "github.com/elastic/elastic-agent-libs/config"
)

// The privileges of the role that docs/install.md names.
var (
	clusterPrivileges = []string{"monitor", "read_ilm"}
	indexPrivileges   = []string{"auto_configure", "create_doc"}
)

// granted is Elasticsearch's answer about privileges.
type granted struct {
	Cluster map[string]bool            `json:"cluster"`
	Index   map[string]map[string]bool `json:"index"`
}

// checkPrivileges asks the server whether the user may do what the beat does. It prints
// nothing about a server without users.
func (d *driver) checkPrivileges(info beat.Info, c *conf.C, pattern string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn, err := eslegclient.NewConnectedClient(ctx, c, info.Beat, info.Logger)
	if err != nil {
		d.Fatal("privileges", err)
		return
	}
	defer func() { _ = conn.Close() }()
	status, body, err := conn.Request(http.MethodPost, "/_security/user/_has_privileges", "", nil, map[string]any{
		"cluster": clusterPrivileges,
		"index":   []map[string]any{{"names": []string{pattern}, "privileges": indexPrivileges}},
	})
	var answer granted
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		d.Info("privileges", "not known: the server has no users, or does not say")
		return
	}
	d.Fatal("privileges", answer.missing())
}

// missing returns an error that names the privileges that the user lacks.
func (g *granted) missing() error {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(g.Cluster)) {
		if !g.Cluster[name] {
			all = append(all, "cluster privilege "+name)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(g.Index)) {
		for _, name := range slices.Sorted(maps.Keys(g.Index[index])) {
			if !g.Index[index][name] {
				all = append(all, fmt.Sprintf("index privilege %s for %s", name, index))
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("missing privileges: %s", strings.Join(all, ", "))
}
