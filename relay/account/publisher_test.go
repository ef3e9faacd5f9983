package account

// Publishers: they send, and note what they are told.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"redis-relay/relay/redistest"
)

const (
	maxWindow    = 64 // publishes of one publisher that wait for replies
	floodWindow  = 2000
	publisherTry = 20 * time.Millisecond
	replyTimeout = 30 * time.Second // longer than any fault
)

// publisher is one local process that publishes through a relay.
type publisher struct {
	run      *run
	number   int
	relay    *relay
	random   *rand.Rand
	overNATS bool
	sent     int
}

// mouth is a publisher's connection, through one of the relay's doors. Answers come in
// the order of what was sent.
type mouth interface {
	// appendPublish appends what publishes a message, or an invalid one without ID, and
	// tells whether there will be an answer.
	appendPublish(b []byte, c channel, id *ID, payload string, random *rand.Rand) (_ []byte, answered bool)
	TrySendRaw(b []byte) error
	TryReceive() (redistest.Value, error)
	Close()
}

// publish sends its share of messages, spread over the time of the run, and goes on
// until the faults are over.
func (p *publisher) publish() {
	share := p.run.plan.messages / publishers
	began := time.Now()
	for p.sent < share || !p.run.faultsDone.Load() {
		c, err := p.dial()
		if err != nil && p.run.faultsDone.Load() && p.relay.hasEnded() {
			p.run.report("the relay of publisher %d has ended by itself", p.number)
			return
		}
		if err != nil {
			time.Sleep(publisherTry)
			continue
		}
		for err == nil && (p.sent < share || !p.run.faultsDone.Load()) {
			due := time.Duration(float64(p.run.plan.duration) * float64(p.sent) / float64(share))
			time.Sleep(time.Until(began.Add(due)))
			err = p.batch(c)
		}
		c.Close()
	}
}

// dial connects at the publisher's door.
func (p *publisher) dial() (mouth, error) {
	if p.overNATS {
		return dialNATSMouth(p.relay)
	}
	c, err := redistest.Open("unix", p.relay.socket())
	if err != nil {
		return nil, err
	}
	c.SetTimeout(replyTimeout)
	return socketMouth{c}, nil
}

// batch sends some messages at once and reads the replies.
func (p *publisher) batch(c mouth) error {
	n := 1 + p.random.IntN(maxWindow)
	if p.random.IntN(500) == 0 {
		n = floodWindow
	}
	var b []byte
	var ids []*ID
	for range n {
		b = p.message(c, b, &ids)
	}
	p.sent += n
	if err := c.TrySendRaw(b); err != nil {
		return err
	}
	for _, id := range ids {
		v, err := c.TryReceive()
		if err != nil {
			return err
		}
		p.note(id, v)
	}
	return nil
}

// message appends what publishes a message to b, and to ids whose answer will come: nil
// stands for an invalid message.
func (p *publisher) message(m mouth, b []byte, ids *[]*ID) []byte {
	i := p.random.IntN(len(channels))
	for p.overNATS && !channels[i].onNATS() {
		i = p.random.IntN(len(channels))
	}
	c := channels[i]
	size := p.random.IntN(c.size)
	var id *ID
	payload := invalidPayload + `"c":1}`
	if invalid := c.prefix() == "j:" || c.prefix() == "k:"; !invalid || p.random.IntN(20) > 0 {
		now := time.Now().UnixNano()
		sent := p.run.ledger.Send(p.number, i, now)
		id, payload = &sent, string(AppendPayload(nil, sent, now, size))
	}
	b, answered := m.appendPublish(b, c, id, payload, p.random)
	if answered {
		*ids = append(*ids, id)
	}
	return b
}

// socketMouth publishes on the socket.
type socketMouth struct{ *redistest.Client }

func (socketMouth) appendPublish(b []byte, c channel, id *ID, payload string, random *rand.Rand) ([]byte, bool) {
	switch {
	case c.shard:
		b = redistest.AppendCommand(b, "SPUBLISH", c.name, payload)
	case id != nil && isKept(*id) && random.IntN(2) == 0:
		b = redistest.AppendCommand(b, "XADD", c.name, "*", "payload", payload)
	default:
		b = redistest.AppendCommand(b, "PUBLISH", c.name, payload)
	}
	return b, true
}

func (p *publisher) note(id *ID, v redistest.Value) {
	fate, err := fateOf(v)
	switch {
	case err != nil:
		p.run.report("publisher %d: %v", p.number, err)
	case id != nil:
		p.run.ledger.Reply(*id, fate)
	case fate == Acknowledged:
		p.run.report("publisher %d: an invalid message was acknowledged", p.number)
	}
}

// fateOf understands a reply.
func fateOf(v redistest.Value) (Fate, error) {
	code, reason, _ := strings.Cut(v.Str, " ")
	switch {
	case v.Type == ':', v.Type == '$' && !v.Null:
		return Acknowledged, nil
	case v.Type != '-':
	case code == "UPSTREAMDOWN" && strings.Contains(reason, "may have been published"),
		strings.Contains(reason, "not broadcast"):
		return Unknown, nil
	case code == "UPSTREAMDOWN" && strings.Contains(reason, "nothing was published"):
		return Withheld, nil
	case strings.Contains(" INVALID DENIED TOOLARGE RATELIMIT BUSY ", " "+code+" "):
		return Withheld, nil
	case strings.Contains(" NOPERM LOADING MISCONF READONLY ", " "+code+" "):
		return Refused, nil
	}
	return Unknown, fmt.Errorf("a reply that says nothing of what became of the message: %v", v)
}
