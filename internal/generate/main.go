// Command generate writes the generated files of the repository: fields.yml,
// docs/fields.md, the tables of docs/dashboards.md, qubesbeat.yml,
// qubesbeat.reference.yml, types.txt, fields.zlib and kibana.zip.zst. With -check it only reports which of them are out of date.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// modules are the folders below module/ in the order of the documents.
var modules = []string{"flow", "transaction", "dns", "firewall", "packets", "verify", "finding", "inventory", "summary", "top", "stats"}

func main() {
	check := flag.Bool("check", false, "change nothing; fail if a file is out of date")
	bigrams := flag.String("bigrams", "", "write the table of pairs of characters from a file of names, and nothing else")
	flag.Parse()
	if *bigrams != "" {
		if err := writeBigrams(*bigrams, "popular domains (netrack/learn, dns/plain/names.csv, Apache-2.0)"); err != nil {
			fmt.Fprintln(os.Stderr, "generate:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	libbeat, err := libbeatDir()
	if err != nil {
		return err
	}
	var faults []error
	for _, g := range []struct {
		file string
		make func(libbeat string) ([]byte, error)
	}{
		{"fields.yml", fieldsYML},
		{"docs/fields.md", fieldsDoc},
		{dashboardsFile, dashboardsDoc},
		{"qubesbeat.yml", shortConfig},
		{"qubesbeat.reference.yml", referenceConfig},
		{"module/transaction/mapping/types.txt", fieldTypes},
		{"fields.zlib", fieldsPacked},
		{"kibana.zip.zst", dashboardsPacked},
	} {
		text, err := g.make(libbeat)
		if err != nil {
			return fmt.Errorf("making %s: %w", g.file, err)
		}
		faults = append(faults, put(g.file, text, check))
	}
	return errors.Join(faults...)
}

// put writes a file unless it is up to date. With check it returns an error instead.
func put(file string, text []byte, check bool) error {
	have, err := os.ReadFile(file)
	if err == nil && bytes.Equal(have, text) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is out of date; run `go tool mage update` and commit the result", file)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	fmt.Println("generate:", file)
	return os.WriteFile(file, text, 0o644)
}

// libbeatDir returns the folder of the pinned libbeat.
func libbeatDir() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/elastic/beats/v7").Output()
	if err != nil {
		return "", fmt.Errorf("finding libbeat: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "libbeat"), nil
}
