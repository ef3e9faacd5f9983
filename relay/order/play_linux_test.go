package order_test

// Playing a script on a server, and comparing what came back with the model.

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
)

// stage is a server on which scripts are played, one after the other.
type stage struct {
	socket string
	relay  bool // it does what the relay does on purpose
	// history says that the scripts use channels with history; set by newCampaign.
	history bool
	// settle waits until the server has carried out what the peer has written; nil: nothing is awaited.
	settle func(p *performance, actor *peer, m *model) error
	// over is the same as readOver, of a server that can tell; nil: it cannot.
	over func() error

	rounds  int   // played so far
	control *peer // see readOver; nil: not connected yet
}

// performance is a script played once.
type performance struct {
	*stage
	round string
	model *model
	peers map[string]*peer
}

const (
	judge    = "judge"   // the connection that asks and publishes at the end
	finale   = "final:z" // the channel whose message ends a performance; no pattern matches it
	lastWord = "end"
)

// difference is a connection that did not receive what the model says.
type difference struct {
	who, view string
	want, got []frame
}

// errImpossible is the error of a script that writes to a connection that waits or is gone.
var errImpossible = errors.New("impossible script")

// play plays a script. The error, if any, is about something that did not come at all.
func (s *stage) play(sc script) ([]difference, error) {
	s.rounds++
	p := &performance{stage: s, round: strconv.Itoa(s.rounds), model: newModel(s.relay), peers: map[string]*peer{}}
	defer p.close()
	if err := p.quiet(); err != nil {
		return nil, err
	}
	for _, st := range sc {
		if !p.model.possible(st.who) {
			return nil, errImpossible
		}
		if err := p.perform(st); err != nil {
			return p.differences(), fmt.Errorf("%s: %w", st, err)
		}
	}
	err := p.finish()
	return p.differences(), err
}

func (p *performance) close() {
	for _, peer := range p.peers {
		peer.close()
	}
}

// quiet waits until the connections of the last script are gone.
func (p *performance) quiet() error {
	j, err := p.peer(judge)
	if err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; {
		if err := j.send(command{"PUBSUB", "NUMPAT"}); err != nil {
			return err
		}
		n := j.replies + 1
		if err := j.await("NUMPAT", func() bool { return j.replies == n }); err != nil {
			return err
		}
		text := j.frames[len(j.frames)-1].text
		j.frames, j.replies = nil, 0
		switch {
		case text == ":0":
			return nil
		case time.Now().After(end):
			return fmt.Errorf("NUMPAT is %s though nobody listens", text)
		}
	}
}

// peer returns the connection of a name. A new one has a PING answered first.
func (p *performance) peer(who string) (*peer, error) {
	if q := p.peers[who]; q != nil {
		return q, nil
	}
	q, err := dial(p.socket)
	if err != nil {
		return nil, err
	}
	p.peers[who] = q
	if err := q.send(command{"PING"}); err != nil {
		return nil, err
	}
	err = q.await("PONG", func() bool { return q.replies == 1 })
	q.frames, q.replies = nil, 0
	return q, err
}

// perform writes a step, as soon as that is well defined, and has the model play it.
func (p *performance) perform(st step) error {
	q, err := p.peer(st.who)
	if err != nil {
		return err
	}
	c := p.model.client(st.who)
	if err := p.ready(q, c); err != nil {
		return err
	}
	p.model.play(st)
	if err := p.write(q, st); err != nil {
		return err
	}
	if c.waits != nil {
		q.woken = true // before it is written to again
	}
	if p.settle == nil {
		return nil
	}
	return p.settle(p, q, p.model)
}

// ready waits until the connection may be written to.
func (p *performance) ready(q *peer, c *client) error {
	due := c.replies()
	if q.woken {
		q.woken = false
		return q.await("the reply of XREAD", func() bool { return q.replies >= due })
	}
	return q.clear(due, p.readOver)
}

// readOver returns when the server is done with the reads that it is in. The relay has one loop: it answers a PING
// behind them.
func (s *stage) readOver() error {
	switch {
	case s.over != nil:
		return s.over()
	case !s.relay:
		return spin()
	}
	if s.control == nil {
		var err error
		if s.control, err = dial(s.socket); err != nil {
			return err
		}
	}
	s.control.frames, s.control.replies = nil, 0
	if err := s.control.send(command{"PING"}); err != nil {
		return err
	}
	return s.control.await("PONG", func() bool { return s.control.replies == 1 })
}

func (p *performance) write(q *peer, st step) error {
	switch st.group[0][0] {
	case shut:
		return unix.Shutdown(q.fd, unix.SHUT_WR)
	case leave:
		if err := q.send(command{"PING", "bye"}); err != nil {
			return err
		}
		err := q.await("the last PONG", func() bool { return q.has("bye")() || q.has("[pong bye]")() })
		q.over = true
		q.close()
		return err
	}
	var b []byte
	for _, c := range st.group {
		args := make([]string, len(c))
		for i, arg := range c {
			args[i] = inRound(p.round, arg)
		}
		b = redistest.AppendCommand(b, args...)
	}
	return q.write(b)
}

// finish wakes who waits, and has everybody hear a last message behind all others.
func (p *performance) finish() error {
	if err := p.wake(); err != nil {
		return err
	}
	listeners := p.model.open()
	for _, who := range listeners {
		if who != judge {
			if err := p.perform(step{who, []command{{"SUBSCRIBE", finale}}}); err != nil {
				return err
			}
		}
	}
	for _, who := range listeners {
		if q := p.peers[who]; who != judge {
			if err := q.await("the last SUBSCRIBE", q.has("subscribe "+inRound(p.round, finale))); err != nil {
				return fmt.Errorf("%s: %w", who, err)
			}
		}
	}
	if err := p.ask(p.lastQuestions()...); err != nil {
		return err
	}
	for who, q := range p.peers {
		if err := p.awaitEnd(who, q); err != nil {
			return fmt.Errorf("%s: %w", who, err)
		}
	}
	return nil
}

// wake adds an entry to each stream, for those that wait in XREAD.
func (p *performance) wake() error {
	if !p.history {
		return nil
	}
	var list []command
	for _, name := range historyNames {
		list = append(list, command{"XADD", name, "*", "payload", lastWord})
	}
	return p.ask(list...)
}

// lastQuestions publishes once more on each channel, and reads what the streams have.
func (p *performance) lastQuestions() (list []command) {
	for _, name := range allNames(p.history) {
		list = append(list, command{"PUBLISH", name, lastWord}, command{"PUBSUB", "NUMSUB", name})
		if hasHistory(name) {
			list = append(list, command{"XRANGE", name, "-", "+"})
		}
	}
	return append(list, command{"PUBSUB", "NUMPAT"}, command{"PUBLISH", finale, lastWord})
}

// ask has the judge send commands and waits for the replies.
func (p *performance) ask(list ...command) error {
	if err := p.perform(step{judge, list}); err != nil {
		return err
	}
	j, due := p.peers[judge], p.model.clients[judge].replies()
	return j.await("the replies to the last questions", func() bool { return j.replies >= due })
}

func (p *performance) awaitEnd(who string, q *peer) error {
	switch c := p.model.clients[who]; {
	case who == judge || q.fd < 0:
		return nil
	case c.ended:
		return q.await("the end", func() bool { return q.over })
	}
	return q.await("the last message", q.has("message "+inRound(p.round, finale)+" "+lastWord))
}

// differences compares all connections. Names lose the number of the round.
func (p *performance) differences() (list []difference) {
	ids := p.ids()
	for _, who := range slices.Sorted(maps.Keys(p.model.clients)) {
		c, q := p.model.clients[who], p.peers[who]
		want, got := resolved(c.frames, ids), p.received(q)
		for _, v := range views {
			partly := c.partly && v.name == "messages"
			if a, b := v.of(want), v.of(got); !same(a, b, partly) {
				list = append(list, difference{who, v.name, a, b})
			}
		}
	}
	return list
}

// received is what a connection got, in the names of the script.
func (p *performance) received(q *peer) (list []frame) {
	for _, f := range q.frames {
		f.text = outOfRound(p.round, f.text)
		list = append(list, f)
	}
	return list
}

var entryID = regexp.MustCompile(`\[(\d+-\d+) \[`)

// ids are those of the streams, as the judge read them at the end.
func (p *performance) ids() map[string][]string {
	ids := map[string][]string{}
	var lists []string
	for _, f := range p.peers[judge].frames {
		if strings.HasPrefix(f.text, "[[") {
			lists = append(lists, f.text)
		}
	}
	for i, text := range lists {
		for _, m := range entryID.FindAllStringSubmatch(text, -1) {
			ids[historyNames[i]] = append(ids[historyNames[i]], m[1])
		}
	}
	return ids
}
