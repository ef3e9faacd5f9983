package hub

// A Redis for tests that carries out commands in order, late, and whose answers come later still.

import (
	"errors"
	"fmt"

	"redis-relay/relay/resp"
)

// slowRedis is an Upstream. What it is sent it carries out in order when it is told to, and what that
// brings comes back in order, with the messages, when it is told to.
type slowRedis struct {
	model     *model
	life      bool // there is a connection
	connected bool // and the hub is done with Restore
	losing    bool
	refusals  bool
	tainted   bool // a refusal has come in this life: what was asked again comes late

	sent           []order
	back           []event
	subscribed     map[resp.Name]bool // by what was carried out
	subscribedSeen map[resp.Name]bool // by what came back
	refuses        map[resp.Name]bool
	ever           map[resp.Name]bool // that it has refused, or might have
}

// order is a command, or the mark behind those of a call.
type order struct {
	kind  resp.Kind
	names []string
	on    bool
	done  func(lost bool, refused error)
	mark  *call
}

// event is what comes back: an answer, a mark or a message.
type event struct {
	order   order
	refused error
	on      resp.Name
	text    string // a message
}

func (r *slowRedis) Subscribe(kind resp.Kind, names []string, done func(bool, error)) {
	r.send(order{kind: kind, names: names, on: true, done: done})
}

func (r *slowRedis) Unsubscribe(kind resp.Kind, names []string, done func(bool, error)) {
	r.send(order{kind: kind, names: names, done: done})
}

func (r *slowRedis) Fence(_ resp.Kind, _ []string, done func(bool)) {
	r.send(order{done: func(lost bool, _ error) { done(lost) }})
}

// Learn finds out nothing.
func (*slowRedis) Learn([]string, func()) bool { return false }

func (*slowRedis) IsFull() bool { return false }

func (*slowRedis) AwaitRoom(func()) {}

// AwaitDelivered holds nothing up.
func (r *slowRedis) AwaitDelivered(_ resp.Kind, _ []string, done func()) { done() }

func (r *slowRedis) send(o order) {
	if !r.life {
		r.model.fail("sent without a connection: %+v", o)
	}
	if len(o.names) > r.model.hub.requests.namesPerCommand {
		r.model.fail("%d names in one command", len(o.names))
	}
	for _, name := range o.names {
		if name == "local" {
			r.model.fail("a local name was sent")
		}
	}
	r.sent = append(r.sent, o)
}

func (r *slowRedis) Interrupted(kind resp.Kind, name string) {
	if r.subscribedSeen[resp.Name{Kind: kind, Text: name}] {
		r.model.fail("%s %q was interrupted, and Redis has it", kind, name)
	}
}

func (r *slowRedis) Released(kind resp.Kind, name string) {
	if r.subscribedSeen[resp.Name{Kind: kind, Text: name}] {
		r.model.fail("%s %q was released, and Redis has it", kind, name)
	}
}

func (r *slowRedis) Refused(kind resp.Kind, name string, _ error) {
	if !r.ever[resp.Name{Kind: kind, Text: name}] {
		r.model.fail("%s %q was not refused", kind, name)
	}
}

func (r *slowRedis) mark(c *call) {
	if r.life {
		r.sent = append(r.sent, order{mark: c})
	}
}

// pendingBefore tells whether the mark of an earlier call is still on its way.
func (r *slowRedis) pendingBefore(c *call) bool {
	for _, e := range r.back {
		if m := e.order.mark; m != nil && m.number < c.number {
			return true
		}
	}
	for _, o := range r.sent {
		if m := o.mark; m != nil && m.number < c.number {
			return true
		}
	}
	return false
}

var errRefused = errors.New("NOPERM no")

// carryOut carries out what was sent, up to a mark.
func (r *slowRedis) carryOut() {
	for len(r.sent) > 0 {
		o := r.sent[0]
		r.sent = r.sent[1:]
		e := event{order: o}
		for _, name := range o.names {
			if o.on && r.refuses[resp.Name{Kind: o.kind, Text: name}] {
				e.refused = errRefused
			}
		}
		for _, name := range o.names {
			if e.refused == nil {
				r.subscribed[resp.Name{Kind: o.kind, Text: name}] = o.on
			}
		}
		r.back = append(r.back, e)
		if o.mark != nil {
			return
		}
	}
}

// willSubscribe is subscribed after all that was sent.
func (r *slowRedis) willSubscribe(w resp.Name) bool {
	subscribed := r.subscribed[w]
	for _, o := range r.sent {
		for _, name := range o.names {
			if (resp.Name{Kind: o.kind, Text: name}) == w {
				subscribed = o.on
			}
		}
	}
	return subscribed
}

// quiet tells whether nothing is under way.
func (r *slowRedis) quiet() bool { return len(r.sent)+len(r.back) == 0 }

func (r *slowRedis) publish(w resp.Name) {
	r.model.message++
	text := fmt.Sprintf("%d:%v", r.model.message, w)
	if w.Text == "local" {
		r.deliver(w, text)
	} else if r.subscribed[w] {
		r.back = append(r.back, event{on: w, text: text})
	}
}

// deliver hands a message to the hub, and notes who has to hear it.
func (r *slowRedis) deliver(w resp.Name, text string) {
	r.model.note("message %s", text)
	r.model.delivered(w, text)
	r.model.hub.Deliver(w.Kind, []byte(w.Text), []byte(text+"\n"), 0)
}

// answer hands the next event to the hub.
func (r *slowRedis) answer() {
	defer func() { r.tainted = r.tainted && !r.quiet() }()
	if len(r.back) == 0 {
		return
	}
	e := r.back[0]
	r.back = r.back[1:]
	switch {
	case e.text != "":
		r.deliver(e.on, e.text)
	case e.order.mark != nil:
		c := e.order.mark
		if !c.done && !c.lost && !r.tainted && r.connected {
			r.model.fail("call %d is not done, and its place has gone by", c.number)
		}
	default:
		for _, name := range e.order.names {
			if e.refused == nil {
				r.subscribedSeen[resp.Name{Kind: e.order.kind, Text: name}] = e.order.on
			}
		}
		if e.refused != nil {
			r.model.note("refused %v", e.order.names)
			r.tainted = true
		}
		e.order.done(false, e.refused)
	}
}

// refuse has Redis refuse a name from now on, or not any more.
func (r *slowRedis) refuse(w resp.Name) {
	if r.refuses[w] {
		r.model.note("allows %v from now on", w)
		delete(r.refuses, w)
		return
	}
	if w.Text != "local" && !r.willSubscribe(w) && !r.subscribed[w] && !r.subscribedSeen[w] {
		r.model.note("refuses %v from now on", w)
		r.refuses[w], r.ever[w] = true, true
	}
}

func (r *slowRedis) lose() {
	if !r.life {
		return
	}
	m := r.model
	m.note("lost")
	var unanswered []order
	for _, e := range r.back {
		if e.text == "" {
			unanswered = append(unanswered, e.order)
		}
	}
	unanswered = append(unanswered, r.sent...)
	r.life, r.connected, r.losing = false, false, true
	r.sent, r.back = nil, nil
	clear(r.subscribed)
	clear(r.subscribedSeen)
	ended := m.random.IntN(3) == 0
	m.hub.Lost(func(resp.Kind, string) bool { return ended && m.random.IntN(2) == 0 })
	for _, o := range unanswered {
		if o.mark != nil {
			o.mark.lost = true
		}
	}
	for _, list := range m.open {
		for _, s := range list {
			s.call.lost = s.call.lost || !s.call.done // it may be asked for once more
		}
	}
	for _, o := range unanswered {
		if o.done != nil {
			o.done(true, nil)
		}
	}
	r.losing, r.tainted = false, false
}

func (r *slowRedis) connect() {
	if r.life {
		return
	}
	r.model.note("connected")
	r.life = true
	r.model.hub.Restore(func() {
		r.model.note("restored")
		r.connected = true
	})
}

// answerEverything carries out all that was sent and hands all of it to the hub.
func (r *slowRedis) answerEverything() {
	for len(r.sent)+len(r.back) > 0 {
		r.carryOut()
		r.answer()
	}
	r.tainted = false
}
