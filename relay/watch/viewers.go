package watch

// What MONITOR shows of the two paths.

import (
	"cmp"
	"hash/maphash"
	"strings"

	"redis-relay/relay/loop"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/tail"
)

// Viewers shows messages to those who watch. Its methods need not be called while nobody does: see Any. It belongs to
// the loop.
type Viewers struct {
	tail.Viewers
	loop  *loop.Loop
	local string // the source of what clients of the Unix socket publish
	seed  maphash.Seed

	last struct { // the last message from Redis, to recognise its further copies
		channel string
		pattern string // that brought it; empty: the channel did
		payload uint64 // a hash
	}
}

// NewViewers returns one that nobody watches. socket is the path of the Unix socket.
func NewViewers(l *loop.Loop, socket string) *Viewers {
	return &Viewers{loop: l, local: "unix:" + socket, seed: maphash.MakeSeed()}
}

// Received shows a message from Redis with the verdict on it; kind and refusal may be nil. size is that of the payload,
// which may not have been read.
func (s *Viewers) Received(rt *route.Route, d *resp.Delivery, size int, kind []byte, refusal *policy.Refusal) {
	if s.isCopy(d) {
		return
	}
	m := tail.Message{
		Time: s.loop.Now(), Command: tail.Received, Source: "redis:0", Channel: d.Channel, Payload: d.Payload, Size: size,
		Route: rt.Name, Kind: kind,
	}
	if d.Kind == resp.SMessage {
		m.Command = tail.SMessage
	}
	judged(&m, rt, refusal)
	s.Show(&m)
}

// isCopy reports whether a message that came by a pattern is a further copy of the last one.
func (s *Viewers) isCopy(d *resp.Delivery) bool {
	payload, last := maphash.Bytes(s.seed, d.Payload), &s.last
	if d.Kind == resp.PMessage && last.pattern != string(d.Pattern) && last.channel == string(d.Channel) &&
		last.payload == payload {
		return true
	}
	last.channel, last.pattern, last.payload = string(d.Channel), string(d.Pattern), payload
	return false
}

// Published shows a message of a local client, with the verdict on it, or with the error of the way to Redis.
func (s *Viewers) Published(
	rt *route.Route, p *respserver.Publication, kind []byte, refusal *policy.Refusal, err error,
) {
	m := tail.Message{
		Time: s.loop.Now(), Command: tail.Publish, Source: s.local, Channel: p.Channel, Payload: p.Payload,
		Size: max(len(p.Payload), int(p.Oversize)), Route: rt.Name, Kind: kind, Client: publisher(p.Sender),
	}
	switch {
	case p.Sender == nil:
		m.Source = "nats:0"
	case p.Field != nil:
		m.Command = tail.XAdd
	case p.Kind == resp.SMessage:
		m.Command = tail.SPublish
	}
	if p.Sender != nil {
		m.Source = cmp.Or(p.Sender.Identity().Addr, m.Source)
	}
	judged(&m, rt, refusal)
	if err != nil {
		failed(&m, err)
	}
	s.Show(&m)
}

// Lost shows that a message, which was shown before, did not get to Redis, or that nobody knows. The payload is not
// there any more.
func (s *Viewers) Lost(rt *route.Route, channel string, err error) {
	m := tail.Message{
		Time: s.loop.Now(), Command: tail.Publish, Source: s.local, Channel: []byte(channel), Route: rt.Name,
	}
	failed(&m, err)
	s.Show(&m)
}

// judged puts a verdict into a message.
func judged(m *tail.Message, rt *route.Route, refusal *policy.Refusal) {
	m.Verdict = tail.OK
	if refusal != nil {
		m.Verdict, m.Reason, m.Passes = string(refusal.Code), refusal.Reason, refusal.Passes(rt)
	}
}

// failed puts an error for a publisher into a message: it begins with its code.
func failed(m *tail.Message, err error) {
	m.Verdict, m.Reason, _ = strings.Cut(err.Error(), " ")
}

// publisher is who has published something, as far as it is known.
func publisher(s respserver.Sender) tail.Client {
	by := Sender(s)
	return tail.Client{ID: by.Client, Name: by.Name, PID: by.PID, UID: by.UID}
}
