package nftpath

// The directions of a packet in its connection.
const (
	original = 0
	reply    = 1
)

// directions are nft's words for them.
var directions = [...]string{original: "original", reply: "reply"}

// packet is what is known of a packet at one hook.
type packet struct {
	in, out      string // interfaces, "" if it has none at this hook
	src, dst     value
	sport, dport value
	tcp          bool
	flags        value // of TCP
	mark         value
	state        value // of the connection, as at this hook
	direction    uint64
	conn         *conn // nil before the connection is known, and if it is not tracked
	arrived      bool  // its destination is this machine, or, of a reply, its source
}

// conn is what is known of a connection.
type conn struct {
	src, dst   value // of the query as the client sent it
	mark       value
	state      string // nft's word
	translated bool   // its destination
}
