package history

// What is known of the time before now.

import (
	"maps"

	"redis-relay/relay/stream"
)

// past is the knowledge of messages that were published before now.
type past struct {
	redisTime uint64               // time of Redis in ms, of which all that came before has arrived
	lostAt    uint64               // redisTime when the connection was lost; 0: it is not known
	searching bool                 // patterns may still have missed messages of unknown channels
	lastIDs   map[string]stream.ID // the last delivered entry, of channels dropped lately
}

// reached takes the time of Redis, in ms, at which it answered a question.
func (p *past) reached(ms uint64) {
	p.redisTime = ms
	if !p.searching { // later listeners begin behind the deleted entries
		maps.DeleteFunc(p.lastIDs, func(_ string, id stream.ID) bool { return id.Ms < ms })
	}
}

// lost notes that the connection is lost. patterns tells whether there were subscribed patterns.
func (p *past) lost(patterns bool) {
	if !p.searching {
		p.searching, p.lostAt = patterns, p.redisTime
	}
}

// floor is an ID: later listeners of an unknown channel get no entry up to it.
func (p *past) floor() stream.ID {
	if p.searching {
		return stream.Before(p.lostAt)
	}
	return stream.Before(p.redisTime)
}

// startOf returns the ID behind which listeners of a channel begin: last, or the last entry that was delivered
// before the channel was dropped, if that is later.
func (p *past) startOf(name string, last stream.ID) stream.ID {
	if known := p.lastIDs[name]; known.After(last) {
		last = known
	}
	delete(p.lastIDs, name)
	return last
}
