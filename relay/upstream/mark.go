package upstream

// The mark that a session sets in the record, and its questions about lost batches.

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

// mark is what a session has set in the record, and how the next session can have Redis end it.
type mark struct {
	session *session
	record  *record
	number  uint64
	behind  uint64 // batches up to this number were sent under an earlier mark
	set     time.Time
	kill    []string // a command that ends the session for Redis, too; nil: there is none
}

// ensure has the record marked, before the first call in a session.
func (m *mark) ensure(script *Script) {
	if m.record.script == script && m.number == 0 {
		m.renew()
	}
}

// renewIfOld renews the mark, and with it the time to live of the record.
func (m *mark) renewIfOld() {
	if m.number > 0 && m.session.connection.loop.Now().Sub(m.set) > noteTTL/4 {
		m.renew()
	}
}

// renew asks about all lost batches, and marks the record.
func (m *mark) renew() {
	r := m.record
	m.session.seal(r.backlog)
	dead := m.killOthers(r.lost)
	if m.number > 0 {
		m.behind = r.number
	}
	r.mark++
	m.number, m.set = r.mark, r.backlog.loop.Now()
	rest := slices.Clone(r.lost)
	for {
		some := rest[:min(len(rest), maxPerQuery)]
		rest = rest[len(some):]
		m.query(some, dead, len(rest) == 0)
		if len(rest) == 0 {
			return
		}
	}
}

// query asks about some lost batches. With last it sets the mark.
func (m *mark) query(some []*lostBatch, dead map[uint64]bool, last bool) {
	r, set := m.record, ""
	if last {
		set = strconv.FormatUint(m.number, 10)
	}
	args := []any{"EVAL", notesScript.source, 1, r.key, set, max(noteTTL, 8*r.backlog.timeout).Milliseconds()}
	for _, l := range some {
		args = append(args, l.batch.number, l.mark)
	}
	m.session.send(AnswerFunc(func(v resp.Value, err error) {
		list, _ := Plain(v).([]any)
		if err != nil || len(list) != len(some) {
			return // the next session asks again
		}
		for i, told := range list {
			text, _ := told.(string)
			r.resolve(some[i], text, dead[some[i].mark])
		}
	}), args...)
}

// killOthers makes sure that Redis carries out nothing more of the sessions that sent lost batches: Redis may
// still have to read commands of a connection that was cut off. Once Redis has answered, dead has the marks
// for which that is certain.
func (m *mark) killOthers(lost []*lostBatch) (dead map[uint64]bool) {
	dead = map[uint64]bool{}
	asked := map[uint64]bool{}
	for _, l := range lost {
		if l.kill == nil || asked[l.mark] {
			continue
		}
		asked[l.mark] = true
		args := make([]any, len(l.kill))
		for i, word := range l.kill {
			args[i] = word
		}
		m.session.send(AnswerFunc(func(v resp.Value, err error) {
			dead[l.mark] = err == nil && v.Type == ':'
		}), args...)
	}
	return dead
}

// askClientID asks for the ID of this session, before the first call.
func (m *mark) askClientID() {
	if m.record.script != nil {
		m.session.send(AnswerFunc(m.gotClientID), "CLIENT", "INFO")
	}
}

// gotClientID takes the ID and address of this session. Another Redis may give the same ID to another client:
// with the address, no other client is killed. A Unix socket has no address.
func (m *mark) gotClientID(v resp.Value, err error) {
	if err != nil {
		return
	}
	facts := map[string]string{}
	for word := range strings.FieldsSeq(string(v.Str)) {
		name, value, _ := strings.Cut(word, "=")
		facts[name] = value
	}
	id, address := facts["id"], facts["addr"]
	if _, port, err := net.SplitHostPort(address); err == nil && port != "0" && id != "" {
		m.kill = []string{"CLIENT", "KILL", "ID", id, "ADDR", address}
	}
}
