// Command gen writes a capture file of artificial traffic: see package traffic.
// It prints the name of the file, which it leaves alone if it exists.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
	"github.com/qubesbeat/qubesbeat/bench/traffic"
)

func main() {
	c := &traffic.Config{}
	flag.IntVar(&c.Packets, "packets", 4_000_000, "number of `packets`")
	flag.IntVar(&c.Flows, "flows", 1000, "number of `flows`")
	flag.Uint64Var(&c.Seed, "seed", 1, "random `seed`")
	dir := flag.String("dir", "out", "`directory` for the file")
	flag.Parse()

	if err := run(c, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes the file that c describes to dir, unless it is there.
func run(c *traffic.Config, dir string) error {
	if err := c.Validate(); err != nil {
		return err
	}

	return pcapfile.Provide(os.Stdout, c.Path(dir), c.Generate)
}
