package dnsmsg_test

import (
	"fmt"

	"github.com/qubesbeat/qubesbeat/internal/dnsmsg"
)

// A message is built by appending its parts and read record by record. A Record
// holds offsets into the message.
func ExampleReader() {
	name, err := dnsmsg.ParseName(nil, "www.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	msg := dnsmsg.AppendHeader(nil, 4711, dnsmsg.FlagQR)
	msg = dnsmsg.AppendQuestion(msg, name, dnsmsg.TypeA, dnsmsg.ClassIN)
	msg = dnsmsg.AppendRecord(msg, name, dnsmsg.TypeA, dnsmsg.ClassIN, 300, []byte{192, 0, 2, 80})
	dnsmsg.SetCounts(msg, 1, 1, 0, 0)

	var r dnsmsg.Reader
	if err := r.Read(msg); err != nil {
		fmt.Println(err)
		return
	}
	for rr := new(dnsmsg.Record); r.Next(rr); {
		owner, _, _ := dnsmsg.AppendName(nil, msg, rr.Name)
		fmt.Println(dnsmsg.Text(owner), rr.TTL, rr.Address(msg))
	}
	fmt.Println("error:", r.Err())
	// Output:
	// www.example.org 300 192.0.2.80
	// error: <nil>
}

// Names are compared by whole labels.
func ExampleBelow() {
	zone, _ := dnsmsg.ParseName(nil, "example.org")
	for _, text := range []string{"example.org", "www.example.org", "notexample.org"} {
		name, _ := dnsmsg.ParseName(nil, text)
		fmt.Println(text, dnsmsg.Below(name, zone))
	}
	// Output:
	// example.org true
	// www.example.org true
	// notexample.org false
}
