package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qubesbeat/qubesbeat/internal/packetstore"
	"github.com/qubesbeat/qubesbeat/internal/report"
	"github.com/qubesbeat/qubesbeat/internal/safetext"
	"github.com/qubesbeat/qubesbeat/internal/version"
)

// pcapGet returns `pcap get`.
func pcapGet(s *pcapStore) *cobra.Command {
	var a pcapArgs
	out, limit := "", sizeFlag(1<<30)
	c := &cobra.Command{
		Use: "get -w FILE {--event FILE | --community-id ID | --qube NAME}", Args: cobra.NoArgs,
		Short: "Write the packets of an event, a flow or a qube as a pcapng file",
		Long: "Writes packets in the order of their times, as a pcapng file for Wireshark; -w - is standard output.\n" +
			"Packets of several link types go into a file each, FILE with the name of the link type before its ending.\n" +
			"What was found goes to standard error. Exit status: 0 all packets, 3 some are cut or missing, 4 none is\n" +
			"there, 1 a fault, 2 a mistake on the command line.",
		Example: "  qubesbeat pcap get --event event.json -w out.pcapng\n" +
			"  qubesbeat pcap get --community-id 1:LQU9qZlK+B5F3KDmev6m5PMibrg= -w - | tshark -r -\n" +
			"  qubesbeat pcap get --qube work --from 22:40 --to 22:50 --filter 'port 53' -w dns.pcapng",
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return printError(c, usageError(c, "pcap get: where to is not said; give -w FILE, or -w - for standard output"))
			}
			return a.find(c, s, func(r *packetstore.Reader, f *pcapFound) error {
				return f.write(c, r, out, int64(limit))
			})
		},
	}
	a.register(c, s)
	c.Flags().StringVarP(&out, "write", "w", "", "file to write; - for standard output")
	c.Flags().StringArrayVarP(&s.keys, "identity", "i", nil, "file with the private key of age that decrypts segments (packets.encrypt_to)")
	c.Flags().Var(&limit, "limit", "bytes that all files together may have")
	return c
}

// pcapKeep returns `pcap keep`.
func pcapKeep(s *pcapStore) *cobra.Command {
	var a pcapArgs
	name, note := "", ""
	c := &cobra.Command{
		Use: "keep {--event FILE | --community-id ID | --qube NAME}", Args: cobra.NoArgs,
		Short: "Copy packets into kept/, from where they are never removed",
		Long: "Takes packets as get does, and copies them into kept/ in the folder of the store. What is kept is bounded by\n" +
			"packets.kept_max_bytes, and removed by forget --kept only. The chain has a line of it, with the note.",
		RunE: func(c *cobra.Command, _ []string) error {
			if name != "" && !packetstore.IsKeptName(name) {
				return printError(c, usageError(c, "%s: --name: %q is no name of a file: letters, digits, and -_. behind the first", pcapName(c), name))
			}
			return a.find(c, s, func(r *packetstore.Reader, f *pcapFound) error {
				f.keeps = true
				if none, err := f.empty(c, r); none || err != nil {
					return err
				}
				path, done, err := f.keep(c.Context(), r, name, note, int64(s.settings().KeptMaxBytes))
				if err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), path)
				return f.judge(c, r, &done)
			})
		},
	}
	a.register(c, s)
	c.Flags().StringVar(&name, "name", "", "name of the file, without .pcapng; by default the time")
	c.Flags().StringVar(&note, "note", "", "what it is kept for")
	return c
}

// keep keeps what was found, under the time if no name was given.
func (f *pcapFound) keep(ctx context.Context, r *packetstore.Reader, name, note string, most int64) (path string, done packetstore.Copied, err error) {
	if name != "" {
		return r.Keep(ctx, f.result, name, note, most, copyOptions(0))
	}
	const tries = 100 // in one second
	now := time.Now().UTC().Format("20060102T150405Z")
	name = now
	for n := 2; n <= tries; n++ {
		path, done, err = r.Keep(ctx, f.result, name, note, most, copyOptions(0))
		if !errors.Is(err, fs.ErrExist) {
			break
		}
		name = fmt.Sprintf("%s-%d", now, n)
	}
	return path, done, err
}

func copyOptions(limit int64) packetstore.CopyOptions {
	return packetstore.CopyOptions{Program: "qubesbeat " + version.Version, Limit: limit}
}

// errEnough ends a copy that only has to show that there are packets.
var errEnough = errors.New("there are packets")

// enough is where such a copy is written to.
type enough struct{}

// Write implements [io.Writer].
func (enough) Write([]byte) (int, error) { return 0, errEnough }

// empty reports whether there is no packet to keep. If so, the error says why.
func (f *pcapFound) empty(c *cobra.Command, r *packetstore.Reader) (bool, error) {
	done, err := r.Copy(c.Context(), enough{}, f.result, copyOptions(0))
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return false, err
	case done.Packets > 0:
		return false, nil
	}
	return true, f.judge(c, r, &done)
}

// write writes what was found, and says what that is.
func (f *pcapFound) write(c *cobra.Command, r *packetstore.Reader, path string, limit int64) error {
	var sum packetstore.Copied
	if err := f.outside(c, path); err != nil {
		return err
	}
	if f.result.Segments == 0 {
		return f.judge(c, r, &sum)
	}
	links := f.result.Links()
	if path == "-" || len(links) < 2 { // standard output is one file, whose link type is that of the first packet
		done, err := f.copyTo(c, r, path, 0, limit)
		if err != nil {
			return err
		}
		return f.judge(c, r, done)
	}
	for _, link := range links {
		done, err := f.copyTo(c, r, linkPath(path, link), link, limit-sum.Bytes)
		if err != nil {
			return err
		}
		if sum.Add(done); done.Packets > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", safetext.Line(linkPath(path, link)), report.Counted(done.Packets, "packet"))
		}
		if sum.Limited {
			break
		}
	}
	return f.judge(c, r, &sum)
}

// copyTo writes the packets of a link type into a file, which is not touched if there are none.
func (f *pcapFound) copyTo(c *cobra.Command, r *packetstore.Reader, path string, link uint16, limit int64) (_ *packetstore.Copied, err error) {
	var done packetstore.Copied
	var out io.Writer = os.Stdout // as it is: it is not text
	if path != "-" {
		if err := f.outside(c, path); err != nil {
			return &done, err
		}
		file, err := createOut(path)
		if err != nil {
			return &done, err
		}
		defer func() { err = errors.Join(err, file.finish(err == nil && done.Packets > 0)) }()
		out = file
	}
	o := copyOptions(limit)
	o.Link = link
	done, err = r.Copy(c.Context(), out, f.result, o)
	return &done, err
}

// linkPath returns the path of the file for a link type.
func linkPath(path string, link uint16) string {
	name := map[uint16]string{1: "ethernet", 101: "ip", 228: "ip", 229: "ip", 113: "cooked", 276: "cooked"}[link]
	if name == "" {
		name = fmt.Sprint("link", link)
	}
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-" + name + ext
}

// judge says what was written, and returns an error with an exit status if that is not all.
func (f *pcapFound) judge(c *cobra.Command, r *packetstore.Reader, done *packetstore.Copied) error {
	talk := c.ErrOrStderr()
	for _, err := range done.Damaged {
		fmt.Fprintf(talk, "qubesbeat: %s\n", safetext.Line(err.Error()))
	}
	fmt.Fprintln(talk, f.sum(done))
	if n := uint64(len(done.Locked)); n > 0 {
		return fmt.Errorf("%s cannot be decrypted; copy each file, with its .idx, to where the private key is, and run there: pcap get --dir COPY -i KEY",
			report.Counted(n, "segment"))
	}
	if done.Packets == 0 && !f.doubtful(done) {
		return withExit(exitNone, fmt.Errorf("%s: %s", pcapName(c), f.gone(r)))
	}
	if text := f.lacking(r, done); text != "" {
		return withExit(exitSome, fmt.Errorf("%s: %s", pcapName(c), text))
	}
	return nil
}
