package names

// A tenant's clients, behind relays on a shared Redis or on one of their own, and what they get.

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// side is a tenant's relays and clients.
type side struct {
	relays    []*harness.Relay
	asking    []*redistest.Client // one of each relay
	listening []*redistest.Client
	watching  []*redistest.Client // each relay's own channels, and MONITOR
	all       strings.Builder     // everything that clients got
}

// newSide starts relays of one setting, each with one client that asks and several that listen.
func newSide(t *testing.T, redis *redistest.Server, s setting, relays, listeners int) *side {
	t.Helper()
	d := &side{}
	for range relays {
		r := harness.Start(t, redis, func(c *config.Config) {
			s.apply(c)
			c.Limits.CommandTimeout = 0 // clients say nothing until all sides have begun
		})
		d.relays, d.asking = append(d.relays, r), append(d.asking, r.Dial())
		monitor := r.Dial()
		monitor.Do("MONITOR")
		d.watching = append(d.watching, r.Subscribe("relay:events", "relay:rejects"), monitor)
		for range listeners {
			d.listening = append(d.listening, r.Dial())
		}
	}
	return d
}

// do has a client carry out a command, and returns the answer, as it is compared.
func (d *side) do(t *testing.T, client int, command []string) string {
	t.Helper()
	v := d.asking[client].Do(command...)
	if command[0] == "PUBSUB" && strings.HasSuffix(command[1], "CHANNELS") {
		slices.SortFunc(v.Elems, func(a, b redistest.Value) int { return cmp.Compare(a.Str, b.Str) })
	}
	d.all.WriteString(v.String() + "\n")
	return words(v.String())
}

var entryID = regexp.MustCompile(`\d{13}-\d+`)

// words leaves the IDs of entries out, which are times. Payloads tell entries apart.
func words(text string) string { return entryID.ReplaceAllString(text, "ID") }

// settle waits until all that Redis has sent has come to the clients.
func (d *side) settle(t *testing.T) {
	t.Helper()
	for _, c := range d.asking {
		if v := c.Do("PUBSUB", "NUMPAT"); v.Err() != nil {
			t.Fatal(v)
		}
	}
}

// heard returns what a listening client got since it was asked last: for each name that it subscribed to what came, in
// order. Redis has no order of the names by which one message comes.
func (d *side) heard(t *testing.T, client int) string {
	t.Helper()
	c := d.listening[client]
	c.Send("PING", "settled")
	got := map[string][]string{}
	for {
		v := c.Receive()
		d.all.WriteString(v.String() + "\n")
		if v.Str == "settled" || len(v.Elems) == 2 && v.Elems[1].Str == "settled" {
			break
		}
		by := "other"
		if len(v.Elems) == 3 && strings.HasSuffix(v.Elems[0].Str, "unsubscribe") {
			v.Elems[2].Int = 0 // of all: the counts of what is left come in any order
		}
		if len(v.Elems) > 2 && strings.HasSuffix(v.Elems[0].Str, "message") {
			by = v.Elems[0].Str + " " + v.Elems[1].Str
		}
		got[by] = append(got[by], words(v.String()))
	}
	var b strings.Builder
	for _, by := range slices.Sorted(func(yield func(string) bool) {
		for by := range got {
			if !yield(by) {
				return
			}
		}
	}) {
		list := got[by]
		if by == "other" { // UNSUBSCRIBE of all has no order
			slices.Sort(list)
		}
		fmt.Fprintln(&b, by, list)
	}
	return b.String()
}

// watched reads what the relays have told of messages until now, and returns how much that was.
func (d *side) watched() (values int) {
	for _, watching := range d.watching {
		watching.Send("QUIT")
		for _, v := range watching.Closed() {
			d.all.WriteString(v.String() + "\n")
			values++
		}
	}
	return values
}

// told is what the relays tell by HTTP.
func (d *side) told(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, r := range d.relays {
		_, addr := r.Addresses()
		for _, path := range []string{"/metrics", "/status.json", "/readyz"} {
			answer, err := http.Get("http://" + addr + path) //nolint:noctx // of this test's own relay
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			b.Write(text)
		}
		for _, line := range r.Logs.All() {
			fmt.Fprintln(&b, line.Message, line.ContextMap())
		}
	}
	return b.String()
}
