package upstream

// What a session does with the frames from Redis: messages, confirmations and replies.

import (
	"bytes"
	"fmt"
	"strings"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/frames"
)

const (
	burst      = 128 << 10 // bytes of messages after which listeners are served, also in a flood
	frameExtra = 64 << 10  // bytes a frame may have beyond its payload: names and lengths
)

// takeFrames takes all frames that are whole.
func (s *session) takeFrames() (err error) {
	in, c := &s.in, s.connection
	for c.backlog.session == s && err == nil {
		maxFrame := s.maxFrame()
		var f frames.Found
		if f, err = in.Next(maxFrame); err != nil {
			return err
		}
		switch f {
		case frames.Nothing:
			return nil
		case frames.Message:
			s.deliver(maxFrame)
		case frames.HugeMessage:
			c.sink.TooLarge(&in.Delivery, int64(in.Size))
			in.Delivered++ // listeners may be told of it
		case frames.Push:
			err = s.confirmed(in.Last())
		case frames.LongPush:
			c.log.Warn("a message from Redis was passed over: its channel's name is too large")
		case frames.IntReply:
			err = s.replied(resp.Value{Type: ':', Int: in.Number}, nil)
		case frames.Reply:
			v := in.Value
			in.Value = resp.Value{} // lets go of the chunk
			err = s.replied(v, nil)
		case frames.HugeReply:
			err = s.replied(resp.Value{}, ErrTooLarge)
		}
	}
	return err
}

// maxFrame is how many bytes a message may have, with its names, to be read into memory.
func (s *session) maxFrame() int { return int(s.connection.maxPayload.Load()) + frameExtra }

// deliver gives a message to the sink, or a probe to the prober.
func (s *session) deliver(maxFrame int) {
	c, in := s.connection, &s.in
	d := &in.Delivery
	if c.prober.channel != "" && d.Kind == resp.Message && string(d.Channel) == c.prober.channel {
		c.prober.echo(c, d.Payload)
		return
	}
	in.Delivered += in.Size
	if in.Size > maxFrame { // it came in one piece
		d.Payload, d.Frame = nil, nil
		c.sink.TooLarge(d, int64(in.Size))
		return
	}
	c.sink.Deliver(d)
}

// confirmed takes a push that is no message. Pushes other than confirmations are ignored.
func (s *session) confirmed(frame []byte) error {
	word, name, count, err := three(frame)
	if err != nil {
		return err
	}
	kind, subscribed, ok := confirmation(word.Str)
	if !ok {
		return nil
	}
	if kind == resp.SMessage && !subscribed && s.connection.opts.Revoked != nil {
		s.counts[1] = int(count.Int)
		s.connection.opts.Revoked(string(name.Str))
		return nil
	}
	want := unsubscribe
	if subscribed {
		want = subscribe
	}
	m := s.awaiting()
	if m == nil || m.verb != want || m.kind != kind || m.details.names[m.details.answered] != string(name.Str) {
		return fmt.Errorf("%w: %s %q", errOutOfStep, word.Str, name.Str)
	}
	if kind == resp.SMessage {
		s.counts[1] = int(count.Int)
	} else {
		s.counts[0] = int(count.Int)
	}
	if m.details.answered++; m.details.answered == len(m.details.names) {
		m := s.pop()
		m.details.done(false, nil)
		s.endIfIdle()
	}
	return nil
}

// three reads a push of three values without allocating for them. Of a push of another length it returns none.
func three(push []byte) (first, second, third resp.Value, err error) {
	const head = ">3\r\n"
	if !bytes.HasPrefix(push, []byte(head)) {
		return first, second, third, nil
	}
	at := len(head)
	for _, v := range []*resp.Value{&first, &second, &third} {
		var n int
		if *v, n, err = resp.ParseValue(push[at:]); err != nil {
			break
		}
		at += n
	}
	return first, second, third, err
}

func confirmation(word []byte) (kind resp.Kind, subscribed, ok bool) {
	for kind := range resp.Kind(resp.Kinds) {
		switch string(word) {
		case kind.Subscribe():
			return kind, true, true
		case kind.Unsubscribe():
			return kind, false, true
		}
	}
	return 0, false, false
}

// replied gives a reply to the command that awaits it. failed says why the reply is not there.
func (s *session) replied(v resp.Value, failed error) error {
	refused := failed
	if v.Type == '-' || v.Type == '!' {
		refused = ReplyError(v.Str)
	}
	if m := s.list.first(); m != nil && m.verb == leave && refused != nil {
		m.details.refused = refused
		return fatal(refused, fence)
	}
	if s.awaiting() == nil {
		return fmt.Errorf("%w: %.100q", errUnasked, v.Str)
	}
	m := s.pop()
	switch {
	case m.verb == ordinary:
		s.connection.backlog.complete(&m, v, refused)
	case refused != nil:
		if err := fatal(refused, m.verb); err != nil {
			s.pushFront(m) // it has no answer
			return err
		}
		s.refused(&m, refused)
	case m.verb == fence:
		m.details.passFence(false)
	case m.verb == leave:
		m.details.done(false, m.details.refused)
	default:
		s.pushFront(m)
		return fmt.Errorf("%w: %.100q", errOutOfStep, v.Str)
	}
	s.endIfIdle()
	return nil
}

// fatal returns the reason to end a session in which Redis refuses a fence or a subscription so, or nil.
// Redis answers subscriptions even while it loads or has lost its master, so those errors answer a PING.
func fatal(refused error, v verb) error {
	switch code, reason, _ := strings.Cut(refused.Error(), " "); {
	case code == "LOADING" || code == "MASTERDOWN" || code == "NOAUTH":
		return refused
	case v == fence && code == "NOPERM" && strings.Contains(reason, "'ping' command"):
		return fmt.Errorf("%w (%w)", errNoPing, refused)
	}
	return nil
}

// refused takes an error that does not end the session.
func (s *session) refused(m *command, refused error) {
	switch m.verb {
	case fence:
		m.details.passFence(false)
	case unsubscribe: // the names stay subscribed, and nobody listens to them
		_ = s.connection.opts.goOn(strings.ToUpper(m.kind.Unsubscribe()), refused)
		m.details.done(false, refused)
	default:
		m.details.done(false, refused)
	}
}
