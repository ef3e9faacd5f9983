package watch

// Gathering messages for the table of channels.

import (
	"fmt"
	"testing"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/traffic"
)

func newTable() *traffic.Table { return traffic.New(traffic.Options{Now: time.Now()}) }

// counted returns the messages and bytes from Redis on a channel.
func counted(t *testing.T, table *traffic.Table, channel string) string {
	t.Helper()
	table.Tick(time.Now().Add(time.Second), false)
	c, _ := table.Find([]byte(channel))
	return fmt.Sprint(c.Count[traffic.InMessages], " of ", c.Count[traffic.InBytes], " bytes, at most ", c.Largest)
}

// TestTally: a message counts once, however many patterns hear it, in one turn or in several.
func TestTally(t *testing.T) {
	for _, everyTurn := range []bool{false, true} {
		t.Run(fmt.Sprint("each copy in a turn of its own: ", everyTurn), func(t *testing.T) {
			table, memory := newTable(), make([]byte, 100)
			var tl Tally
			add := func(kind resp.Kind, pattern, channel, payload string) {
				n := copy(memory, payload) // as messages come: in memory that is used again
				tl.Add(table, &resp.Delivery{
					Kind: kind, Pattern: []byte(pattern), Channel: []byte(channel), Payload: memory[:n:n],
				})
				if everyTurn {
					tl.EndTurn(table)
					clear(memory[:n])
				}
				memory = memory[n:]
			}
			for _, payload := range []string{"same", "same", "longer", ""} {
				add(resp.Message, "", "a", payload)
				add(resp.PMessage, "*", "a", payload)
				add(resp.PMessage, "a*", "a", payload)
			}
			for _, payload := range []string{"same", "same"} { // on a channel that patterns alone hear
				add(resp.PMessage, "*", "b", payload)
				add(resp.PMessage, "b*", "b", payload)
			}
			add(resp.SMessage, "", "a", "shard")
			tl.EndTurn(table)
			if got, want := counted(t, table, "a"), "5 of 19 bytes, at most 6"; got != want {
				t.Errorf("a: %s, want %s", got, want)
			}
			if got, want := counted(t, table, "b"), "2 of 8 bytes, at most 4"; got != want {
				t.Errorf("b: %s, want %s", got, want)
			}
		})
	}
}

// BenchmarkTally is the cost for each message of a burst on one channel; relay/traffic measures that of each channel.
func BenchmarkTally(b *testing.B) {
	table := newTable()
	var tl Tally
	d := resp.Delivery{Channel: []byte("chat:room:42"), Payload: make([]byte, 100)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if tl.Add(table, &d); i%64 == 63 {
			tl.EndTurn(table)
		}
	}
}
