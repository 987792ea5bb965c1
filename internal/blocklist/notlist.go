package blocklist

import "github.com/qubesbeat/qubesbeat/internal/textmark"

// headSize is how much of a text is looked at to see that it is no list, in bytes.
const headSize = 4 << 10

// The reasons why a text is no list.
const (
	isMarkup = "it is an HTML or XML page; give the address of the file itself (on GitHub, that of \"Raw\"), " +
		"or log in to the network if it sends its own page"
	isJSON = "it is JSON, as servers send it for errors"
)

// notList returns why a text that begins with head is no list, "" if it may be one.
func notList(head []byte) string {
	if kind := textmark.Kind(head); kind != "" {
		return kind
	}
	switch {
	case textmark.IsMarkup(head):
		return isMarkup
	case textmark.IsJSON(head):
		return isJSON
	}
	return ""
}
