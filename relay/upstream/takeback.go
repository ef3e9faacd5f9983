package upstream

// Taking back what waits for a connection to Redis: its publisher has hung up, and may
// be trying again on a new connection. Else the message would come twice.

import "slices"

// takeBack answers ErrDown to what waits for one publisher. What there is a connection
// for is as good as sent, and stays.
func (l *lane) takeBack(from uint64) {
	l.mu.Lock()
	var back []request
	if l.link == nil {
		back = l.waiting.takeBack(from)
	}
	l.mu.Unlock()
	l.settle(back, ErrDown)
}

func (b *batch) takeBack(from uint64) (back []request) {
	all, wire, again := b.requests, b.wire, b.again
	b.requests, b.wire, b.again, b.againWire = nil, nil, 0, 0
	for i, r := range all {
		text := wire[:r.wire]
		wire = wire[r.wire:]
		c, several := r.receipt.(*calls)
		switch {
		case several:
			mine := c.takeBack(from)
			back = append(back, mine...)
			switch {
			case len(mine) == 0:
			case len(c.list) == 0:
				continue
			case b.open != c: // with the source: what should have brought it may be taken back
				text = c.append(nil, "EVAL", c.script.source)
			}
			r.size = c.size
		case r.from == from:
			back = append(back, r)
			continue
		}
		if r.wire = len(text); i < again {
			b.again++
			b.againWire += len(text)
		}
		b.requests, b.wire = append(b.requests, r), append(b.wire, text...)
	}
	if c := b.open; c != nil && len(c.list) == 0 {
		b.open = nil
	}
	return back
}

func (c *calls) takeBack(from uint64) (back []request) {
	list, items := c.list, c.items
	c.list, c.items = nil, nil
	for g := range c.groups {
		group := &c.groups[g]
		for range group.items {
			i, text := list[0], items[:list[0].wire]
			list, items = list[1:], items[list[0].wire:]
			if i.from != from {
				c.list, c.items = append(c.list, i), append(c.items, text...)
				continue
			}
			back = append(back, request{receipt: i.receipt, size: i.size})
			group.items--
			c.size -= i.size
			c.bytes -= i.wire
		}
	}
	c.groups = slices.DeleteFunc(c.groups, func(g group) bool { return g.items == 0 })
	return back
}
