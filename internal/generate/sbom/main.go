// Command sbom writes the software bill of materials of a Go program: a CycloneDX
// document with every module that was linked into it, read from the program itself.
//
//	go run ./internal/generate/sbom -o build/qubesbeat.cdx.json build/qubesbeat
package main

import (
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"

	"github.com/qubesbeat/qubesbeat/internal/version"
)

func main() {
	out := flag.String("o", "/dev/stdout", "file to write")
	flag.Parse()
	if err := run(flag.Args(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, out string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: sbom [-o FILE] PROGRAM")
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	doc, err := encode(info, version.Version)
	if err != nil {
		return err
	}
	return os.WriteFile(out, doc, 0o644)
}
