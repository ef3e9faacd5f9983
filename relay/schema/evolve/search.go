package evolve

// The search for a message that one side accepts and the other refuses.

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"redis-relay/relay/schema"
)

// The bounds of a search.
const (
	maxMessages = 4000
	fewMessages = 200
	maxMade     = 2000 // values of one message
	maxDepth    = 30
	maxBytes    = 8 << 20 // of all messages
)

// search returns such a message, made small; nil if it finds none.
func search(from, to Side, have, want []*schema.Shape, messages int) []byte {
	breaks := func(message []byte) bool { return from.Accepts(message) == nil && to.Accepts(message) != nil }
	m := &maker{until: time.Now().Add(maxTime)}
	total := 0
	for i := range messages {
		if isLate(m.until) {
			break
		}
		m.begin(i)
		tree := m.value(anything.with(have[i%len(have)]), want, 0)
		message, err := json.Marshal(tree)
		if err != nil {
			continue
		}
		if breaks(message) {
			return shrink(tree, breaks, m.until)
		}
		if total += len(message); total > maxBytes {
			break
		}
	}
	return nil
}

// maker makes values that a context may have, with an eye on what other schemas ask.
type maker struct {
	random *rand.Rand
	left   int       // values that may still be made
	filled float64   // how many of the members that need not be there are
	odd    float64   // how often a value is not what the context asks
	until  time.Time // values from then on are null

	spoken map[*schema.Shape][]any // see spokenOf
}

// begin sets out for the next message: with few members, with all, and then with ever other ones.
func (m *maker) begin(round int) {
	m.random = rand.New(rand.NewPCG(uint64(round), 1)) //nolint:gosec // the same each time, on purpose
	m.left = maxMade
	m.filled = [...]float64{0, 1, 0.5, 0.2, 0.8}[round%5]
	m.odd = [...]float64{0, 0.02, 0.1, 0}[round%4]
}

func (m *maker) chance(p float64) bool { return m.random.Float64() < p }

// value makes a value of a context; eyed are the schemas of the other side at the same place.
func (m *maker) value(c *context, eyed []*schema.Shape, depth int) any {
	if m.left--; m.left < 0 || depth > maxDepth || isLate(m.until) {
		return nil // of a schema that has no finite value, or of too many
	}
	c, eyed = m.decide(c), m.spread(eyed)
	if c.kinds&(schema.KindArray|schema.KindObject) == 0 || hasValues(c) || m.chance(0.2) {
		if v, ok := m.choose(c, m.candidates(c, eyed)); ok {
			return v
		}
	}
	kinds := c.kinds
	if kinds == 0 || m.chance(m.odd) {
		kinds = schema.AllKinds
	}
	switch m.kind(kinds, eyed, depth) {
	case schema.KindNull:
		return nil
	case schema.KindFalse:
		return false
	case schema.KindTrue:
		return true
	case schema.KindString:
		return m.text(c, eyed)
	case schema.KindArray:
		return m.array(c, eyed, depth)
	case schema.KindObject:
		return m.object(c, eyed, depth)
	}
	return json.Number("0")
}

func hasValues(c *context) bool {
	return some(c, func(s *schema.Shape) bool { return len(s.Values) > 0 })
}

// decide chooses alternatives of a context.
func (m *maker) decide(c *context) *context {
	for i := 0; i < len(c.holds) && i < 200; i++ { // holds grows
		s := c.holds[i]
		if len(s.AnyOf) > 0 {
			c = c.with(s.AnyOf[m.random.IntN(len(s.AnyOf))])
		}
		if len(s.OneOf) > 0 {
			c = c.with(s.OneOf[m.random.IntN(len(s.OneOf))])
		}
		if s.If != nil && m.chance(0.5) {
			c = c.with(s.If, s.Then)
		} else if s.If != nil {
			c = c.with(s.Else)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Depends)) { // in order: the same question gets the same answer
			if m.chance(0.5) {
				having := schema.NewShape()
				having.Required, having.Keywords = []string{name}, []string{"required"}
				c = c.with(having, s.Depends[name])
			}
		}
	}
	return c
}

// spread returns schemas with all that they apply to the same value.
func (m *maker) spread(shapes []*schema.Shape) (all []*schema.Shape) {
	seen := make(map[*schema.Shape]bool)
	for _, s := range shapes {
		for inner := range inPlace(s) {
			if !seen[inner] && len(all) < 200 {
				seen[inner] = true
				all = append(all, inner)
				if inner.Not != nil && !seen[inner.Not] {
					seen[inner.Not] = true
					all = append(all, inner.Not)
				}
			}
		}
	}
	return all
}

// choose returns one of some values that no schema of the context refuses by itself; or any of them, now and then.
func (m *maker) choose(c *context, values []any) (v any, ok bool) {
	if m.chance(m.odd) {
		return values[m.random.IntN(len(values))], true
	}
	for _, i := range m.random.Perm(len(values)) {
		text, err := json.Marshal(values[i])
		if err == nil && kindOf(string(text))&c.kinds != 0 && mayBe(c, string(text)) {
			return values[i], true
		}
	}
	return nil, false
}

// kind chooses a kind.
func (m *maker) kind(kinds schema.Kinds, eyed []*schema.Shape, depth int) schema.Kinds {
	wanted := kinds
	for _, s := range eyed {
		if m.chance(0.3) && wanted&s.Kinds != 0 {
			wanted &= s.Kinds
		}
	}
	var list []schema.Kinds
	for k := schema.KindNull; k <= schema.KindObject; k <<= 1 {
		if wanted&k != 0 && (depth < 6 || k < schema.KindArray || wanted < schema.KindArray*2 && wanted >= schema.KindArray) {
			list = append(list, k)
		}
	}
	if len(list) == 0 {
		return wanted & -wanted
	}
	return list[m.random.IntN(len(list))]
}
