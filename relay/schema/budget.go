package schema

// This file bounds the work that a check may take.

import "redis-relay/relay/schema/regex"

// A step is the unit of work, 1 to 5 ns: what an automaton takes for a byte of text, or a regular expression for a
// byte and an instruction. The steps for each byte let a large text have its pattern, but not hundreds of them.
const (
	scanSteps   = 1 << 18 // that the patterns of a scan may take, and one more for each byte: a millisecond or two
	briefSteps  = 1 << 15 // that Brief may take: some 100 us
	examSteps   = 3 << 19 // that an examination may take, and
	examPerByte = 6       // so many more for each byte of the payload,
	mostSteps   = 1 << 23 // but no more than these: some 20 ms, which a payload of 1 MiB may take
	stopSteps   = 1 << 15 // between two looks whether an examination shall stop
)

// What parts of an examination take, in steps.
const (
	costNode     = 4    // to read a value of the payload
	costVisit    = 8    // to check a value against a schema, its keywords apart
	costMember   = 4    // to look at a member of an object
	costLocation = 12   // to compare a token of two locations
	costEscape   = 96   // to escape one, if it needs that
	costNumber   = 12   // to compare a number
	costRat      = 2048 // to compare a number that does not fit 64 bits
	costItem     = 8    // to look for an item among those before it, the text of the item apart

	// For each byte:
	costFormat = 4 // format
)

// budget is the work that an examination may still take.
type budget struct {
	left    int
	lookAt  int         // the value of left below which to look again
	stopped func() bool // reports that nobody wants the result any more; nil: never
}

func newBudget(steps int, stopped func() bool) budget {
	return budget{left: steps, lookAt: max(0, steps-stopSteps), stopped: stopped}
}

// fullSteps are what an examination of so many bytes may take.
func fullSteps(size int) int { return min(examSteps+examPerByte*size, mostSteps) }

// Memory returns the bytes of memory that Validate takes at most for a payload of so many bytes.
func Memory(size int) int64 {
	const perStep = 12 // TestMemoryIsBounded measures it
	return int64(perStep * fullSteps(size))
}

// ending says why an examination ends early. It is thrown by panic, from any depth.
type ending string

const (
	exhausted ending = "too costly to check: make the message smaller, or its schema simpler"
	unwanted  ending = "the check was stopped"
)

// spend takes steps off the budget.
func (b *budget) spend(steps int) {
	if b.left -= steps; b.left < b.lookAt {
		b.look()
	}
}

// look ends the examination if it must not go on.
func (b *budget) look() {
	if b.left < 0 {
		panic(exhausted)
	}
	if b.stopped != nil && b.stopped() {
		panic(unwanted)
	}
	b.lookAt = max(0, b.left-stopSteps)
}

// matches reports whether a pattern matches a text.
func (b *budget) matches(p *regex.Pattern, text []byte) bool {
	yes := p.Matches(text, &b.left)
	b.spend(0)
	return yes
}
