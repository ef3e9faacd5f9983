package asyncapi

// The channels of a document of either version.

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// channel is a channel of a document.
type channel struct {
	id       string
	spot     spot
	address  spot // its node is nil if there is no address
	messages []spot
	// What operations say that applications do; operated: there are operations.
	operated, sends, receives bool
}

// channels lists the channels with their messages and operations.
func (r *reader) channels() ([]*channel, error) {
	var found []*channel
	all := r.root.child("channels")
	for _, p := range pairs(all.node) {
		s, err := r.files.follow(all.child(p.key))
		if err != nil {
			return nil, err
		}
		c := &channel{id: "channels/" + p.key, spot: s, address: s.child("address")}
		if r.old {
			c.address = all.child(p.key)
			c.address.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: p.key, Line: s.node.Line}
			err = r.oldOperations(c)
		} else {
			err = r.messages(c)
		}
		if err != nil {
			return nil, err
		}
		if c.address.node == nil {
			c.address.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: s.node.Line}
		}
		found = append(found, c)
	}
	if r.old {
		return found, nil
	}
	return found, r.operations(found)
}

// messages reads the messages of a channel of version 3.
func (r *reader) messages(c *channel) error {
	all := c.spot.child("messages")
	for _, p := range pairs(all.node) {
		m, err := r.files.follow(all.child(p.key))
		if err != nil {
			return err
		}
		c.messages = append(c.messages, m)
	}
	return nil
}

// operations reads the operations of version 3.
func (r *reader) operations(channels []*channel) error {
	all := r.root.child("operations")
	for _, p := range pairs(all.node) {
		op, err := r.files.follow(all.child(p.key))
		if err != nil {
			return err
		}
		about, err := r.files.follow(op.child("channel"))
		if err != nil {
			return err
		}
		for _, c := range channels {
			if c.spot.node != about.node {
				continue
			}
			switch action := textOf(get(op.node, "action")); action {
			case "send":
				c.operated, c.sends = true, true
			case "receive":
				c.operated, c.receives = true, true
			default:
				return op.child("action").wrong("%q is no action; it must be send or receive", action)
			}
		}
	}
	return nil
}

// oldOperations reads the operations of a channel of version 2. There subscribe says that the application sends: others
// may subscribe to that.
func (r *reader) oldOperations(c *channel) error {
	for _, word := range []string{"subscribe", "publish"} {
		op := c.spot.child(word)
		if op.node == nil {
			continue
		}
		c.operated = true
		c.sends, c.receives = c.sends || word == "subscribe", c.receives || word == "publish"
		m, err := r.files.follow(op.child("message"))
		if err != nil {
			return err
		}
		list := []spot{m}
		if several := m.child("oneOf"); several.node != nil {
			list = nil
			for i := range items(several.node) {
				one, err := r.files.follow(several.item(i))
				if err != nil {
					return err
				}
				list = append(list, one)
			}
		}
		for _, m := range list {
			if m.node != nil {
				c.messages = append(c.messages, m)
			}
		}
	}
	return nil
}

// item is an item of a list.
func (s spot) item(i int) spot {
	return spot{s.file, s.at + "/" + strconv.Itoa(i), items(s.node)[i]}
}
