package schema

// This file compares numbers with the limits of a schema: in 64-bit arithmetic, or as exact fractions.

import (
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// limit is what a schema asks of numbers by one keyword.
type limit struct {
	keyword keyword
	of      *big.Rat
	value   decimal // of, if it fits
	fits    bool

	holds    func(n number, value int64) bool
	compares func(sign int) bool // the same, by how the number compares with of; nil: multipleOf
}

// newLimits returns the limits of a schema.
func newLimits(s *jsonschema.Schema) (limits []limit) {
	add := func(k keyword, of *big.Rat, holds func(number, int64) bool, compares func(int) bool) {
		if of == nil {
			return
		}
		value, fits := newDecimal(of)
		limits = append(limits, limit{k, of, value, fits, holds, compares})
	}
	add(keyMinimum, s.Minimum, atLeast, func(sign int) bool { return sign >= 0 })
	add(keyExclusiveMinimum, s.ExclusiveMinimum, above, func(sign int) bool { return sign > 0 })
	add(keyMaximum, s.Maximum, atMost, func(sign int) bool { return sign <= 0 })
	add(keyExclusiveMaximum, s.ExclusiveMaximum, below, func(sign int) bool { return sign < 0 })
	add(keyMultipleOf, s.MultipleOf, divides, nil)
	return limits
}

// divides is what multipleOf asks.
func divides(n number, value int64) bool { return !n.fractional && n.floor%value == 0 }

// allows reports whether a number, n as raw writes it, is within the limit.
func (l *limit) allows(b *budget, n number, raw []byte) bool {
	b.spend(costNumber)
	if l.fits {
		times := n.times(raw, l.value.scale)
		if l.compares != nil || !times.beyond() && l.value.value != 0 {
			return l.holds(times, l.value.value)
		}
	}
	b.spend(costRat)
	r, _ := new(big.Rat).SetString(string(raw))
	if l.compares == nil {
		return new(big.Rat).Quo(r, l.of).IsInt()
	}
	return l.compares(r.Cmp(l.of))
}
