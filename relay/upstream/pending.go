package upstream

// Commands in order, with their encoded bytes.

// pending is commands that wait to be sent, or to be answered.
type pending struct {
	list  queue
	bytes int    // of all of list, encoded, also those that were sent
	wire  []byte // the encoded bytes that were not sent
	open  *batch // the last command of list, while calls can join it: it is not encoded yet
}

func (p *pending) push(m command) {
	p.bytes += m.wire
	p.list.push(m)
}

func (p *pending) pop() command {
	m := p.list.pop()
	p.bytes -= m.wire
	return m
}

// pushFront puts a command back before the first.
func (p *pending) pushFront(m command) {
	p.bytes += m.wire
	p.list.pushFront(m)
}

// awaiting returns the first command if all of it was sent, so that Redis may have answered it. It is valid
// until the next push or pop.
func (p *pending) awaiting() *command {
	if m := p.list.first(); m != nil && m.wire > 0 && len(p.wire) <= p.bytes-m.wire {
		return m
	}
	return nil
}

// unsent takes off the commands of which no byte was sent: later is those that can wait for another
// session, with their bytes.
func (p *pending) unsent() (later pending, rest []command) {
	n, bytes := p.list.count, len(p.wire)
	for n > 0 && p.list.at(n-1).wire <= bytes {
		bytes -= p.list.at(n - 1).wire
		n--
	}
	wire := p.wire[bytes:]
	for i := n; i < p.list.count; i++ {
		m := p.list.at(i)
		text := wire[:m.wire]
		wire = wire[m.wire:]
		if m.verb == ordinary && !m.deadline.IsZero() {
			later.push(*m)
			later.wire = append(later.wire, text...)
		} else {
			rest = append(rest, *m)
		}
	}
	p.list.count = n
	return later, rest
}

// seal encodes the open batch: no more calls can join it. The first batch of a script has the
// source, because a refused EVALSHA would be overtaken by later commands. Later sessions begin with
// the source: see session.sendSource.
func (p *pending) seal(b *backlog) {
	o := p.open
	if o == nil {
		return
	}
	before := len(p.wire)
	if b.lastScript == o.script && (b.session == nil || !b.session.noSHA) {
		p.wire = o.append(p.wire, "EVALSHA", o.script.sha)
	} else {
		p.wire = o.append(p.wire, "EVAL", o.script.source)
	}
	b.lastScript = o.script
	n := len(p.wire) - before
	p.list.last().wire = n
	p.bytes += n
	p.open = nil
}
