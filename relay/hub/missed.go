package hub

// Of which channels listeners miss messages.

import (
	"bytes"

	"redis-relay/relay/resp"
)

// noteMissed counts that a listener does not get frame i, or an older message in place of which frame i came.
func (r *run) noteMissed(i int) {
	if len(r.missed) == 0 {
		r.missed = append(r.missed[:0], make([]int, len(r.starts))...)
	}
	r.missed[i]++
}

// tellMissed tells of the messages of the run that listeners do not get, by their channels.
func (r *run) tellMissed(tell func(channel []byte, messages int)) {
	if r.missedBy == 0 && len(r.missed) == 0 {
		return
	}
	var channel []byte
	n := 0
	for i := range r.starts {
		if next := r.channel(i); !bytes.Equal(next, channel) {
			if n > 0 {
				tell(channel, n)
			}
			channel, n = next, 0
		}
		n += r.missedBy
		if len(r.missed) > 0 {
			n += r.missed[i]
		}
	}
	if n > 0 {
		tell(channel, n)
	}
}

// channel returns the channel of frame i.
func (r *run) channel(i int) []byte {
	if r.kind != resp.PMessage {
		return r.name
	}
	var d resp.Delivery
	if what, _, _ := resp.ScanServer(r.frame(r.frames, i), &d); what != resp.IsDelivery {
		return nil
	}
	return d.Channel
}
