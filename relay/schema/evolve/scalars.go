package evolve

// Numbers and strings.

import (
	"math/big"

	"redis-relay/relay/schema"
)

// bounds is what a context says of numbers; nil: nothing.
type bounds struct {
	low, high         *big.Rat
	openLow, openHigh bool // the bound itself is none of them
	multiples         []*big.Rat
}

func rangeOf(c *context) (b bounds) {
	for _, s := range c.holds {
		b.raise(s.Min, false)
		b.raise(s.Above, true)
		b.lower(s.Max, false)
		b.lower(s.Below, true)
		if s.MultipleOf != nil {
			b.multiples = append(b.multiples, s.MultipleOf)
		}
	}
	return b
}

func (b *bounds) raise(to *big.Rat, open bool) {
	if to == nil {
		return
	}
	if b.low == nil || to.Cmp(b.low) > 0 {
		b.low, b.openLow = to, open
	} else if to.Cmp(b.low) == 0 {
		b.openLow = b.openLow || open
	}
}

func (b *bounds) lower(to *big.Rat, open bool) {
	if to == nil {
		return
	}
	if b.high == nil || to.Cmp(b.high) < 0 {
		b.high, b.openHigh = to, open
	} else if to.Cmp(b.high) == 0 {
		b.openHigh = b.openHigh || open
	}
}

// forIntegers returns bounds that are the outermost integers.
func (b bounds) forIntegers() bounds {
	if b.low != nil {
		n := ceiling(b.low)
		if b.openLow && b.low.IsInt() {
			n.Add(n, big.NewInt(1))
		}
		b.low, b.openLow = new(big.Rat).SetInt(n), false
	}
	if b.high != nil {
		n := ceiling(new(big.Rat).Neg(b.high))
		if b.openHigh && b.high.IsInt() {
			n.Add(n, big.NewInt(1))
		}
		b.high, b.openHigh = new(big.Rat).SetInt(n.Neg(n)), false
	}
	return b
}

// ceiling returns the least integer that is not less.
func ceiling(r *big.Rat) *big.Int {
	quotient, rest := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() != 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient
}

// integers returns the bounds for integers, if there are two.
func (b bounds) integers() (low, high *big.Int, ok bool) {
	b = b.forIntegers()
	if b.low == nil || b.high == nil {
		return nil, nil, false
	}
	return new(big.Int).Set(b.low.Num()), new(big.Int).Set(b.high.Num()), true
}

// empty reports whether there is surely no number of the kinds within the bounds.
func (b bounds) empty(kinds schema.Kinds) bool {
	if kinds&schema.KindFraction == 0 {
		b = b.forIntegers()
	} else if kinds == schema.KindFraction {
		for _, m := range b.multiples {
			if m.IsInt() {
				return true
			}
		}
	}
	if b.low == nil || b.high == nil {
		return false
	}
	order := b.low.Cmp(b.high)
	return order > 0 || order == 0 && (b.openLow || b.openHigh)
}

// meetsNumber proves what a schema asks of numbers of one group of kinds.
func (p *prover) meetsNumber(c *context, to *schema.Shape) notProved {
	have := rangeOf(c)
	integral := c.kinds&schema.KindFraction == 0
	if integral {
		have = have.forIntegers()
	}
	switch {
	case have.empty(c.kinds):
		return ""
	case to.Min != nil && (have.low == nil || have.low.Cmp(to.Min) < 0):
		return keyword(to, "minimum")
	case to.Above != nil && !beyond(have.low, to.Above, have.openLow, 1):
		return keyword(to, "exclusiveMinimum")
	case to.Max != nil && (have.high == nil || have.high.Cmp(to.Max) > 0):
		return keyword(to, "maximum")
	case to.Below != nil && !beyond(have.high, to.Below, have.openHigh, -1):
		return keyword(to, "exclusiveMaximum")
	case to.MultipleOf != nil && !isMultiple(have.multiples, to.MultipleOf, integral):
		return keyword(to, "multipleOf")
	}
	return ""
}

// beyond reports whether a bound is on the far side of a limit, which itself is refused.
func beyond(have, limit *big.Rat, open bool, side int) bool {
	if have == nil {
		return false
	}
	order := have.Cmp(limit) * side
	return order > 0 || order == 0 && open
}

// isMultiple reports whether multiples of all of some numbers are surely multiples of another one.
func isMultiple(known []*big.Rat, of *big.Rat, integral bool) bool {
	if integral {
		known = append([]*big.Rat{big.NewRat(1, 1)}, known...)
	}
	for _, k := range known {
		if of.Sign() != 0 && new(big.Rat).Quo(k, of).IsInt() {
			return true
		}
	}
	return false
}

// lengths returns what a context says of the length of strings; most is -1 without a bound.
func lengths(c *context) (least, most int) {
	most = -1
	for _, s := range c.holds {
		least, most = tighter(least, most, s.MinLength, s.MaxLength)
	}
	return least, most
}

// tighter adds bounds to others. -1 is none.
func tighter(least, most, low, high int) (int, int) {
	if high >= 0 && (most < 0 || high < most) {
		most = high
	}
	return max(least, low), most
}

// meetsString proves what a schema asks of strings.
func (p *prover) meetsString(c *context, to *schema.Shape) notProved {
	least, most := lengths(c)
	switch {
	case most >= 0 && least > most:
		return ""
	case to.MinLength > least:
		return keyword(to, "minLength")
	case to.MaxLength >= 0 && (most < 0 || most > to.MaxLength):
		return keyword(to, "maxLength")
	}
	if to.Pattern != nil && !some(c, func(s *schema.Shape) bool {
		return s.Pattern != nil && s.Pattern.String() == to.Pattern.String()
	}) {
		return keyword(to, "pattern")
	}
	if to.Format != "" && !some(c, func(s *schema.Shape) bool { return s.Format == to.Format }) {
		return keyword(to, "format")
	}
	return ""
}

// some reports whether any of the schemas that a context knows is as wanted.
func some(c *context, wanted func(*schema.Shape) bool) bool {
	for _, s := range c.holds {
		if wanted(s) {
			return true
		}
	}
	return false
}
