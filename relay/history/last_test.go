package history

// The newest entry, for listeners that are about to come.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/upstream"
)

// answerOf is what Redis says of a stream, with the newest entry.
func answerOf(newest string, entry any) []any {
	list := []any{}
	if entry != nil {
		list = append(list, entry)
	}
	return []any{newest, int64(1), int64(1), newest, int64(0), list, int64(0)}
}

func payloadEntry(id, payload string) any { return []any{id, []any{"payload", payload}} }

// describe tells what was found: channels, IDs and payloads.
func describe(found []Last) string {
	var list []string
	for _, f := range found {
		payload, _ := f.Entry.Payload()
		list = append(list, fmt.Sprintf("%s %s %s", f.Channel, f.Entry.ID, payload))
	}
	return strings.Join(list, ", ")
}

func TestNewestEntry(t *testing.T) {
	for name, c := range map[string]struct {
		answer any
		want   Newest
		found  string // ID and payload
		behind bool
	}{
		"which listeners have":      {answer: answerOf("5-0", payloadEntry("5-0", "m")), found: "c 5-0 m"},
		"behind deleted ones":       {answer: answerOf("5-0", payloadEntry("3-0", "n")), found: "c 3-0 n"},
		"that nobody announced":     {answer: answerOf("6-0", payloadEntry("6-0", "m")), want: Newest{Again: []string{"c"}}, behind: true},
		"that does not go into it":  {answer: []any{"5-0", int64(1), int64(1), "5-0", int64(1), []any{}, int64(0)}, want: Newest{Again: []string{"c"}}},
		"that is too large":         {answer: answerOf("5-0", []any{"5-0", int64(1 << 30), int64(1)}), want: Newest{Failed: 1}},
		"of a stream that is empty": {answer: answerOf("5-0", nil)},
		"of a stream that is not":   {answer: "ERR no such key"},
		"of something that is none": {answer: "WRONGTYPE it is a string", want: Newest{Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			r, got := liveRoom(t), 0
			r.Newest([]string{"c"}, func(n *Newest) {
				got++
				found := describe(n.Found) == c.found
				again := len(n.Again) == len(c.want.Again)
				if !found || !again || n.Failed != c.want.Failed || n.Divide {
					t.Errorf("got %+v, want %+v, %q", n, c.want, c.found)
				}
			})
			r.reply(0, []any{c.answer, int64(6)}, nil)
			if got != 1 {
				t.Errorf("answered %d times", got)
			}
			if behind := r.channels.byName["c"].state == behind; behind != c.behind {
				t.Errorf("behind: %v", behind)
			}
		})
	}
}

// TestNewestEntryOfAChannelThatIsBehind is not to be had before its listeners have what they lack.
func TestNewestEntryOfAChannelThatIsBehind(t *testing.T) {
	r := liveRoom(t)
	r.channels.byName["c"].state = behind
	for range 2 {
		r.Newest([]string{"c", "unknown"}, func(n *Newest) {
			if len(n.Again) != 2 || len(n.Found) > 0 {
				t.Errorf("got %+v", n)
			}
		})
		entry := answerOf("5-0", payloadEntry("5-0", "m"))
		r.reply(0, []any{entry, entry, int64(6)}, nil)
		r.channels.byName["c"].state, r.link.up = live, false
	}
}

func TestNewestEntriesWithoutAnAnswer(t *testing.T) {
	for _, c := range []struct {
		channels []string
		err      error
		want     Newest
	}{
		{[]string{"c"}, errNoPerm, Newest{Failed: 1}},
		{[]string{"c", "d"}, errNoPerm, Newest{Divide: true}},
		{[]string{"c", "d"}, upstream.ErrBusy, Newest{Failed: 2}},
		{[]string{"c", "d"}, upstream.ErrDown, Newest{}},
		{[]string{"c", "d"}, upstream.ErrUnknown, Newest{}},
	} {
		r := liveRoom(t)
		r.Newest(c.channels, func(n *Newest) {
			if n.Failed != c.want.Failed || n.Divide != c.want.Divide {
				t.Errorf("%q, %v: got %+v", c.channels, c.err, n)
			}
		})
		r.reply(0, nil, c.err)
	}
}
