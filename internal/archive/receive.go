package archive

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
)

// Receive stores the files that a sender offers until the stream ends. Errors are about
// the transfer or the archive's disk; what was stored stays.
func Receive(conf Config, r io.Reader, w io.Writer, log *slog.Logger) error {
	s := newStream(r, w)
	if word, rest, err := s.hear(); err != nil || word+" "+rest != opening {
		return errors.Join(errors.New("the sender does not speak this version of the protocol"), err)
	}
	store, err := Open(conf)
	if errors.Is(err, ErrBusy) {
		return errors.Join(err, s.say("busy"))
	}
	if err != nil {
		return errors.Join(err, s.say("full the archive cannot be opened"))
	}
	defer store.Close()
	files, head := store.Head()
	if err := s.say("ready %d %s", files, head); err != nil {
		return err
	}
	for {
		if err := receiveFile(store, s, log); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// offer is a file that the sender has.
type offer struct {
	name   string
	size   int64
	digest string
}

func parseOffer(word, rest string) (o offer, err error) {
	part := strings.Split(rest, " ")
	if word != "file" || len(part) != 3 {
		return o, errMessage
	}
	sum, err := hex.DecodeString(part[2])
	if err != nil || len(sum) != 32 {
		return o, errMessage
	}
	size, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return o, errMessage
	}
	return offer{part[0], size, hex.EncodeToString(sum)}, nil
}

// receiveFile answers one offer. It returns io.EOF if there is none.
func receiveFile(store *Store, s *stream, log *slog.Logger) error {
	word, rest, err := s.hear()
	if err != nil {
		return err
	}
	o, err := parseOffer(word, rest)
	if err != nil {
		return err
	}
	if number := store.Has(o.digest); number > 0 {
		return s.say("have %d", number)
	}
	if err := store.Admit(o.name, o.size); err != nil {
		return decline(s, &o, err, log)
	}
	if err := s.say("send"); err != nil {
		return err
	}
	e, err := store.Add(o.name, o.size, o.digest, s.in)
	if err != nil {
		return decline(s, &o, err, log)
	}
	log.Info("a file is archived", "name", e.Name, "number", e.Number, "events", e.Events,
		"duplicates", e.Duplicates, "conflicts", e.Conflicts, "refused", e.Refused)
	return s.say("stored %d %d %d %d %d %s", e.Number, e.Events, e.Duplicates, e.Conflicts, e.Refused, e.Hash)
}

// decline tells the sender why a file is not stored. It returns an error if the transfer
// cannot go on.
func decline(s *stream, o *offer, cause error, log *slog.Logger) error {
	log.Warn("a file is not archived", "name", o.name, "bytes", o.size, "reason", cause)
	var refused *RefusedError
	switch {
	case errors.As(cause, &refused):
		return s.say("refused %s", printable(refused.Reason))
	case errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(cause, ErrChanged):
		return fmt.Errorf("receiving %s: %w", o.name, cause)
	}
	return errors.Join(cause, s.say("full %s", printable(strings.TrimPrefix(cause.Error(), "archive: "))))
}

// printable returns a text as the protocol can carry it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
