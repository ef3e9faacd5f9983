package schema

// This file compares numbers exactly, without leaving 64 bits: a bound b/10^scale is compared with the
// whole part of value*10^scale.

import (
	"math"
	"math/big"
	"strconv"
)

// maxScale is the largest number of decimals that a bound may have.
const maxScale = 18

// decimal is the number value/10^scale, of a schema.
type decimal struct {
	value int64 // nearer to 0 than math.MaxInt64, which stands for all that is beyond
	scale int
}

// newDecimal returns r as a decimal, false if it does not fit.
func newDecimal(r *big.Rat) (decimal, bool) {
	ten, scaled := big.NewRat(10, 1), new(big.Rat).Set(r)
	for scale := range maxScale + 1 {
		if scaled.IsInt() {
			n := scaled.Num()
			return decimal{n.Int64(), scale}, n.CmpAbs(big.NewInt(math.MaxInt64)) < 0
		}
		scaled.Mul(scaled, ten)
	}
	return decimal{}, false
}

// number is a JSON number, multiplied by a power of ten, of a payload.
type number struct {
	floor      int64 // the largest or smallest int64 for what is beyond them
	fractional bool  // more than floor, if floor is not at its limit
}

// kind returns the kind of the number that raw writes.
func (n number) kind(raw []byte) kind {
	if n.fractional {
		return kindFraction
	}
	for _, c := range raw {
		if c == '.' || c|0x20 == 'e' {
			return kindWhole
		}
	}
	return kindInteger
}

// scaled returns the number that raw, which the scan has accepted, writes, times 10^scale.
func scaled(raw []byte, scale int) number {
	digits, whole, exponent, negative := split(raw)
	left := whole + exponent + scale // digits before the point, once it has moved
	var n number
	for _, c := range digits {
		switch {
		case c == '.':
		case left > 0:
			n.floor = shift(n.floor, int64(c-'0'))
			left--
		default:
			n.fractional = n.fractional || c != '0'
		}
	}
	for ; left > 0 && n.floor != 0; left-- {
		n.floor = shift(n.floor, 0)
	}
	return n.signed(negative)
}

// times is scaled, given what scaled returned without a scale.
func (n number) times(raw []byte, scale int) number {
	if scale == 0 {
		return n
	}
	return scaled(raw, scale)
}

// split takes a number apart: its digits with their point, how many stand before the point, the
// exponent and the sign.
func split(raw []byte) (digits []byte, whole, exponent int, negative bool) {
	if raw[0] == '-' {
		raw, negative = raw[1:], true
	}
	whole = -1
	for i, c := range raw {
		if c == '.' {
			whole = i
		}
		if c|0x20 == 'e' {
			exponent, _ = strconv.Atoi(string(raw[i+1:])) // the scan has bounded it
			raw = raw[:i]
			break
		}
	}
	if whole < 0 {
		whole = len(raw)
	}
	return raw, whole, exponent, negative
}

// shift appends a digit, stopping at the largest int64.
func shift(whole, digit int64) int64 {
	if whole > (math.MaxInt64-digit)/10 {
		return math.MaxInt64
	}
	return 10*whole + digit
}

// signed turns the size of a number into the number.
func (n number) signed(negative bool) number {
	switch {
	case !negative:
	case n.floor == math.MaxInt64:
		n.floor = math.MinInt64
	case n.fractional:
		n.floor = -n.floor - 1
	default:
		n.floor = -n.floor
	}
	return n
}

// beyond reports whether the number does not fit, so that only its order is known.
func (n number) beyond() bool { return n.floor == math.MaxInt64 || n.floor == math.MinInt64 }

// appendCanonical appends what is the same for all ways to write one number: the digits from the
// first to the last that is not 0, the sign, and the exponent of the last.
func appendCanonical(dst, raw []byte) []byte {
	digits, whole, exponent, negative := split(raw)
	start := len(dst)
	for i, c := range digits {
		if i > whole {
			exponent--
		}
		if c != '.' && (c != '0' || len(dst) > start) {
			dst = append(dst, c)
		}
	}
	for len(dst) > start && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
		exponent++
	}
	if len(dst) == start {
		return append(dst, '0')
	}
	if negative {
		dst = append(dst, '-')
	}
	return strconv.AppendInt(append(dst, 'e'), int64(exponent), 10)
}
