package hub

// Which patterns match a channel, however many there are.

import (
	"iter"

	"redis-relay/relay/glob"
)

// patterns finds patterns by the literal text that they begin with: a channel is
// compared only with those whose text it begins with.
type patterns struct {
	byPrefix map[string]map[string]*topic // literal text → pattern → its topic
	lengths  map[int]int                  // bytes of literal texts → how many texts
}

func newPatterns() patterns {
	return patterns{map[string]map[string]*topic{}, map[int]int{}}
}

func (p *patterns) add(name string, t *topic) {
	prefix := string(glob.Literal([]byte(name)))
	same := p.byPrefix[prefix]
	if same == nil {
		same = map[string]*topic{}
		p.byPrefix[prefix] = same
		p.lengths[len(prefix)]++
	}
	same[name] = t
}

func (p *patterns) remove(name string) {
	prefix := string(glob.Literal([]byte(name)))
	delete(p.byPrefix[prefix], name)
	if len(p.byPrefix[prefix]) > 0 {
		return
	}
	delete(p.byPrefix, prefix)
	if p.lengths[len(prefix)]--; p.lengths[len(prefix)] == 0 {
		delete(p.lengths, len(prefix))
	}
}

// matching yields the patterns that match channel, with their topics.
func (p *patterns) matching(channel []byte) iter.Seq2[string, *topic] {
	return func(yield func(string, *topic) bool) {
		for n := range p.lengths {
			if n > len(channel) {
				continue
			}
			for name, t := range p.byPrefix[string(channel[:n])] {
				if glob.Match([]byte(name), channel) && !yield(name, t) {
					return
				}
			}
		}
	}
}
