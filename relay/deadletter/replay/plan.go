package replay

// How letters are published: the arguments of the script, and the numbers of messages with history.

import (
	"cmp"
	"fmt"

	"redis-relay/relay/history"
	"redis-relay/relay/route"
)

// plan is how one letter is published.
type plan struct {
	id, channel string // the channel as local clients call it
	shard       bool
	history     *route.History // nil: it is published only
	field       string
}

func newPlan(k *Kept, p *route.Policy) plan {
	return plan{id: k.ID, channel: k.Channel, shard: k.Shard, history: p.History, field: cmp.Or(k.Field, "payload")}
}

// call returns the keys and arguments of replayScript, with the names that Redis has for the channels.
func (d *Desk) call(from stream, plans []plan) (keys []string, args []any) {
	keys = []string{from.names.Own(from.key)}
	counts := map[string]uint64{}
	for _, p := range plans {
		wire := from.names.Of("", p.channel)
		switch {
		case p.shard:
			args = append(args, p.id, wire, -1)
			continue
		case p.history == nil:
			args = append(args, p.id, wire, 0)
			continue
		}
		counts[p.channel]++
		announced := fmt.Sprint(d.run, ".", d.runs, " ", d.counts[p.channel]+counts[p.channel])
		if p.field != "payload" {
			announced += " " + p.field
		}
		keys = append(keys, from.names.Of(history.KeyPrefix, p.channel)+"}")
		args = append(args, p.id, wire, len(keys), p.history.Length, p.history.TTL.Milliseconds(),
			from.names.Of(history.SeqPrefix, p.channel), announced, p.field)
	}
	return keys, args
}

// note takes the outcomes of a call. Receivers take a number that is left out for a lost message: after one, this goes
// on as another publisher.
func (d *Desk) note(plans []plan, outcomes []string) {
	for i, p := range plans {
		switch {
		case p.history == nil || p.shard:
		case outcomes[i] != published:
			d.runs++
			clear(d.counts)
			return
		default:
			d.counts[p.channel]++
		}
	}
}
