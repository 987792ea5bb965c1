package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// SendConfig holds the settings of [Send].
type SendConfig struct {
	Dir      string       // folder with complete files of events
	Receipts string       // file that remembers what was acknowledged, in a folder of its own or in Dir
	Delete   bool         // delete a file once the archive has acknowledged it
	Logger   *slog.Logger // required
}

// Sent counts what [Send] did.
type Sent struct {
	Stored  int // files that the archive has stored now
	Known   int // files that it had
	Refused int // files that it will not have, now or earlier
	Deleted int // files that were deleted here

	Events, Duplicates, Conflicts, Lines int // of the files that were stored; Lines are those that are no events
}

// ErrWait means that the archive cannot take files now.
var ErrWait = errors.New("archive: it cannot take files now")

// Send offers the complete files of a folder to an archive, oldest first. It returns
// after the last one, or at the first error: files without an acknowledgement are
// offered again the next time, and are never deleted.
func Send(conf SendConfig, r io.Reader, w io.Writer) (Sent, error) {
	s := sender{conf: conf, stream: newStream(r, w)}
	err := s.send()
	return s.sent, err
}

// sender is the state of [Send].
type sender struct {
	conf     SendConfig
	stream   *stream
	receipts *receipts
	sent     Sent
}

func (s *sender) send() (err error) {
	if s.receipts, err = loadReceipts(s.conf.Receipts); err != nil {
		return err
	}
	files, err := complete(s.conf.Dir)
	if err != nil {
		return err
	}
	if err := s.greet(); err != nil {
		return err
	}
	s.receipts.forget(files)
	for i := range files {
		if err := s.file(&files[i]); err != nil {
			return fmt.Errorf("archiving %s: %w", files[i].name, err)
		}
	}
	return nil
}

// greet begins the transfer.
func (s *sender) greet() error {
	if err := s.stream.say(opening); err != nil {
		return err
	}
	word, rest, err := s.stream.hear()
	if err != nil {
		return fmt.Errorf("waiting for the archive: %w", noEnd(err))
	}
	if word == "busy" {
		return fmt.Errorf("%w: another transfer is under way", ErrWait)
	}
	var files int
	var hash string
	if _, err := fmt.Sscanf(word+" "+rest, "ready %d %s", &files, &hash); err != nil {
		return answerError(word, rest)
	}
	if files < s.receipts.Files || files == s.receipts.Files && s.receipts.Hash != "" && hash != s.receipts.Hash {
		s.conf.Logger.Error("the archive is not the one of the last transfer: it has lost or changed files, or is a new one",
			"files", files, "hash", hash, "then", s.receipts.Files, "hash_then", s.receipts.Hash)
		s.receipts.Known = map[string]receipt{} // ask it about every file
	}
	s.receipts.Files, s.receipts.Hash = files, hash
	return nil
}

// file offers a file, unless the answer is known.
func (s *sender) file(l *local) error {
	known, ok := s.receipts.of(l)
	if !ok {
		var err error
		if known, err = s.offer(l); err != nil {
			return err
		}
		s.receipts.Known[l.name] = known
		if err := s.receipts.save(s.conf.Receipts); err != nil {
			return err
		}
	} else if known.Refused == "" {
		s.sent.Known++
	}
	if known.Refused != "" {
		s.sent.Refused++
		s.conf.Logger.Error("the archive refuses a file, which stays here", "file", l.path, "reason", known.Refused)
		return nil
	}
	return s.discard(l)
}

// discard deletes a file that is archived, if that is wanted.
func (s *sender) discard(l *local) error {
	if !s.conf.Delete {
		return nil
	}
	if err := os.Remove(l.path); err != nil {
		return err
	}
	s.sent.Deleted++
	return nil
}

// offer offers a file and returns the answer.
func (s *sender) offer(l *local) (receipt, error) {
	f, digest, err := l.open()
	if err != nil {
		return receipt{}, err
	}
	defer f.Close()
	if err := s.stream.say("file %s %d %s", l.name, l.size, digest); err != nil {
		return receipt{}, err
	}
	r := receipt{Bytes: l.size, Modified: l.modified}
	word, rest, err := s.stream.hear()
	if err != nil {
		return r, noEnd(err)
	}
	switch word {
	case "send":
		return r, s.transfer(f, &r)
	case "have":
		if _, err := fmt.Sscanf(rest, "%d", &r.Number); err != nil || r.Number < 1 {
			return r, answerError(word, rest)
		}
		s.sent.Known++
		return r, nil
	case "refused":
		r.Refused = cmp.Or(rest, "it does not say why")
		return r, nil
	}
	return r, answerError(word, rest)
}

// transfer sends the bytes of a file and reads the acknowledgement.
func (s *sender) transfer(f io.Reader, r *receipt) error {
	if n, err := io.Copy(s.stream.out, io.LimitReader(f, r.Bytes)); err != nil || n != r.Bytes {
		return errors.Join(fmt.Errorf("%d of %d bytes were sent", n, r.Bytes), err)
	}
	word, rest, err := s.stream.hear()
	if err != nil {
		return noEnd(err)
	}
	if word == "refused" {
		r.Refused = cmp.Or(rest, "it does not say why")
		return nil
	}
	var events, duplicates, conflicts, lines int
	var hash string
	if _, err := fmt.Sscanf(word+" "+rest, "stored %d %d %d %d %d %s", &r.Number, &events, &duplicates, &conflicts, &lines, &hash); err != nil || r.Number < 1 {
		return answerError(word, rest)
	}
	s.sent.Stored++
	s.sent.Events += events
	s.sent.Duplicates += duplicates
	s.sent.Conflicts += conflicts
	s.sent.Lines += lines
	s.receipts.Files, s.receipts.Hash = r.Number, hash
	return nil
}

// answerError returns an error for an answer that is not what was hoped for.
func answerError(word, rest string) error {
	if word == "full" {
		return fmt.Errorf("%w: %s", ErrWait, rest)
	}
	return fmt.Errorf("%w: %.80q", errMessage, strings.TrimSpace(word+" "+rest))
}

// noEnd returns an error for a stream that ended too soon.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the archive ended the transfer; its log says why")
	}
	return err
}
