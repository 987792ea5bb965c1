// Command mix merges captures of real traffic into one file: see package
// mixture. It prints the name of the file, which it leaves alone if it exists.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/qubesbeat/qubesbeat/bench/mixture"
	"github.com/qubesbeat/qubesbeat/bench/pcapfile"
)

func main() {
	c := &mixture.Config{}
	flag.StringVar(&c.Root, "captures", mixture.DefaultCaptures("."), "`directory` of the captures")
	flag.IntVar(&c.MinPackets, "packets", 2_000_000, "least number of `packets`")
	dir := flag.String("dir", "out", "`directory` for the file")
	flag.Parse()

	if err := run(c, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "mix:", err)
		os.Exit(1)
	}
}

// run writes the file that c describes to dir, unless it is there. Absent
// captures are no error, since they do not belong to the repository.
func run(c *mixture.Config, dir string) error {
	if _, err := os.Stat(c.Root); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "mix: skipped: no captures at", c.Root)

		return nil
	}

	return pcapfile.Provide(os.Stdout, c.Path(dir), c.Generate)
}
