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
	run    *run
	number int
	relay  *relay
	random *rand.Rand
	sent   int
}

// publish sends its share of messages, spread over the time of the run, and goes on
// until the faults are over.
func (p *publisher) publish() {
	share := p.run.plan.messages / publishers
	began := time.Now()
	for p.sent < share || !p.run.faultsDone.Load() {
		c, err := redistest.Open("unix", p.relay.socket())
		if err != nil {
			time.Sleep(publisherTry)
			continue
		}
		c.SetTimeout(replyTimeout)
		for err == nil && (p.sent < share || !p.run.faultsDone.Load()) {
			due := time.Duration(float64(p.run.plan.duration) * float64(p.sent) / float64(share))
			time.Sleep(time.Until(began.Add(due)))
			err = p.batch(c)
		}
		c.Close()
	}
}

// batch sends some messages at once and reads the replies.
func (p *publisher) batch(c *redistest.Client) error {
	n := 1 + p.random.IntN(maxWindow)
	if p.random.IntN(500) == 0 {
		n = floodWindow
	}
	var b []byte
	var ids []*ID
	for range n {
		b = p.message(b, &ids)
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

// message appends a command to b, and its message to ids: nil for an invalid one.
func (p *publisher) message(b []byte, ids *[]*ID) []byte {
	i := p.random.IntN(len(channels))
	c := channels[i]
	size := p.random.IntN(c.size)
	if invalid := c.prefix() == "j:" || c.prefix() == "k:"; invalid && p.random.IntN(20) == 0 {
		*ids = append(*ids, nil)
		return redistest.AppendCommand(b, "PUBLISH", c.name, invalidPayload+`"c":1}`)
	}
	now := time.Now().UnixNano()
	id := p.run.ledger.Send(p.number, i, now)
	*ids = append(*ids, &id)
	payload := string(AppendPayload(nil, id, now, size))
	switch {
	case c.shard:
		return redistest.AppendCommand(b, "SPUBLISH", c.name, payload)
	case c.history && p.random.IntN(2) == 0:
		return redistest.AppendCommand(b, "XADD", c.name, "*", "payload", payload)
	}
	return redistest.AppendCommand(b, "PUBLISH", c.name, payload)
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
