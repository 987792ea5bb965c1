package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Entry is one line of the manifest: a file that was archived.
type Entry struct {
	Number   int       `json:"number"`   // from 1, without gaps
	File     string    `json:"file"`     // in the folder of the sender
	Name     string    `json:"name"`     // that the sender gave it
	Received time.Time `json:"received"` // by the clock of the archive
	Sent     Content   `json:"sent"`
	Stored   Content   `json:"stored"` // compressed
	Events   int       `json:"events"` // that are stored

	// Lines that were sent and are not stored: events that were there already, others
	// with the id of one that was there, and what is no event.
	Duplicates int `json:"duplicates"`
	Conflicts  int `json:"conflicts"`
	Refused    int `json:"refused"`

	First    time.Time `json:"first"` // the earliest and the latest time of an event
	Last     time.Time `json:"last"`
	Previous string    `json:"previous"` // Hash of the entry before
	Hash     string    `json:"hash"`     // SHA-256, in hexadecimal, of this entry without Hash
}

// Content describes the bytes of a file.
type Content struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// origin is the Previous of a sender's first entry.
func origin(sender string) string { return digestOf([]byte("qubesbeat archive of " + sender)) }

// digestOf returns a SHA-256 in hexadecimal.
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// seal sets the Hash.
func (e *Entry) seal() error {
	hash, err := e.hash()
	e.Hash = hash
	return err
}

func (e *Entry) hash() (string, error) {
	plain := *e
	plain.Hash = ""
	b, err := json.Marshal(plain)
	return digestOf(b), err
}

// follows returns an error if e is not what comes after the entry with a hash.
func (e *Entry) follows(number int, hash string) error {
	own, err := e.hash()
	switch {
	case err != nil:
		return err
	case e.Number != number+1:
		return fmt.Errorf("entry %d comes after entry %d", e.Number, number)
	case e.Previous != hash:
		return errors.New("the entry before was changed")
	case e.Hash != own:
		return errors.New("the entry was changed")
	case e.File != fileName(e.Number, e.Name):
		return fmt.Errorf("%q is not the name of its file", e.File)
	}
	return nil
}
