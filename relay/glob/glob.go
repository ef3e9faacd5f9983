// This file holds the matcher and the literal prefix of a pattern.

package glob

// maxStars is how many stars with something behind them a pattern may have. Redis bounds its recursion with it.
const maxStars = 1000

// Match reports whether pattern matches the whole of s. It neither allocates nor recurses, and takes at most
// len(pattern) x len(s) steps.
//
// Only the last star is ever tried again further on: if what follows it fits nowhere in the rest of s, then giving
// an earlier star more bytes leaves an even shorter rest.
func Match(pattern, s []byte) bool {
	p, i := 0, 0
	retryP, retryI, stars := -1, 0, 0 // where to go on after a mismatch: behind the last star, one byte further
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			p = skipStars(pattern, p)
			if p == len(pattern) {
				return true
			}
			if stars++; stars > maxStars {
				return false
			}
			retryP, retryI = p, i
			continue
		}
		if next, ok := matchByte(pattern, p, s[i]); ok {
			p, i = next, i+1
			continue
		}
		if retryP < 0 {
			return false
		}
		retryI++
		p, i = retryP, retryI
	}
	if len(s) > 0 {
		p = skipStars(pattern, p)
	}
	return p == len(pattern)
}

// Literal returns the longest run of bytes that pattern spells out at its start: whatever pattern matches begins with
// it. It is all of an unescaped pattern without *, ? and [. The result may share pattern's memory.
func Literal(pattern []byte) []byte {
	var unescaped []byte // nil until the first escape: up to there the prefix is the pattern's own bytes
	for p := 0; p < len(pattern); p++ {
		c := pattern[p]
		if c == '*' || c == '?' || c == '[' {
			pattern = pattern[:p:p]
			break
		}
		if c == '\\' && p+1 < len(pattern) {
			if unescaped == nil {
				unescaped = append(make([]byte, 0, len(pattern)), pattern[:p]...)
			}
			p++
			c = pattern[p]
		}
		if unescaped != nil {
			unescaped = append(unescaped, c)
		}
	}
	if unescaped != nil {
		return unescaped
	}
	return pattern
}

// skipStars returns the first position from p on that is no star.
func skipStars(pattern []byte, p int) int {
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p
}

// matchByte matches c with the element of pattern at p, which is no star, and returns where the next element begins.
func matchByte(pattern []byte, p int, c byte) (next int, ok bool) {
	if p == len(pattern) {
		return p, false
	}
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return matchSet(pattern, p+1, c)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == c
}

// matchSet matches c with the set whose inside begins at p, and returns where the next element begins.
func matchSet(pattern []byte, p int, c byte) (next int, ok bool) {
	negated := p < len(pattern) && pattern[p] == '^'
	if negated {
		p++
	}
	found := false
	for p < len(pattern) && pattern[p] != ']' {
		left := len(pattern) - p
		switch {
		case pattern[p] == '\\' && left >= 2:
			found = found || pattern[p+1] == c
			p += 2
		case left >= 3 && pattern[p+1] == '-':
			found = found || inRange(pattern[p], pattern[p+2], c)
			p += 3
		default:
			found = found || pattern[p] == c
			p++
		}
	}
	return min(p+1, len(pattern)), found != negated
}

// inRange reports whether c lies between a and b, given in either order, as signed bytes.
func inRange(a, b, c byte) bool {
	lo, hi, x := int8(a), int8(b), int8(c) // the wrap to negative numbers is meant
	if lo > hi {
		lo, hi = hi, lo
	}
	return lo <= x && x <= hi
}
