package traffic

// Spikes of the first minute. There is no usual rate yet, but there are other channels of the same kind: a channel that
// carries far more than all of them together is told of.

const (
	earlyTicks  = 5 // in a row in which a channel must be far over the others: longer than what waits for a start takes
	earlyOthers = 3 // channels of its kind that must have carried something
)

// siblings are the channels of one kind.
type siblings struct {
	channels int     // that have carried something
	now      Figures // per second, of all of them
}

// findEarly adds the spikes that begin now, in the first minute, to found.
//
// At a start all channels are new, and many carry much at once. So a channel is compared with those that are named as
// it is, but for numbers: chat:room-42 with chat:room-7, and with neither chat:lobby nor prices. A channel without a
// number in its name, or without others like it, is not judged: whether it always carries so much, nobody knows yet.
func (a *alerts) findEarly(found []candidate) []candidate {
	t, limits := a.table, a.limits
	if t.clock.settled < earlyTicks {
		return found // what waited for Redis comes now
	}
	var kinds map[string]*siblings
	for i, key := range t.keys {
		r := &t.records[i]
		if key == 0 || max(r.last[InMessages], r.last[OutMessages]) < limits.Factor*limits.Floor {
			r.early = 0
			continue
		}
		if kinds == nil {
			kinds = t.kinds()
		}
		d, limit, ok := r.overOthers(limits, kinds[kindOf(r.name)])
		if !ok {
			r.early = 0
			continue
		}
		if r.early++; r.early >= earlyTicks && r.spike == nil && !a.isOverRate(key) {
			found = append(found, candidate{i, a.earlySpike(r, d, limit)})
		}
	}
	return found
}

// overOthers tells in which direction a channel carries far more than all others of its kind together, and the limit
// for that in messages/s.
func (r *record) overOthers(limits Spikes, kind *siblings) (d Dimension, limit float64, ok bool) {
	if kind == nil || kind.channels <= earlyOthers {
		return 0, 0, false
	}
	for _, d := range [...]Dimension{OutMessages, InMessages} { // what comes from this host comes back from Redis
		limit = limits.Factor * max(limits.Floor, kind.now[d]-r.now[d])
		if r.last[d] >= limit {
			return d, limit, true
		}
	}
	return 0, 0, false
}

// earlySpike makes a spike. What the channel has carried so far does not count as usual.
func (a *alerts) earlySpike(r *record, d Dimension, limit float64) (s spike) {
	s.limit = limit
	s.Alert = Alert{
		Kind: KindSpike, Early: true, Direction: d, Channel: string(r.name), Rate: r.last[d], Peak: r.last[d],
		Since: a.table.clock.now,
	}
	if d == OutMessages {
		s.Publisher = a.publisherOf(r)
	}
	r.learned, r.early = Figures{}, 0
	return s
}

// kinds returns the channels by their kinds.
func (t *Table) kinds() map[string]*siblings {
	kinds := map[string]*siblings{}
	for i, key := range t.keys {
		r := &t.records[i]
		if key == 0 || r.count[InMessages]+r.count[OutMessages] == 0 {
			continue
		}
		kind := kindOf(r.name)
		if kind == "" {
			continue
		}
		k := kinds[kind]
		if k == nil {
			k = &siblings{}
			kinds[kind] = k
		}
		k.channels++
		for d, rate := range r.now {
			k.now[d] += rate
		}
	}
	return kinds
}

// kindOf returns a channel's name with # for each part that has a digit; parts are letters and digits. It returns
// nothing for a name without such a part.
func kindOf(name []byte) string {
	kind, numbered := make([]byte, 0, len(name)), false
	for i := 0; i < len(name); {
		end, digit := i, false
		for end < len(name) && isWord(name[end]) {
			digit = digit || '0' <= name[end] && name[end] <= '9'
			end++
		}
		switch {
		case end == i:
			kind, end = append(kind, name[i]), i+1
		case digit:
			kind, numbered = append(kind, '#'), true
		default:
			kind = append(kind, name[i:end]...)
		}
		i = end
	}
	if !numbered {
		return ""
	}
	return string(kind)
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
}
