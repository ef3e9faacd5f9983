package evolve

// Implies: the question, and its answer.

import (
	"time"

	"redis-relay/relay/schema"
)

// maxTime bounds a proof, and a search, for schemas that are costly beyond what the other bounds foresee.
const maxTime = 3 * time.Second

// isLate reports whether a moment has passed; the zero time never does.
func isLate(until time.Time) bool { return !until.IsZero() && time.Now().After(until) }

// Verdict is an answer of Implies.
type Verdict uint8

// The verdicts.
const (
	Undecided    Verdict = iota
	Compatible           // all that the one accepts, the other accepts, too
	Incompatible         // there is a message that the one accepts and the other refuses
)

// Answer is what Implies has found.
type Answer struct {
	Verdict Verdict
	Message []byte // Incompatible: a message that the one accepts and the other refuses, as small as was found
	Reason  string // Incompatible: why it is refused
	Keyword string // Undecided: the place of the keyword at which the proof ended
}

// Side is a list of schemas of which a message must pass one. An empty list lets any bytes pass. The checkers must
// have schemas.
type Side []*schema.Checker

// Accepts returns nil if one of the schemas accepts a message, and else the error of the first.
func (s Side) Accepts(message []byte) (first error) {
	for _, c := range s {
		_, err := c.Check(message)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// Implies says whether each message that from accepts is accepted by to. It takes from less than a millisecond for
// small schemas to about a second for those that are large and not compatible, and some seconds at most. The same
// question always gets the same answer, unless that time was too short for it.
func Implies(from, to Side) Answer {
	switch {
	case len(to) == 0:
		return Answer{Verdict: Compatible}
	case len(from) == 0:
		return ofAnyBytes(to)
	}
	have, why := from.shapes()
	if why != "" {
		return Answer{Keyword: why}
	}
	want, why := to.shapes()
	if why != "" {
		return Answer{Keyword: why}
	}
	p := newProver(have, want)
	p.until = time.Now().Add(maxTime)
	goal := union(want)
	if p.allAmong(have, want) {
		return Answer{Verdict: Compatible}
	}
	why = p.impliesAll(have, goal)
	messages := maxMessages
	if why == "" {
		messages = fewMessages // to be safe from mistakes of the proof
	}
	if message := search(from, to, have, want, messages); message != nil {
		return Answer{Verdict: Incompatible, Message: message, Reason: to.Accepts(message).Error()}
	}
	if why != "" {
		return Answer{Keyword: why}
	}
	return Answer{Verdict: Compatible}
}

// impliesAll proves that a schema accepts what any of several does.
func (p *prover) impliesAll(shapes []*schema.Shape, to *schema.Shape) notProved {
	for _, s := range shapes {
		if why := p.implies(anything.with(s), to, 0); why != "" {
			return why
		}
	}
	return ""
}

// ofAnyBytes answers for messages of any bytes, of which at least one is no JSON.
func ofAnyBytes(to Side) Answer {
	message := []byte("any text")
	return Answer{Verdict: Incompatible, Message: message, Reason: to.Accepts(message).Error()}
}

// shapes returns what the schemas ask, or why that cannot be told.
func (s Side) shapes() (list []*schema.Shape, why string) {
	for _, c := range s {
		shape, why := c.Shape()
		if shape == nil {
			return nil, why
		}
		list = append(list, shape)
	}
	return list, ""
}
