package textmark

import "bytes"

// magics are the beginnings of files of other kinds.
var magics = []struct{ magic, kind string }{
	{"%PDF-", "it is a PDF document"}, {"PK\x03\x04", "it is a zip archive; unpack it"}, {"\x1f\x8b", "it is compressed with gzip; unpack it"},
	{"BZh", "it is compressed with bzip2; unpack it"}, {"\xfd7zXZ", "it is compressed with xz; unpack it"},
	{"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it"}, {"7z\xbc\xaf", "it is a 7z archive; unpack it"}, {"{\\rtf", "it is an RTF document"},
}

// inUTF16 is the kind of a text in UTF-16, with a mark or without.
const inUTF16 = "the text is in UTF-16; save it as UTF-8"

// Kind says what a file that begins with head is, and what to do, if it is no text in
// UTF-8. It returns "" if it may be one.
func Kind(head []byte) string {
	if IsUTF16(head) {
		return inUTF16
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	i := bytes.IndexByte(head, 0)
	switch {
	case i < 0:
		return ""
	case i < 4 && bytes.Count(head, []byte{0}) >= len(head)/3:
		return inUTF16
	}
	return "it is a binary file"
}
