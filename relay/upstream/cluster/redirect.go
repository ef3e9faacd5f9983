package cluster

// What a node says of a slot that it does not serve.

import (
	"net"
	"strconv"
	"strings"
)

// Redirect is what the error of a node says about where a command is to go.
type Redirect struct {
	Slot int
	Addr string // of the other node
	Ask  bool   // the slot is about to move there: ASKING has to be sent before the command
}

// ParseRedirect reads an error of the node at an address, such as "MOVED 3999 10.0.0.1:6379". It reports false for
// other errors. A node that does not know the host of the other one leaves it out: it is that of the node itself.
func ParseRedirect(text, from string) (r Redirect, ok bool) {
	f := strings.Fields(text)
	if len(f) != 3 || f[0] != "MOVED" && f[0] != "ASK" {
		return r, false
	}
	slot, err := strconv.Atoi(f[1])
	at := strings.LastIndexByte(f[2], ':')
	if err != nil || slot < 0 || slot >= Slots || at < 0 {
		return r, false
	}
	host, port := strings.Trim(f[2][:at], "[]"), f[2][at+1:]
	if host == "" || host == "?" {
		if host, _, err = net.SplitHostPort(from); err != nil {
			return r, false
		}
	}
	return Redirect{slot, net.JoinHostPort(host, port), f[0] == "ASK"}, true
}

// IsPassing reports whether the text of an error says that a slot is not served for the moment: nothing was carried
// out, and the same command may succeed soon.
func IsPassing(text string) bool {
	switch code, _, _ := strings.Cut(text, " "); code {
	case "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "LOADING", "READONLY":
		return true
	}
	return false
}
