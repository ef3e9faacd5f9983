package command

// How refused messages that Redis keeps are printed.

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/deadletter/replay"
	"redis-relay/relay/top"
)

// deadLine is a line of dead list --json and dead show --json.
type deadLine struct {
	ID        string    `json:"id"`
	Stream    string    `json:"stream"`
	Upstream  string    `json:"upstream,omitempty"` // that has the stream, if there are several
	Time      time.Time `json:"time"`
	Code      string    `json:"code"`
	Reason    string    `json:"reason"`
	Pointer   string    `json:"pointer,omitempty"`
	Direction string    `json:"direction"`
	Channel   string    `json:"channel"`
	Shard     bool      `json:"shard,omitempty"`
	Field     string    `json:"field,omitempty"` // of XADD
	Entry     string    `json:"entry,omitempty"` // of the history that had it
	Route     string    `json:"route"`
	Schema    string    `json:"schema,omitempty"`
	Size      int       `json:"size"`  // bytes of the payload
	Whole     bool      `json:"whole"` // the payload is kept, and not too large to be read
	Relay     string    `json:"relay,omitempty"`
	Client    uint64    `json:"client,omitempty"`
	Name      string    `json:"name,omitempty"`
	PID       int32     `json:"pid,omitempty"`
	UID       *uint32   `json:"uid,omitempty"`
	*payload
}

func newDeadLine(k *replay.Kept) *deadLine {
	return &deadLine{
		ID: k.ID, Stream: k.Stream, Upstream: k.Upstream, Time: k.Time.UTC(), Code: k.Code, Reason: k.Reason,
		Pointer: k.Pointer, Direction: k.Direction, Channel: k.Channel, Shard: k.Shard, Field: k.Field, Entry: k.Entry,
		Route: k.Route, Schema: k.Schema, Size: k.Size, Whole: k.IsWhole() && !k.TooLarge, Relay: k.Relay, Client: k.Client,
		Name: k.Name, PID: k.PID, UID: k.UID,
	}
}

// dead prints one line about a message.
func (p *printer) dead(k *replay.Kept) {
	if p.json != nil {
		_ = p.json.Encode(newDeadLine(k)) // flush returns the error
		return
	}
	_, _ = fmt.Fprintln(p.out, k.ID, p.faint.Sprint(k.Time.Format(time.DateTime)),
		p.bad.Sprintf("%-9s", top.Printable(k.Code)), top.Printable(k.Channel),
		p.faint.Sprint(strings.Join(deadDetails(k), " ")))
}

// deadDetails are what is known of a message besides, as name=value.
func deadDetails(k *replay.Kept) (list []string) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, name+"="+word(value))
		}
	}
	add("route", k.Route)
	add("upstream", k.Upstream)
	add("direction", k.Direction)
	add("size", strconv.Itoa(k.Size))
	add("name", k.Name)
	if k.PID != 0 {
		add("pid", strconv.Itoa(int(k.PID)))
	}
	if k.UID != nil {
		add("uid", strconv.FormatUint(uint64(*k.UID), 10))
	}
	add("reason", k.Reason)
	return list
}

// wholeDead prints all of a message.
func (p *printer) wholeDead(k *replay.Kept) {
	if p.json != nil {
		line := newDeadLine(k)
		if k.IsWhole() {
			kept := newPayload(k.Payload)
			line.payload = &kept
		}
		_ = p.json.Encode(line) // flush returns the error
		return
	}
	say := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(p.out, "%-10s %s\n", name, top.Printable(value))
		}
	}
	say("id", k.ID)
	say("stream", k.Stream)
	say("upstream", k.Upstream)
	say("time", k.Time.Format(time.RFC3339Nano))
	say("code", k.Code)
	say("reason", k.Reason)
	say("pointer", k.Pointer)
	say("direction", k.Direction)
	say("channel", k.Channel)
	say("route", k.Route)
	say("schema", k.Schema)
	say("field", k.Field)
	say("entry", k.Entry)
	say("relay", k.Relay)
	say("publisher", strings.Join(publisherOf(k), " "))
	say("size", strconv.Itoa(k.Size)+" bytes")
	if !k.IsWhole() {
		say("payload", "not kept: it was over limits.payload, and not read")
		return
	}
	if k.TooLarge {
		say("payload", "too large to be read whole; it begins so:")
	}
	_, _ = fmt.Fprintln(p.out, "\n"+top.Printable(string(k.Payload)))
}

// publisherOf is who published a message, in words.
func publisherOf(k *replay.Kept) (list []string) {
	if k.Name != "" {
		list = append(list, "name "+word(k.Name))
	}
	if k.Client != 0 {
		list = append(list, "client "+strconv.FormatUint(k.Client, 10))
	}
	if k.PID != 0 {
		list = append(list, "pid "+strconv.Itoa(int(k.PID)))
	}
	if k.UID != nil {
		list = append(list, "uid "+strconv.FormatUint(uint64(*k.UID), 10))
	}
	return list
}

// words say what became of messages so far.
func (d *deadCommand) words(c *replay.Counts) string {
	done := "published"
	if d.dryRun {
		done = "would be published"
	}
	text := fmt.Sprintf("%d looked at, %d %s, %d kept", c.Seen, c.Published, done, c.Left())
	var codes []string
	for _, code := range slices.Sorted(maps.Keys(c.Kept)) {
		codes = append(codes, fmt.Sprintf("%d %s", c.Kept[code], top.Printable(code)))
	}
	if len(codes) > 0 {
		text += " (" + strings.Join(codes, ", ") + ")"
	}
	if c.Unheard > 0 {
		text += fmt.Sprintf(", %d of the published only in their history: Redis refuses PUBLISH", c.Unheard)
	}
	if c.Gone > 0 {
		text += fmt.Sprintf(", %d gone before", c.Gone)
	}
	return text
}

// printCounts prints what became of all messages.
func (d *deadCommand) printCounts(c *replay.Counts) error {
	if !d.json {
		_, err := fmt.Fprintln(d.stdout, d.words(c))
		return err
	}
	return json.NewEncoder(d.stdout).Encode(struct {
		Seen      int            `json:"seen"`
		Published int            `json:"published"`
		Unheard   int            `json:"unheard,omitempty"`
		Gone      int            `json:"gone"`
		Kept      map[string]int `json:"kept"`
		DryRun    bool           `json:"dry_run"`
	}{c.Seen, c.Published, c.Unheard, c.Gone, c.Kept, d.dryRun})
}

// progress is a line on a terminal that is written again and again.
type progress struct {
	out   io.Writer
	on    bool
	last  time.Time
	shown int // bytes of the line
}

// progressEvery is how often the line changes.
const progressEvery = 200 * time.Millisecond

func (p *progress) show(text string) {
	if now := time.Now(); p.on && now.Sub(p.last) >= progressEvery {
		p.write(text)
		p.last = now
	}
}

// end takes the line away.
func (p *progress) end() {
	if p.shown > 0 {
		p.write("")
	}
}

// write replaces the line. Spaces cover what was longer.
func (p *progress) write(text string) {
	_, _ = fmt.Fprintf(p.out, "\r%-*s\r%s", p.shown, "", text)
	p.shown = len(text)
}
