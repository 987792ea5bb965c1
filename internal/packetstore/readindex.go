package packetstore

import "errors"

// soundHead reads the head of a segment's index, and checks all of the index if Config says so.
// An index that cannot be made again is better than none.
func (s *Store) soundHead(name string) (*indexHead, error) {
	if !s.conf.thorough || isEncrypted(name) {
		return s.indexHead(indexName(name))
	}
	x, err := s.readIndex(indexName(name))
	if err != nil {
		return nil, err
	}
	return &x.indexHead, nil
}

// indexHead reads the head of an index.
func (s *Store) indexHead(name string) (*indexHead, error) {
	f, err := s.files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	x, err := openIndex(f, size)
	if err != nil {
		return nil, err
	}
	return &x.indexHead, nil
}

// wholeIndex is an index that was read and checked.
type wholeIndex struct {
	indexHead
	digest string
}

// readIndex reads an index, and checks all of it.
func (s *Store) readIndex(name string) (*wholeIndex, error) {
	f, err := s.files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := readAll(f, maxIndex)
	if err != nil {
		return nil, err
	}
	x := &wholeIndex{digest: digest(b)}
	return x, errors.Join(x.parse(b, int64(len(b))), x.check(b))
}
