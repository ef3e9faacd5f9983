package cluster

// What one node says of all nodes.

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Node is one server of a cluster.
type Node struct {
	ID     string
	Addr   string // host:port for clients
	Master bool
	Slots  bool   // it serves some
	Failed bool   // the masters agree that it cannot be reached
	Doubt  bool   // the node that was asked does not reach it
	Epoch  int64  // of its configuration: of two nodes that claim a slot, that with the higher one has it
	Ranges string // the slots it serves, as CLUSTER NODES writes them
}

// View is what one node says of all nodes, itself among them, that have an address.
type View []Node

// The fields of a line of CLUSTER NODES.
const (
	idField = iota
	addrField
	flagsField
	epochField     = 6
	firstSlotField = 8
)

// ParseNodes reads the answer to CLUSTER NODES of a node at host. The error says that it is none.
func ParseNodes(text, host string) (View, error) {
	var v View
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(f) < firstSlotField {
			return nil, fmt.Errorf("a line of CLUSTER NODES has %d words: %.100q", len(f), line)
		}
		flags := strings.Split(f[flagsField], ",")
		addr := address(f[addrField], host)
		if addr == "" || slices.Contains(flags, "noaddr") || slices.Contains(flags, "handshake") {
			continue
		}
		epoch, err := strconv.ParseInt(f[epochField], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("a line of CLUSTER NODES has no epoch: %.100q", line)
		}
		v = append(v, Node{
			ID: f[idField], Addr: addr, Master: slices.Contains(flags, "master"), Slots: len(f) > firstSlotField,
			Epoch: epoch, Ranges: strings.Join(f[firstSlotField:], " "),
			Failed: slices.Contains(flags, "fail"),
			Doubt:  slices.Contains(flags, "fail?") || slices.Contains(flags, "fail"),
		})
	}
	return v, nil
}

// address returns the address in host:port@busport,hostname; empty: there is none. A node that does not know its own
// IP yet has that by which it was asked.
func address(word, host string) string {
	word, _, _ = strings.Cut(word, ",")
	word, _, _ = strings.Cut(word, "@")
	at := strings.LastIndexByte(word, ':')
	if at < 0 || word[at+1:] == "0" {
		return ""
	}
	ip := word[:at]
	if ip == "" {
		ip = host
	}
	return net.JoinHostPort(strings.Trim(ip, "[]"), word[at+1:])
}

// Prefer gives nodes the addresses of an answer to CLUSTER SLOTS of a node at host: those by which the cluster wants
// to be reached, such as host names. Nodes without slots keep theirs.
func (v View) Prefer(slots any, host string) {
	ranges, _ := slots.([]any)
	for _, one := range ranges {
		parts, _ := one.([]any)
		for _, part := range parts[min(2, len(parts)):] {
			v.prefer(part, host)
		}
	}
}

// prefer takes one node of CLUSTER SLOTS: host, port, ID and more. A null for the host is the one that was asked.
func (v View) prefer(part any, host string) {
	facts, _ := part.([]any)
	if len(facts) < 3 {
		return
	}
	name, told := facts[0].(string)
	port, isPort := facts[1].(int64)
	id, _ := facts[2].(string)
	i := slices.IndexFunc(v, func(n Node) bool { return n.ID == id })
	if i < 0 || !isPort || told && (name == "" || name == "?") {
		return
	}
	if !told {
		name = host
	}
	v[i].Addr = net.JoinHostPort(name, strconv.FormatInt(port, 10))
}

// Find returns the node with an ID.
func (v View) Find(id string) (n Node, found bool) {
	i := slices.IndexFunc(v, func(n Node) bool { return n.ID == id })
	if i < 0 {
		return Node{}, false
	}
	return v[i], true
}

// At returns the node with an address.
func (v View) At(addr string) (n Node, found bool) {
	i := slices.IndexFunc(v, func(n Node) bool { return n.Addr == addr })
	if i < 0 {
		return Node{}, false
	}
	return v[i], true
}

// addresses lists those of some nodes.
func (v View) addresses(of func(Node) bool) (list []string) {
	for _, n := range v {
		if of(n) {
			list = append(list, n.Addr)
		}
	}
	return list
}

// SeesMost reports whether the node that was asked reaches most masters with slots. What one says that is cut off from
// the others is not to be believed.
func (v View) SeesMost() bool {
	all, reached := 0, 0
	for _, n := range v {
		if n.Master && n.Slots {
			all++
			if !n.Doubt {
				reached++
			}
		}
	}
	return all == 0 || 2*reached > all
}
