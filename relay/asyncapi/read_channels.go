package asyncapi

// The channels of a document of either version.

import "go.yaml.in/yaml/v3"

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
	list, err := all.pairs()
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		s, err := r.mappingAt(all.child(p.key))
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
	list, err := all.pairs()
	if err != nil {
		return err
	}
	for _, p := range list {
		m, err := r.mappingAt(all.child(p.key))
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
	list, err := all.pairs()
	if err != nil {
		return err
	}
	for _, p := range list {
		op, err := r.mappingAt(all.child(p.key))
		if err != nil {
			return err
		}
		if op.child("channel").node == nil {
			return op.wrong("names no channel; write channel: {$ref: …}")
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
		if _, err := op.pairs(); err != nil {
			return err
		}
		c.operated = true
		c.sends, c.receives = c.sends || word == "subscribe", c.receives || word == "publish"
		if err := r.oldMessages(c, op.child("message")); err != nil {
			return err
		}
	}
	return nil
}

// oldMessages reads the message of an operation of version 2, or the several of which it is one.
func (r *reader) oldMessages(c *channel, at spot) error {
	m, err := r.mappingAt(at)
	if err != nil || m.node == nil {
		return err
	}
	several := m.child("oneOf")
	if several.node == nil {
		c.messages = append(c.messages, m)
		return nil
	}
	list, err := several.items()
	if err != nil {
		return err
	}
	for _, one := range list {
		if one, err = r.mappingAt(one); err != nil {
			return err
		}
		c.messages = append(c.messages, one)
	}
	return nil
}

// mappingAt returns the mapping to which a place refers, or that is there, if any is.
func (r *reader) mappingAt(s spot) (spot, error) {
	s, err := r.files.follow(s)
	if err == nil {
		_, err = s.pairs()
	}
	return s, err
}
