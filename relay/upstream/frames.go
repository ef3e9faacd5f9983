package upstream

// What Redis sends: messages, confirmations and replies.

import (
	"bytes"
	"fmt"
	"strings"

	"redis-relay/relay/resp"
)

// take deals with the frames that are whole.
func (k *life) take() error {
	in := &k.in
	for k.connection.life == k {
		b := in.rest()
		if len(b) == 0 {
			in.need = 1
			return nil
		}
		var whole bool
		var err error
		switch {
		case in.skip > 0:
			whole = in.pass()
		case b[0] == '>' && !in.walk.within:
			whole, err = k.takePush(b)
		default:
			if whole, err = k.takeNumber(b); !whole && err == nil {
				whole, err = k.takeReply(b)
			}
		}
		if !whole || err != nil {
			return err
		}
	}
	return nil
}

// takeNumber takes the reply that is the most frequent by far, to PUBLISH, if b begins with one: up to 9 digits.
func (k *life) takeNumber(b []byte) (is bool, err error) {
	const longest = len(":") + 9
	if b[0] != ':' || k.in.walk.within {
		return false, nil
	}
	n := int64(0)
	for i := 1; i < len(b)-1 && i <= longest; i++ {
		switch c := b[i]; {
		case '0' <= c && c <= '9':
			n = 10*n + int64(c-'0')
		case c == '\r' && b[i+1] == '\n' && i > 1:
			k.in.begin += i + 2
			return true, k.replied(resp.Value{Type: ':', Int: n}, nil)
		default:
			return false, nil
		}
	}
	return false, nil
}

// takePush takes a message, or another push, if it is whole.
func (k *life) takePush(b []byte) (whole bool, err error) {
	in := &k.in
	tok, n, err := resp.ScanServer3(b, &in.d)
	switch {
	case err != nil:
		return false, err
	case tok == resp.IsDelivery:
		in.closeUp(n)
		in.begin += n
		k.deliver(n)
	case tok == resp.IsControl:
		in.begin += n
		return true, k.pushed(b[:n])
	case in.d.Channel != nil && n > k.most() && n > len(b)+2: // else the length of its payload may not be known yet
		k.connection.sink.TooLarge(&in.d, int64(n))
		in.handed++ // there may be listeners to refusals
		in.skip = n
	case n > max(k.most(), MaxAnswer):
		in.drop = true
		return k.takeReply(b)
	default:
		in.need = n
		return false, nil
	}
	return true, nil
}

// takeReply takes a reply if it is whole. One that is too large is passed over.
func (k *life) takeReply(b []byte) (whole bool, err error) {
	in := &k.in
	if !in.walk.within {
		in.kind = b[0]
	}
	n, whole, err := in.walk.walk(b[in.walked:])
	if err != nil {
		return false, err
	}
	in.walked += n
	in.drop = in.drop || in.walk.size+in.walk.text > MaxAnswer
	if in.drop {
		in.begin += in.walked
		in.walked = 0
	}
	if !whole {
		in.need = in.walked + in.walk.least()
		if in.drop {
			in.need = 1
		}
		return false, nil
	}
	return true, k.whole(b[:in.walked])
}

// whole takes a reply.
func (k *life) whole(frame []byte) error {
	in := &k.in
	dropped := in.drop
	in.begin += in.walked
	in.walked, in.drop = 0, false
	in.walk.reset()
	switch {
	case in.kind == '|': // attributes of the reply that follows
		return nil
	case in.kind == '>': // a message for a pattern, on a channel with such a name
		k.connection.log.Warn("a message from Redis was passed over: its channel's name is too large")
		return nil
	case dropped:
		return k.replied(resp.Value{}, ErrTooLarge)
	}
	v, _, err := resp.ParseValue(frame)
	if err != nil {
		return err
	}
	return k.replied(v, nil)
}

// most is how many bytes a frame may have to be read into memory.
func (k *life) most() int { return int(k.connection.maxPayload.Load()) + frameExtra }

func (k *life) deliver(n int) {
	c, d := k.connection, &k.in.d
	if c.probe != "" && d.Kind == resp.Message && string(d.Channel) == c.probe {
		c.probes.echo(d.Payload)
		return
	}
	k.in.handed += n
	switch {
	case n > k.most(): // it came in one piece
		d.Payload, d.Frame = nil, nil
		c.sink.TooLarge(d, int64(n))
	default:
		c.sink.Deliver(d)
	}
}

// pushed takes a push that is no message: a confirmation, or what nobody has asked for.
func (k *life) pushed(push []byte) error {
	word, name, count, err := three(push)
	if err != nil {
		return err
	}
	kind, subscribed, ok := confirmation(word.Str)
	if !ok {
		return nil
	}
	want := unsubscribe
	if subscribed {
		want = subscribe
	}
	m := k.asked()
	if m == nil || m.verb != want || m.kind != kind || m.ask.names[m.ask.answered] != string(name.Str) {
		return fmt.Errorf("%w: %s %q", errOutOfStep, word.Str, name.Str)
	}
	if kind == resp.SMessage {
		k.counts[1] = int(count.Int)
	} else {
		k.counts[0] = int(count.Int)
	}
	if m.ask.answered++; m.ask.answered == len(m.ask.names) {
		m := k.pop()
		m.ask.done(false, nil)
		k.rest()
	}
	return nil
}

// three reads a push of three values without allocating for them. Of another length it returns none.
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

// replied gives a reply to the command it answers; failed says why it is not there.
func (k *life) replied(v resp.Value, failed error) error {
	if k.asked() == nil {
		return fmt.Errorf("%w: %.100q", errUnasked, v.Str)
	}
	m := k.pop()
	refused := failed
	if v.Type == '-' || v.Type == '!' {
		refused = ReplyError(v.Str)
	}
	switch {
	case m.verb == other:
		k.connection.answered(&m, v, refused)
	case refused != nil:
		if err := fatal(refused, m.verb); err != nil {
			k.unpop(m) // it has no answer
			return err
		}
		k.refused(&m, refused)
	case m.verb == fence:
		m.ask.passed(false)
	default:
		k.unpop(m)
		return fmt.Errorf("%w: %.100q", errOutOfStep, v.Str)
	}
	k.rest()
	return nil
}

// fatal says why a connection is of no use on which Redis answers a fence or a subscription so, or nil.
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

// refused takes an error that the relay goes on with.
func (k *life) refused(m *command, refused error) {
	switch m.verb {
	case fence:
		m.ask.passed(false)
	case unsubscribe: // the names stay subscribed, and nobody hears them
		_ = k.connection.opts.goOn(strings.ToUpper(m.kind.Unsubscribe()), refused)
		m.ask.done(false, refused)
	default:
		m.ask.done(false, refused)
	}
}
