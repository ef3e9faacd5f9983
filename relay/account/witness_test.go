package account

// The witness: what connections say to Redis, and what Redis answers, as it passes
// the proxy in front of it.

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// witness enters in a ledger what it sees on one connection.
type witness struct {
	// Fixed after construction.
	ledger *Ledger
	report func(format string, args ...any)

	mu      sync.Mutex // Guards what follows.
	asked   []byte     // not a whole command yet
	said    []byte     // not a whole answer yet
	waiting []question // commands that were not answered
	deaf    bool       // it has lost count
}

// question is a command as far as the account is concerned.
type question struct {
	id      ID
	publish bool // a PUBLISH of id
	pushes  int  // its answer is so many confirmations, or an error; 0: it is a reply
}

// FromClient notes the commands in b.
func (w *witness) FromClient(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf {
		return
	}
	w.asked = append(w.asked, b...)
	for n := measure(w.asked); n > 0; n = measure(w.asked) {
		w.command(words(w.asked[:n]))
		w.asked = w.asked[n:]
	}
}

func (w *witness) command(args [][]byte) {
	var q question
	verb := strings.ToUpper(string(args[0]))
	if strings.HasSuffix(verb, "SUBSCRIBE") {
		q.pushes = len(args) - 1
	}
	for _, a := range args[1:] {
		if bytes.HasPrefix(a, []byte(invalidPayload)) {
			w.report("an invalid message went to Redis: %.80q", a)
		}
		if id, _, err := ParsePayload(a); err == nil {
			w.ledger.Pass(id)
			q.id, q.publish = id, verb == "PUBLISH" || verb == "SPUBLISH"
		}
	}
	w.waiting = append(w.waiting, q)
}

// FromServer notes the answers in b.
func (w *witness) FromServer(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf {
		return
	}
	w.said = append(w.said, b...)
	for n := measure(w.said); n > 0 && !w.deaf; n = measure(w.said) {
		w.value(w.said[:n])
		w.said = w.said[n:]
	}
}

// value takes a message, which nobody has asked for, or an answer, whole or in part.
func (w *witness) value(b []byte) {
	confirms := false
	if b[0] == '>' {
		if confirms = bytes.HasSuffix(words(b)[0], []byte("subscribe")); !confirms {
			return
		}
	}
	if len(w.waiting) == 0 || confirms && w.waiting[0].pushes == 0 {
		w.report("Redis answered what nobody asked: %.80q", b)
		w.deaf = true
		return
	}
	q := &w.waiting[0]
	if q.publish && b[0] == ':' {
		w.ledger.Reach(q.id, time.Now().UnixNano())
	}
	if q.pushes--; q.pushes <= 0 || !confirms {
		w.waiting = w.waiting[1:]
	}
}

// measure returns the length of the value at the start of b, 0 if it is not whole.
func measure(b []byte) int {
	end := bytes.Index(b, []byte("\r\n"))
	if end < 0 {
		return 0
	}
	n, after := 0, end+2
	count, err := strconv.Atoi(string(b[1:end]))
	switch b[0] {
	case '$', '!', '=':
		if n = after; err == nil && count >= 0 {
			n += count + 2
		}
		if n > len(b) {
			return 0
		}
		return n
	case '%':
		count *= 2
	case '*', '~', '>':
	default:
		return after
	}
	for range count {
		n := measure(b[after:])
		if n == 0 {
			return 0
		}
		after += n
	}
	return after
}

// words are the arguments of a whole command, or the parts of another value of strings and numbers.
func words(b []byte) (list [][]byte) {
	b = b[bytes.IndexByte(b, '\n')+1:]
	for len(b) > 0 {
		n := measure(b)
		if b[0] == '$' {
			list = append(list, b[bytes.IndexByte(b, '\n')+1:n-2])
		} else {
			list = append(list, b[1:n-2])
		}
		b = b[n:]
	}
	return list
}

var _ redistest.Observer = (*witness)(nil)

// readStreams enters in a ledger what the streams of channels hold.
func readStreams(redis *redistest.Server, ledger *Ledger, channels []channel, report func(string, ...any)) {
	for _, c := range channels {
		if c.history == 0 {
			continue
		}
		for _, entry := range redis.MustDo("XRANGE", "history:{"+c.name+"}", "-", "+").Elems {
			payload := []byte(entry.Elems[1].Elems[1].Str)
			id, _, err := ParsePayload(payload)
			ms, _, _ := strings.Cut(entry.Elems[0].Str, "-")
			at, errAt := strconv.ParseInt(ms, 10, 64)
			if err != nil || errAt != nil {
				report("the stream of %s holds %.80q", c.name, payload)
				continue
			}
			ledger.Reach(id, (at+2)*int64(time.Millisecond)) // the clock of Redis stands still in a script
		}
	}
}

// TestWitness splits what passes at every byte.
func TestWitness(t *testing.T) {
	l := NewLedger(1, 1)
	var asked, said []byte
	message := func() (ID, string) {
		id := l.Send(0, 0, 1)
		return id, string(AppendPayload(nil, id, 1, 3))
	}
	ask := func(reply string, args ...string) {
		asked, said = redistest.AppendCommand(asked, args...), append(said, reply...)
	}
	ask("%1\r\n$5\r\nproto\r\n:3\r\n", "HELLO", "3")
	ask(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"+
		">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n", "SUBSCRIBE", "a", "b")
	ask("-NOPERM no\r\n", "PSUBSCRIBE", "c", "d")
	published, payload := message()
	ask(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$9\r\nsubscribe\r\n:2\r\n", "PUBLISH", "d:1", payload)
	ask(">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n", "UNSUBSCRIBE", "a")
	refused, payload := message()
	ask("-NOPERM no\r\n", "PUBLISH", "d:1", payload)
	scripted, payload := message()
	ask("*1\r\n$5\r\n1-1 2\r\n", "EVALSHA", "sha", "1", "history:{h:1}", payload)
	unanswered, payload := message()
	ask("", "PUBLISH", "d:1", payload)

	w := &witness{ledger: l, report: t.Errorf}
	for i := range asked {
		w.FromClient(asked[i : i+1])
	}
	for i := range said {
		w.FromServer(said[i : i+1])
	}
	for id, want := range map[ID]uint8{published: 1, refused: 0, scripted: 0, unanswered: 0} {
		if m := l.message(id); !m.Passed || m.Times != want {
			t.Errorf("%v: %+v, want it passed, and published %d times", id, m, want)
		}
	}
	if len(w.waiting) != 1 {
		t.Errorf("%d commands wait for an answer, want 1", len(w.waiting))
	}

	lost := false
	w = &witness{ledger: l, report: func(string, ...any) { lost = true }}
	w.FromClient(redistest.AppendCommand(nil, "PING"))
	w.FromServer([]byte(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"))
	if !lost {
		t.Error("a confirmation of what nobody asked is not noticed")
	}
}
